package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
)

// publishedPolicy is the request body that came with the alpha API in 2016, byte for byte.
const publishedPolicy = `{ "kind": "NetworkPolicy", "metadata": {"name": "pol1"},
  "spec": { "allowIncoming": { "from":    [ {"pods": {"segment": "frontend"}} ],
                               "toPorts": [ {"port": 80, "protocol": "TCP"} ] },
            "podSelector": {"segment": "backend"} } }
`

func alphaPath(namespace string) string {
	return "/apis/net.alpha.kubernetes.io/v1alpha1/namespaces/" + namespace + "/networkpolicys"
}

// TestAlphaAsPublished: the published request is taken byte for byte, and everything that a slash at the end was good for.
func TestAlphaAsPublished(t *testing.T) {
	a := newRawAPI(t, shared)
	namespace := makeNamespace(t, shared, nil)
	path := alphaPath(namespace)
	created := a.curl(t, path+"/", publishedPolicy).must(t, http.StatusCreated).object(t)
	if created.APIVersion != "net.alpha.kubernetes.io/v1alpha1" || created.Kind != "NetworkPolicy" || created.Name != "pol1" {
		t.Errorf("created %+v", created)
	}
	a.curl(t, path+"/", publishedPolicy).must(t, http.StatusConflict)
	for _, get := range []string{path, path + "/"} {
		if list := a.get(t, get).must(t, http.StatusOK).object(t); len(list.Items) != 1 || list.Items[0].Name != "pol1" {
			t.Errorf("GET %s: %+v", get, list)
		}
	}
	a.get(t, path+"/pol1/").must(t, http.StatusOK)
	out, ok := a.kubectl(t, "", "-n", namespace, "get", "networkpolicys")
	if !ok || !strings.Contains(out, "pol1") || !strings.Contains(out, `{"segment":"backend"}`) {
		t.Errorf("kubectl get networkpolicys: %s", out)
	}
	// networkpolicy means networking.k8s.io/v1 and always did.
	if out, ok := a.kubectl(t, "", "-n", namespace, "get", "networkpolicy"); !ok || strings.Contains(out, "pol1") {
		t.Errorf("kubectl get networkpolicy: %s", out)
	}
	a.delete(t, path+"/pol1/").must(t, http.StatusOK)
	a.get(t, path+"/pol1").must(t, http.StatusNotFound)
}

// TestAlphaBodiesOfToday: what clients of today send is taken as before.
func TestAlphaBodiesOfToday(t *testing.T) {
	a := newRawAPI(t, shared)
	namespace := makeNamespace(t, shared, nil)
	path := alphaPath(namespace)
	a.send(t, http.MethodPost, path, "", strings.Replace(publishedPolicy, "pol1", "no-type", 1)).must(t, http.StatusCreated)
	a.send(t, http.MethodPost, path, jsonType, strings.Replace(publishedPolicy, "pol1", "json", 1)).must(t, http.StatusCreated)
	yaml := `
apiVersion: net.alpha.kubernetes.io/v1alpha1
kind: NetworkPolicy
metadata: {name: yaml, namespace: ` + namespace + `}
spec:
  podSelector: {}
  allowIncoming:
    from: [{namespaces: {}}, {pods: {}}]
    toPorts: [{port: http, protocol: tcp}, {protocol: Sctp}]
`
	a.send(t, http.MethodPost, path, "application/yaml", strings.Replace(yaml, "name: yaml", "name: raw-yaml", 1)).must(t, http.StatusCreated)
	for _, args := range [][]string{{"create", "-f", "-"}, {"apply", "-f", "-"}, {"apply", "--server-side", "--force-conflicts", "-f", "-"}} {
		if out, ok := a.kubectl(t, yaml, args...); !ok {
			t.Errorf("kubectl %s: %s", args, out)
		}
	}
}

// malformed are specs of policies that must be refused, with the paths that the refusal must name.
var malformed = []struct{ name, spec, want string }{
	{"spec is a list", `[]`, "spec"},
	{"allowIncoming is a string", `{"allowIncoming": "all"}`, "spec.allowIncoming"},
	{"from is an object", `{"allowIncoming": {"from": {}}}`, "spec.allowIncoming.from"},
	{"from is null", `{"allowIncoming": {"from": null}}`, "spec.allowIncoming.from"},
	{"toPorts is null", `{"allowIncoming": {"toPorts": null}}`, "spec.allowIncoming.toPorts"},
	{"port is null", `{"allowIncoming": {"toPorts": [{"port": null}]}}`, "spec.allowIncoming.toPorts[0].port"},
	{"podSelector is null", `{"podSelector": null}`, "spec.podSelector"},
	{"a label is null", `{"podSelector": {"a": null}}`, "spec.podSelector.a"},
	{"pods is null", `{"allowIncoming": {"from": [{"pods": null, "namespaces": {}}]}}`, "spec.allowIncoming.from[0].pods"},
	{"pods is a list", `{"allowIncoming": {"from": [{"pods": ["a"]}]}}`, "spec.allowIncoming.from[0].pods"},
	{"a label is a number", `{"podSelector": {"a": 1}}`, "spec.podSelector.a"},
	{"port 0", `{"allowIncoming": {"toPorts": [{"port": 80}, {"port": 0}]}}`, "spec.allowIncoming.toPorts[1].port"},
	{"port 70000", `{"allowIncoming": {"toPorts": [{"port": 70000}]}}`, "spec.allowIncoming.toPorts[0].port"},
	{"port that wraps to 80", `{"allowIncoming": {"toPorts": [{"port": 4294967376}]}}`, "spec.allowIncoming.toPorts[0].port"},
	{"port is a list", `{"allowIncoming": {"toPorts": [{"port": [80]}]}}`, "spec.allowIncoming.toPorts[0].port"},
	{"protocol ICMP", `{"allowIncoming": {"toPorts": [{"protocol": "ICMP"}]}}`, "spec.allowIncoming.toPorts[0].protocol"},
	{"empty peer", `{"allowIncoming": {"from": [{"pods": {}}, {}]}}`, "spec.allowIncoming.from[1]"},
	{"1001 peers", `{"allowIncoming": {"from": [` + strings.Repeat(`{"pods": {}},`, 1000) + `{"pods": {}}]}}`, "spec.allowIncoming.from"},
	{"label key with a space", `{"podSelector": {"a b": ""}}`, "spec.podSelector[a b]"},
	{"unknown in spec", `{"ingress": []}`, "spec.ingress"},
	{"unknown in allowIncoming", `{"allowIncoming": {"form": [{"pods": {}}]}}`, "spec.allowIncoming.form"},
	{"unknown in a peer", `{"allowIncoming": {"from": [{"pods": {}, "ipBlock": {}}]}}`, "spec.allowIncoming.from[0].ipBlock"},
	{"only unknown in a peer", `{"allowIncoming": {"from": [{"pod": {}}]}}`, "spec.allowIncoming.from[0].pod"},
	{"unknown in a port", `{"allowIncoming": {"toPorts": [{"port": 80, "name": "http"}]}}`, "spec.allowIncoming.toPorts[0].name"},
}

// TestAlphaBadInput: every malformed policy is refused with the path of what is wrong.
func TestAlphaBadInput(t *testing.T) {
	a := newRawAPI(t, shared)
	namespace := makeNamespace(t, shared, nil)
	path := alphaPath(namespace)
	for _, test := range malformed {
		t.Run(test.name, func(t *testing.T) {
			status := a.curl(t, path+"/", fmt.Sprintf(`{"metadata": {"name": "bad"}, "spec": %s}`, test.spec)).
				must(t, http.StatusUnprocessableEntity).status(t)
			if got := fieldsOf(status); !slices.Contains(got, test.want) || !strings.Contains(status.Message, test.want) {
				t.Errorf("complains of %q, want %s: %s", got, test.want, status.Message)
			}
		})
	}
	status := a.curl(t, path, `{"metadata": {"name": "bad"}, "Spec": {}}`).must(t, http.StatusUnprocessableEntity).status(t)
	if diff := cmp.Diff([]string{"Spec"}, fieldsOf(status)); diff != "" {
		t.Errorf("unknown field beside spec (-want +got):\n%s", diff)
	}
	a.curl(t, path, `{"kind": "Pod", "metadata": {"name": "bad"}}`).must(t, http.StatusUnprocessableEntity).status(t)
	out, ok := a.kubectl(t, `{"apiVersion": "net.alpha.kubernetes.io/v1alpha1", "kind": "NetworkPolicy", "metadata": {"name": "bad", "namespace": "`+namespace+`"},
		"spec": {"allowIncoming": {"form": []}}}`, "create", "-f", "-")
	if ok || !strings.Contains(out, "spec.allowIncoming.form") {
		t.Errorf("kubectl create of an unknown field: %s", out)
	}
	if list := a.get(t, path).must(t, http.StatusOK).object(t); len(list.Items) > 0 {
		t.Errorf("stored nevertheless: %+v", list.Items)
	}
}

// TestAlphaBadBodies: what is no JSON object, or too large, is refused with a Status.
func TestAlphaBadBodies(t *testing.T) {
	a := newRawAPI(t, shared)
	namespace := makeNamespace(t, shared, nil)
	path := alphaPath(namespace)
	for name, body := range map[string]string{"a form": "a=b", "nothing": "", "null": "null", "half": `{"spec":`, "a list": "[]"} {
		t.Run(name, func(t *testing.T) { a.curl(t, path+"/", body).must(t, http.StatusBadRequest).status(t) })
	}
	large := fmt.Sprintf(`{"metadata": {"name": "large", "annotations": {"a": %q}}}`, strings.Repeat("x", 3<<20))
	a.curl(t, path+"/", large).must(t, http.StatusRequestEntityTooLarge).status(t)
	// Others get no such treatment.
	a.curl(t, "/apis/networking.k8s.io/v1/namespaces/"+namespace+"/networkpolicies", `{"metadata": {"name": "a"}, "spec": {"podSelector": {}}}`).
		must(t, http.StatusUnsupportedMediaType)
}

// TestAlphaUpdates: updates are judged as creations are.
func TestAlphaUpdates(t *testing.T) {
	a := newRawAPI(t, shared)
	namespace := makeNamespace(t, shared, nil)
	path := alphaPath(namespace)
	a.curl(t, path, publishedPolicy).must(t, http.StatusCreated)
	status := a.patch(t, path+"/pol1", `{"spec": {"allowIncoming": {"form": []}}}`).must(t, http.StatusUnprocessableEntity).status(t)
	if diff := cmp.Diff([]string{"spec.allowIncoming.form"}, fieldsOf(status)); diff != "" {
		t.Errorf("patch with an unknown field (-want +got):\n%s", diff)
	}
	version := a.patch(t, path+"/pol1", `{"spec": {"allowIncoming": {"toPorts": [{"port": 443}]}}}`).must(t, http.StatusOK).object(t).ResourceVersion
	put := strings.Replace(publishedPolicy, `"pol1"`, fmt.Sprintf(`"pol1", "resourceVersion": %q`, version), 1)
	a.send(t, http.MethodPut, path+"/pol1/", formType, put).must(t, http.StatusOK)
	if out, ok := a.kubectl(t, "", "-n", namespace, "label", "networkpolicys", "pol1", "a=b"); !ok {
		t.Errorf("kubectl label: %s", out)
	}
}

// TestAlphaStrangers: who is not authenticated learns nothing, whatever the body.
func TestAlphaStrangers(t *testing.T) {
	a := newRawAPI(t, shared)
	client, err := rest.HTTPClientFor(rest.AnonymousClientConfig(a.config))
	if err != nil {
		t.Fatal(err)
	}
	stranger := *a
	stranger.client = client
	for _, body := range []string{publishedPolicy, "no JSON"} {
		reply := stranger.curl(t, alphaPath("default")+"/", body)
		if reply.code != http.StatusUnauthorized && reply.code != http.StatusForbidden {
			t.Errorf("code %d: %s", reply.code, reply.body)
		}
	}
}

// TestIsolationValuesAreNeverRefused: a value that makes no sense isolates, and the agent says so.
func TestIsolationValuesAreNeverRefused(t *testing.T) {
	a := newRawAPI(t, shared)
	namespace := makeNamespace(t, shared, nil)
	for _, value := range []string{"on", "off", "maybe", ""} {
		if out, ok := a.kubectl(t, "", "annotate", "--overwrite", "namespace", namespace, isolation+"="+value); !ok {
			t.Errorf("value %q: %s", value, out)
		}
	}
}
