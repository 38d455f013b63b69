package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// rawAPI is the API of an instance for requests that no client library would send.
type rawAPI struct {
	instance *instance
	config   *rest.Config
	client   *http.Client
}

// rawTime bounds one request: the API server itself gives up after a minute.
const rawTime = 90 * time.Second

// Content types: curl -d declares every body a form.
const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

func newRawAPI(t *testing.T, i *instance) *rawAPI {
	t.Helper()
	config := i.config(t)
	client, err := rest.HTTPClientFor(config)
	must(t, err)
	return &rawAPI{instance: i, config: config, client: client}
}

// send sends a request with exactly these bytes and this content type.
func (a *rawAPI) send(t *testing.T, method, path, contentType, body string) reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), rawTime)
	defer cancel()
	response := a.open(t, ctx, method, path, contentType, body)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	must(t, err)
	return reply{response.StatusCode, data}
}

// open sends a request and returns the reply with its body still to be read.
func (a *rawAPI) open(t *testing.T, ctx context.Context, method, path, contentType, body string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, a.config.Host+path, strings.NewReader(body))
	must(t, err)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	response, err := a.client.Do(r)
	must(t, err)
	return response
}

// curl sends a file as curl -d @file does: its line ends left out, and declared a form.
func (a *rawAPI) curl(t *testing.T, path, file string) reply {
	t.Helper()
	return a.send(t, http.MethodPost, path, formType, strings.NewReplacer("\n", "", "\r", "").Replace(file))
}

func (a *rawAPI) get(t *testing.T, path string) reply {
	t.Helper()
	return a.send(t, http.MethodGet, path, "", "")
}

func (a *rawAPI) delete(t *testing.T, path string) reply {
	t.Helper()
	return a.send(t, http.MethodDelete, path, "", "")
}

func (a *rawAPI) patch(t *testing.T, path, body string) reply {
	t.Helper()
	return a.send(t, http.MethodPatch, path, "application/merge-patch+json", body)
}

// watch opens a watch and returns a function that waits for its next event: type, kind and name.
func (a *rawAPI) watch(t *testing.T, path string) (next func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), rawTime)
	t.Cleanup(cancel)
	response := a.open(t, ctx, http.MethodGet, path, "", "")
	t.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		t.Fatalf("watch %s: %s", path, response.Status)
	}
	lines := bufio.NewScanner(response.Body)
	return func() string {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("the watch of %s ended: %v", path, lines.Err())
		}
		var event struct {
			Type   string
			Object anyObject
		}
		must(t, json.Unmarshal(lines.Bytes(), &event))
		return event.Type + " " + event.Object.Kind + " " + event.Object.Name
	}
}

// kubectl runs kubectl with something on its standard input and returns what it prints and whether it succeeded.
func (a *rawAPI) kubectl(t *testing.T, stdin string, args ...string) (string, bool) {
	t.Helper()
	cmd := standalone(append([]string{"kubectl", "--kubeconfig", a.instance.kubeconfig}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	code, out, errOut := run(t, cmd)
	return out + errOut, code == 0
}

// reply is an answer of the API server.
type reply struct {
	code int
	body []byte
}

// must fails the test unless the reply has this code.
func (r reply) must(t *testing.T, code int) reply {
	t.Helper()
	if r.code != code {
		t.Fatalf("code %d, want %d: %s", r.code, code, r.body)
	}
	return r
}

// anyObject is as much of any object as these tests look at.
type anyObject struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Items             []anyObject `json:"items"`
	Anything          any         `json:"anything"`
}

func (r reply) object(t *testing.T) anyObject {
	t.Helper()
	var out anyObject
	if err := json.Unmarshal(r.body, &out); err != nil {
		t.Fatalf("%s: %v", r.body, err)
	}
	return out
}

// status reads the reply as a Status, which every refusal must be.
func (r reply) status(t *testing.T) metav1.Status {
	t.Helper()
	var out metav1.Status
	if err := json.Unmarshal(r.body, &out); err != nil || out.Kind != "Status" || int(out.Code) != r.code {
		t.Fatalf("code %d, not a Status of that code: %s (%v)", r.code, r.body, err)
	}
	return out
}

// fieldsOf are the paths that a Status complains of.
func fieldsOf(status metav1.Status) []string {
	var out []string
	if status.Details != nil {
		for _, cause := range status.Details.Causes {
			out = append(out, cause.Field)
		}
	}
	return out
}
