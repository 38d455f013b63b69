package thirdparty

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// seen is what the wrapped handler got.
type seen struct{ Path, ContentType, Body string }

// send gives a request to a wrapped handler and returns what the handler behind it sees, and the error of reading the body.
func send(t *testing.T, r *http.Request) (got seen, err error) {
	t.Helper()
	extension := New(slog.New(slog.DiscardHandler))
	name, nameErr := ParseName("cron-tab.example.com")
	if nameErr != nil {
		t.Fatal(nameErr)
	}
	extension.kinds.add(name)
	handler := extension.WrapHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		data, readErr := io.ReadAll(r.Body)
		got, err = seen{r.URL.Path, r.Header.Get("Content-Type"), string(data)}, readErr
		if closeErr := r.Body.Close(); closeErr != nil {
			t.Error(closeErr)
		}
	}))
	handler.ServeHTTP(httptest.NewRecorder(), r)
	return got, err
}

const (
	form     = "application/x-www-form-urlencoded"
	jsonType = "application/json"
	policies = "/apis/net.alpha.kubernetes.io/v1alpha1/namespaces/tenant-a/networkpolicys"
	policyIs = `"apiVersion":"net.alpha.kubernetes.io/v1alpha1","kind":"NetworkPolicy"`
)

func TestRequests(t *testing.T) {
	for _, test := range []struct {
		name, method, path, contentType, body string
		want                                  seen
	}{
		{"as curl sends it", "POST", policies + "/", form, `{ "kind": "NetworkPolicy", "spec": {} }`,
			seen{policies, jsonType, `{"apiVersion":"net.alpha.kubernetes.io/v1alpha1", "kind": "NetworkPolicy", "spec": {} }`}},
		{"no content type", "POST", policies, "", `{}`, seen{policies, jsonType, "{" + policyIs + "}"}},
		{"form with a charset", "POST", policies, form + "; charset=utf-8", `{"a":1}`, seen{policies, jsonType, "{" + policyIs + `,"a":1}`}},
		{"JSON without a type", "POST", policies, jsonType, "\n\t{\n}", seen{policies, jsonType, "\n\t{" + policyIs + "\n}"}},
		{"complete JSON", "POST", policies, jsonType, `{"kind":"a","apiVersion":"b"}`, seen{policies, jsonType, `{"kind":"a","apiVersion":"b"}`}},
		{"PUT", "PUT", policies + "/pol1/", form, `{"kind":"NetworkPolicy"}`,
			seen{policies + "/pol1", jsonType, `{"apiVersion":"net.alpha.kubernetes.io/v1alpha1","kind":"NetworkPolicy"}`}},
		{"a third-party kind", "POST", "/apis/example.com/v1/namespaces/x/crontabs/", form, `{}`,
			seen{"/apis/example.com/v1/namespaces/x/crontabs", jsonType, `{"apiVersion":"example.com/v1","kind":"CronTab"}`}},
		{"a ThirdPartyResource", "POST", "/apis/extensions/v1beta1/thirdpartyresources/", form, `{}`,
			seen{"/apis/extensions/v1beta1/thirdpartyresources", jsonType, `{"apiVersion":"extensions/v1beta1","kind":"ThirdPartyResource"}`}},
		{"GET", "GET", policies + "/", "", "", seen{policies, "", ""}},
		{"GET of all namespaces", "GET", "/apis/net.alpha.kubernetes.io/v1alpha1/networkpolicys/", "", "", seen{"/apis/net.alpha.kubernetes.io/v1alpha1/networkpolicys", "", ""}},
		{"DELETE", "DELETE", policies + "/pol1/", "", "", seen{policies + "/pol1", "", ""}},
		{"PATCH is not touched but for the slash", "PATCH", policies + "/pol1/", "application/merge-patch+json", "{}", seen{policies + "/pol1", "application/merge-patch+json", "{}"}},
		{"YAML", "POST", policies, "application/yaml", "a: b", seen{policies, "application/yaml", "a: b"}},
		{"protobuf", "POST", policies, "application/vnd.kubernetes.protobuf", "k8s", seen{policies, "application/vnd.kubernetes.protobuf", "k8s"}},
		{"a content type that is none", "POST", policies, ";;", "{}", seen{policies, ";;", "{}"}},
		{"a subresource", "PUT", policies + "/pol1/status", jsonType, "{}", seen{policies + "/pol1/status", jsonType, "{}"}},
		{"another kind of the group", "POST", "/apis/net.alpha.kubernetes.io/v1alpha1/namespaces/x/foos/", form, "{}",
			seen{"/apis/net.alpha.kubernetes.io/v1alpha1/namespaces/x/foos/", form, "{}"}},
		{"another group", "POST", "/apis/networking.k8s.io/v1/namespaces/x/networkpolicies/", form, "{}",
			seen{"/apis/networking.k8s.io/v1/namespaces/x/networkpolicies/", form, "{}"}},
		{"the core group", "POST", "/api/v1/namespaces/", form, "{}", seen{"/api/v1/namespaces/", form, "{}"}},
		{"another version of extensions", "POST", "/apis/extensions/v1/thirdpartyresources/", form, "{}", seen{"/apis/extensions/v1/thirdpartyresources/", form, "{}"}},
		{"another resource of extensions", "POST", "/apis/extensions/v1beta1/namespaces/x/ingresses/", form, "{}",
			seen{"/apis/extensions/v1beta1/namespaces/x/ingresses/", form, "{}"}},
		{"the root", "GET", "/", "", "", seen{"/", "", ""}},
		{"a namespace by itself", "GET", "/apis/example.com/v1/namespaces/x/", "", "", seen{"/apis/example.com/v1/namespaces/x/", "", ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, test.path, strings.NewReader(test.body))
			r.Header.Set("Content-Type", test.contentType)
			got, err := send(t, r)
			if err != nil {
				t.Fatalf("read the body: %v", err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			if r.URL.Path != test.path || r.Header.Get("Content-Type") != test.contentType {
				t.Errorf("the request itself was changed: %s, %s", r.URL.Path, r.Header.Get("Content-Type"))
			}
		})
	}
}

func TestRequestsWithBadBodies(t *testing.T) {
	for _, test := range []struct {
		name string
		body io.Reader
		want func(error) bool
	}{
		{"a form", strings.NewReader("a=b&c=d"), apierrors.IsBadRequest},
		{"nothing", strings.NewReader(""), apierrors.IsBadRequest},
		{"null", strings.NewReader("null"), apierrors.IsBadRequest},
		{"a list", strings.NewReader("[{}]"), apierrors.IsBadRequest},
		{"two objects", strings.NewReader("{}{}"), apierrors.IsBadRequest},
		{"half an object", strings.NewReader(`{"a":`), apierrors.IsBadRequest},
		{"YAML", strings.NewReader("kind: NetworkPolicy"), apierrors.IsBadRequest},
		{"more than may be", strings.NewReader(`{"a":"` + strings.Repeat("x", maxBody) + `"}`), apierrors.IsRequestEntityTooLargeError},
		{"a broken connection", io.MultiReader(strings.NewReader("{"), brokenReader{}), func(err error) bool { return errors.Is(err, errBroken) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", policies+"/", test.body)
			r.Header.Set("Content-Type", form)
			got, err := send(t, r)
			if err == nil || !test.want(err) || got.Body != "" {
				t.Errorf("read %q, error %v", got.Body, err)
			}
		})
	}
}

func TestBodyAtTheLimit(t *testing.T) {
	body := `{"kind":"k","apiVersion":"v","a":""}`
	body = strings.Replace(body, `""`, `"`+strings.Repeat("x", maxBody-len(body))+`"`, 1)
	r := httptest.NewRequest("POST", policies, strings.NewReader(body))
	got, err := send(t, r)
	if err != nil || got.Body != body {
		t.Errorf("%d bytes of %d, error %v", len(got.Body), len(body), err)
	}
}

func TestRemovedKindsAreLeftAlone(t *testing.T) {
	extension := New(slog.New(slog.DiscardHandler))
	name, policy := Name{Kind: "CronTab", Group: "example.com"}, Name{Kind: "NetworkPolicy", Group: "net.alpha.kubernetes.io"}
	for _, kind := range []Name{name, policy} {
		extension.kinds.add(kind)
		extension.kinds.remove(kind)
	}
	for path, want := range map[string]string{
		"/apis/example.com/v1/crontabs/":                         "/apis/example.com/v1/crontabs/",
		"/apis/net.alpha.kubernetes.io/v1alpha1/networkpolicys/": "/apis/net.alpha.kubernetes.io/v1alpha1/networkpolicys",
	} {
		if got := extension.kinds.modernize(httptest.NewRequest("GET", path, nil)).URL.Path; got != want {
			t.Errorf("%s became %s, want %s", path, got, want)
		}
	}
}

var errBroken = errors.New("broken")

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }
