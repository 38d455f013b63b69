package ebpf

// The object is committed, so that building needs Go alone. Rebuild it with "make generate" (clang 14).
//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -target bpfel -go-package ebpf -output-stem program -no-global-types -cflags "-O2 -g -Wall -Werror -mcpu=v3" program bpf/hedgerow.c
