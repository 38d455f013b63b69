# Two commands matter: "make up" shows a tenant being isolated, "make test" runs every test. Both need root, Go, git and make.

GO       ?= go
BIN      := $(CURDIR)/bin
COMMANDS := hedgerow hedgerow-standalone hedgerow-agent hedgerow-cni hedgerow-toolbox
# The versions that the linked-in Kubernetes reports.
KUBE     := k8s.io/component-base/version
LDFLAGS  := -s -w -X $(KUBE).gitVersion=v1.36.3 -X $(KUBE).gitMajor=1 -X $(KUBE).gitMinor=36 -X $(KUBE).gitTreeState=clean \
            -X k8s.io/client-go/pkg/version.gitVersion=v1.36.3
.PHONY: up build test mutate generate check bench clean

## up: build, and show a tenant being isolated with real packets (ARGS=--exit: end after the table)
up: build
	@$(BIN)/hedgerow-standalone demo $(ARGS)

## build: all binaries, into bin/
build:
	@echo "Building (the first time, with the Kubernetes API server linked in, takes some minutes) ..."
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ $(addprefix ./cmd/,$(COMMANDS))

## test: every test, as root, in network namespaces of their own
test: build
	@test/run $(TESTFLAGS)

## mutate: break the code in every listed way and require that a test notices (ARGS="-run endPort")
mutate:
	@$(GO) run ./test/mutate $(ARGS)

## bench: how fast an isolation takes effect on this machine (ARGS="--toggles 100")
bench: build
	@$(BIN)/hedgerow-standalone bench $(ARGS)

## generate: rebuild the committed eBPF objects (clang-14, llvm-strip-14), the definitions of policy.networking.k8s.io and docs/cli
generate:
	@$(GO) generate ./internal/datapath/ebpf ./deploy/crds ./internal/cli

## check: vet, gofmt, go mod tidy, staticcheck
check:
	@test/check

clean:
	@rm -rf $(BIN)
