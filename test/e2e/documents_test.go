package e2e

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/yaml"
)

// documents show commands of a running cluster; test/docs runs what needs none.
var documents = []string{"../../README.md", "../../docs/denials.md", "../../docs/alpha.md"}

var (
	commandShown  = regexp.MustCompile(`(?m)^    bin/hedgerow-standalone (.*?)(?:\s+#.*)?$`)
	manifestShown = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")
	requestShown  = regexp.MustCompile(`(?m)^    curl .* -d @(\S+) \\\n\s+https://127\.0\.0\.1:PORT(\S+)$`)
	socketShown   = regexp.MustCompile(`(?m)^    curl -s --unix-socket /run/hedgerow/agent\.sock (http://agent\S+)`)
)

// TestDocuments does what the documents show, in their order, on a cluster of its own: commands of hedgerow-standalone, manifests, the
// request of the alpha API, and questions to an agent.
func TestDocuments(t *testing.T) {
	i := startInstance(t, "--ephemeral")
	commands, manifests, requests, questions := 0, 0, 0, 0
	for _, path := range documents {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		for _, match := range commandShown.FindAllStringSubmatch(text, -1) {
			commands++
			i.runShown(t, match[1])
		}
		for _, match := range manifestShown.FindAllStringSubmatch(text, -1) {
			manifests++
			i.applyShown(t, match[1])
		}
		for _, match := range requestShown.FindAllStringSubmatch(text, -1) {
			requests++
			body, err := os.ReadFile("../../" + match[1])
			if err != nil {
				t.Fatal(err)
			}
			a := newRawAPI(t, i)
			a.delete(t, match[2]+"pol1/")
			a.curl(t, match[2], string(body)).must(t, http.StatusCreated)
		}
		for _, match := range socketShown.FindAllStringSubmatch(text, -1) {
			questions++
			i.askShown(t, match[1])
		}
	}
	if commands < 6 || manifests < 1 || requests != 1 || questions < 3 {
		t.Errorf("found %d commands, %d manifests, %d requests and %d questions in the documents, want 6, 1, 1 and 3 at least", commands, manifests, requests, questions)
	}
}

// askShown asks an agent on its socket.
func (i *instance) askShown(t *testing.T, url string) {
	t.Helper()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", i.agentSocket("node1"))
	}
	client := &http.Client{Timeout: waitTime, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		t.Error(err)
		return
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("GET %s: %s", url, answer.Status)
	}
}

// runShown runs a command of the documents against this instance. "up" itself is how the instance was started.
func (i *instance) runShown(t *testing.T, line string) {
	t.Helper()
	if line == "up" {
		return
	}
	cmd := standalone(strings.Fields(line)...)
	if strings.Contains(line, " | ") {
		bin := filepath.Dir(cmd.Path) + "/"
		cmd = exec.Command("bash", "-o", "pipefail", "-c", strings.ReplaceAll("bin/hedgerow-standalone "+line, "bin/", bin))
	}
	cmd.Env = append(os.Environ(), "KUBECONFIG="+i.kubeconfig)
	if code, out, errOut := run(t, cmd); code != 0 {
		t.Errorf("bin/hedgerow-standalone %s: exit code %d\n%s%s", line, code, out, errOut)
	}
}

// applyShown applies a manifest of the documents. What shows a part of an object only, without a kind, is not applied.
func (i *instance) applyShown(t *testing.T, manifest string) {
	t.Helper()
	var object struct{ Kind string }
	if err := yaml.Unmarshal([]byte(manifest), &object); err != nil || object.Kind == "" {
		t.Errorf("this is no object (%v):\n%s", err, manifest)
		return
	}
	cmd := standalone("kubectl", "apply", "-f", "-")
	cmd.Env = append(os.Environ(), "KUBECONFIG="+i.kubeconfig)
	cmd.Stdin = strings.NewReader(manifest)
	if code, out, errOut := run(t, cmd); code != 0 {
		t.Errorf("kubectl apply: exit code %d\n%s%s\n%s", code, out, errOut, manifest)
	}
}
