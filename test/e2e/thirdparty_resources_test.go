package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	resourcesPath   = "/apis/extensions/v1beta1/thirdpartyresources"
	definitionsPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
)

// thirdParty is the body of a ThirdPartyResource as it was posted in 2016.
func thirdParty(name string, versions ...string) string {
	var list []string
	for _, version := range versions {
		list = append(list, fmt.Sprintf(`{"name": %q}`, version))
	}
	return fmt.Sprintf(`{ "metadata": {"name": %q},
  "description": "for people",
  "versions": [ %s ] }`, name, strings.Join(list, ", "))
}

// makeThirdParty posts a ThirdPartyResource and deletes it at the end of the test.
func (a *rawAPI) makeThirdParty(t *testing.T, name string, versions ...string) reply {
	t.Helper()
	created := a.curl(t, resourcesPath, thirdParty(name, versions...)).must(t, http.StatusCreated)
	t.Cleanup(func() {
		// The test's context has ended.
		r, err := http.NewRequest(http.MethodDelete, a.config.Host+resourcesPath+"/"+name, nil)
		must(t, err)
		response, err := a.client.Do(r)
		must(t, err)
		must(t, response.Body.Close())
	})
	return created
}

// TestThirdPartyLife: the first object goes in right after the resource. (The API server takes two seconds over it, as it does with every
// definition that is younger than that.) What is made again begins empty.
func TestThirdPartyLife(t *testing.T) {
	a := newRawAPI(t, shared)
	objects := "/apis/life.example.com/v1/namespaces/" + makeNamespace(t, shared, nil) + "/crontabs"
	const object = `{"metadata": {"name": "c1"}, "anything": {"is": ["kept", 1, null, {"deep": {"er": true}}]}}`
	for round := range 2 {
		created := a.curl(t, resourcesPath+"/", thirdParty("cron-tab.life.example.com", "v1", "v1alpha1")).must(t, http.StatusCreated).object(t)
		if created.APIVersion != "extensions/v1beta1" || created.Kind != "ThirdPartyResource" {
			t.Errorf("created %+v", created)
		}
		if list := a.get(t, objects).must(t, http.StatusOK).object(t); len(list.Items) > 0 {
			t.Errorf("round %d begins with %+v", round, list.Items)
		}
		events := a.watch(t, objects+"/?watch=true")
		a.curl(t, objects+"/", object).must(t, http.StatusCreated)
		if diff := cmp.Diff("ADDED CronTab c1", events()); diff != "" {
			t.Errorf("watch (-want +got):\n%s", diff)
		}
		got := a.get(t, strings.Replace(objects, "/v1/", "/v1alpha1/", 1)+"/c1/").must(t, http.StatusOK).object(t)
		want := map[string]any{"is": []any{"kept", 1.0, nil, map[string]any{"deep": map[string]any{"er": true}}}}
		if diff := cmp.Diff(any(want), got.Anything); diff != "" || got.Kind != "CronTab" {
			t.Errorf("kind %s, content (-want +got):\n%s", got.Kind, diff)
		}
		a.delete(t, resourcesPath+"/cron-tab.life.example.com").must(t, http.StatusOK)
		a.get(t, objects).must(t, http.StatusNotFound)
		a.get(t, definitionsPath+"/crontabs.life.example.com").must(t, http.StatusNotFound)
	}
}

// TestThirdPartyPolicy: the policy's own ThirdPartyResource comes and goes; its definition, its schema and its objects stay.
func TestThirdPartyPolicy(t *testing.T) {
	a := newRawAPI(t, shared)
	path := alphaPath(makeNamespace(t, shared, nil))
	a.curl(t, path+"/", publishedPolicy).must(t, http.StatusCreated)
	a.curl(t, resourcesPath, thirdParty("network-policy.net.alpha.kubernetes.io", "v1alpha1")).must(t, http.StatusCreated)
	a.get(t, path+"/pol1").must(t, http.StatusOK)
	a.delete(t, resourcesPath+"/network-policy.net.alpha.kubernetes.io").must(t, http.StatusOK)
	a.get(t, path+"/pol1").must(t, http.StatusOK)
	a.curl(t, path, `{"metadata": {"name": "bad"}, "spec": {"allowIncoming": {"toPorts": [{"port": 0}]}}}`).must(t, http.StatusUnprocessableEntity)
}

// TestThirdPartyKubectl: kubectl makes a kind, uses it and takes it away, one by one and as a collection.
func TestThirdPartyKubectl(t *testing.T) {
	a := newRawAPI(t, shared)
	namespace := makeNamespace(t, shared, nil)
	const resource = `
apiVersion: extensions/v1beta1
kind: ThirdPartyResource
metadata: {name: back-up.kubectl.example.com}
description: what is saved
versions: [{name: v1}, {name: v2}]
`
	object := `{"apiVersion": "kubectl.example.com/v2", "kind": "BackUp", "metadata": {"name": "b1", "namespace": "` + namespace + `"}, "disk": "sda"}`
	for _, step := range []struct {
		stdin string
		args  string
		want  string
	}{
		{resource, "create -f -", "back-up.kubectl.example.com created"},
		{object, "create -f -", "b1 created"},
		{"", "get backups -A", "b1"},
		{"", "get thirdpartyresources", "what is saved"},
		{"", "get tpr", "v1,v2"},
		{"", "explain thirdpartyresource", "ThirdPartyResource names a kind"},
		{resource, "apply -f -", "back-up.kubectl.example.com configured"},
		{resource, "apply --server-side --force-conflicts -f -", "serverside-applied"},
		{"", "delete thirdpartyresource back-up.kubectl.example.com", "deleted"},
	} {
		out, ok := a.kubectl(t, step.stdin, strings.Fields(step.args)...)
		if !ok || !strings.Contains(out, step.want) {
			t.Errorf("kubectl %s: %s; want %q", step.args, out, step.want)
		}
	}
	if out, ok := a.kubectl(t, "", "get", "backups", "-A"); ok {
		t.Errorf("served after its end: %s", out)
	}
	watch := a.watch(t, resourcesPath+"?watch=true&fieldSelector=metadata.name=seen.kubectl.example.com")
	a.curl(t, resourcesPath, thirdParty("seen.kubectl.example.com", "v1")).must(t, http.StatusCreated)
	a.delete(t, resourcesPath+"?fieldSelector=metadata.name=seen.kubectl.example.com").must(t, http.StatusOK)
	got := []string{watch(), watch()}
	if diff := cmp.Diff([]string{"ADDED ThirdPartyResource seen.kubectl.example.com", "DELETED ThirdPartyResource seen.kubectl.example.com"}, got); diff != "" {
		t.Errorf("watch (-want +got):\n%s", diff)
	}
	a.get(t, definitionsPath+"/seens.kubectl.example.com").must(t, http.StatusNotFound)
}

// TestThirdPartyDiscovery: clients old and new find extensions/v1beta1.
func TestThirdPartyDiscovery(t *testing.T) {
	a := newRawAPI(t, shared)
	for path, want := range map[string]string{
		"/apis":                               `"extensions/v1beta1"`,
		"/apis/extensions":                    `"v1beta1"`,
		"/apis/extensions/v1beta1":            `"thirdpartyresources"`,
		"/openapi/v3/apis/extensions/v1beta1": `ThirdPartyResource`,
		"/openapi/v2":                         `extensions.v1beta1.ThirdPartyResource`,
		resourcesPath + "/":                   `"ThirdPartyResourceList"`,
	} {
		if got := a.get(t, path).must(t, http.StatusOK); !strings.Contains(string(got.body), want) {
			t.Errorf("GET %s does not mention %s", path, want)
		}
	}
}

func TestThirdPartyBadNames(t *testing.T) {
	a := newRawAPI(t, shared)
	for _, test := range []struct{ body, field string }{
		{thirdParty("crontab", "v1"), "metadata.name"},
		{thirdParty("cron-tab.example", "v1"), "metadata.name"},
		{thirdParty("Cron.bad.example.com", "v1"), "metadata.name"},
		{thirdParty("cron--tab.bad.example.com", "v1"), "metadata.name"},
		{thirdParty("cron-tab.bad.example.com"), "versions"},
		{thirdParty("cron-tab.bad.example.com", "v1", "V 2"), "versions[1].name"},
		{thirdParty("cron-tab.bad.example.com", "v1", "v1"), "versions[1].name"},
		{thirdParty("cron-tab.networking.k8s.io", "v1"), "versions[0].name"},
		{thirdParty("network-policy.net.alpha.kubernetes.io", "v1"), "versions[0].name"},
	} {
		status := a.curl(t, resourcesPath, test.body).must(t, http.StatusUnprocessableEntity).status(t)
		if !slices.Contains(fieldsOf(status), test.field) {
			t.Errorf("%s: complains of %q: %s", test.body, fieldsOf(status), status.Message)
		}
		if test.field == "metadata.name" && !strings.Contains(status.Message, "kind-with-dashes.domain.tld") {
			t.Errorf("%s: does not explain the form: %s", test.body, status.Message)
		}
	}
	a.curl(t, resourcesPath, "no JSON").must(t, http.StatusBadRequest).status(t)
}

// TestThirdPartyConflicts: what belongs to another is not taken, and what cannot be served is not kept.
func TestThirdPartyConflicts(t *testing.T) {
	a := newRawAPI(t, shared)
	a.makeThirdParty(t, "cron-tab.conflict.example.com", "v1")
	a.curl(t, resourcesPath, thirdParty("cron-tab.conflict.example.com", "v1")).must(t, http.StatusConflict).status(t)
	status := a.curl(t, resourcesPath, thirdParty("crontab.conflict.example.com", "v1")).must(t, http.StatusConflict).status(t)
	if !strings.Contains(status.Message, "cron-tab.conflict.example.com") {
		t.Errorf("does not name the other: %s", status.Message)
	}
	a.get(t, resourcesPath+"/crontab.conflict.example.com").must(t, http.StatusNotFound)
	a.get(t, "/apis/conflict.example.com/v1/crontabs").must(t, http.StatusOK)

	// A definition that somebody made by hand is used, and stays.
	a.send(t, http.MethodPost, definitionsPath, jsonType, `{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": {"name": "byhands.conflict.example.com"}, "spec": {"group": "conflict.example.com", "scope": "Namespaced",
		"names": {"plural": "byhands", "singular": "byhand", "kind": "ByHand", "listKind": "ByHandList"},
		"versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}]}}`).must(t, http.StatusCreated)
	a.curl(t, resourcesPath, thirdParty("by-hand.conflict.example.com", "v2")).must(t, http.StatusConflict)
	a.makeThirdParty(t, "by-hand.conflict.example.com", "v1")
	a.delete(t, resourcesPath+"/by-hand.conflict.example.com").must(t, http.StatusOK)
	a.delete(t, definitionsPath+"/byhands.conflict.example.com").must(t, http.StatusOK)
}

func TestThirdPartyUpdates(t *testing.T) {
	a := newRawAPI(t, shared)
	const one = resourcesPath + "/cron-tab.update.example.com"
	a.makeThirdParty(t, "cron-tab.update.example.com", "v1")
	a.get(t, "/apis/update.example.com/v2/crontabs").must(t, http.StatusNotFound)
	patch := func(versions string) reply { return a.patch(t, one, fmt.Sprintf(`{"versions": [%s]}`, versions)) }
	patch(`{"name": "v1"}, {"name": "v2"}`).must(t, http.StatusOK)
	a.get(t, "/apis/update.example.com/v2/crontabs").must(t, http.StatusOK)
	// Objects are stored as v1, so it cannot go.
	status := patch(`{"name": "v2"}`).must(t, http.StatusUnprocessableEntity).status(t)
	if !slices.Contains(fieldsOf(status), "versions") {
		t.Errorf("complains of %q: %s", fieldsOf(status), status.Message)
	}
	patch(`{"name": ""}`).must(t, http.StatusUnprocessableEntity)
	a.get(t, "/apis/update.example.com/v1/crontabs").must(t, http.StatusOK)
}

func TestThirdPartyDryRun(t *testing.T) {
	a := newRawAPI(t, shared)
	const dry = "?dryRun=All"
	a.curl(t, resourcesPath+dry, thirdParty("cron-tab.dry.example.com", "v1")).must(t, http.StatusCreated)
	a.get(t, definitionsPath+"/crontabs.dry.example.com").must(t, http.StatusNotFound)
	a.makeThirdParty(t, "cron-tab.dry.example.com", "v1")
	a.delete(t, resourcesPath+"/cron-tab.dry.example.com"+dry).must(t, http.StatusOK)
	a.get(t, "/apis/dry.example.com/v1/crontabs").must(t, http.StatusOK)
}

// TestThirdPartyProtected: groups of Kubernetes need an approval, which the definition says it has not got.
func TestThirdPartyProtected(t *testing.T) {
	a := newRawAPI(t, shared)
	a.makeThirdParty(t, "foo-bar.protected.kubernetes.io", "v1")
	a.get(t, "/apis/protected.kubernetes.io/v1/foobars").must(t, http.StatusOK)
}

// TestThirdPartyRestart kills the process and starts it again on the same data: every kind and every object is there as soon as
// it says that it is up, and requests of 2016 are still understood.
func TestThirdPartyRestart(t *testing.T) {
	dir := t.TempDir()
	i := startInstance(t, "--data-dir", dir)
	a := newRawAPI(t, i)
	const objects = "/apis/restart.example.com/v1/namespaces/default/crontabs"
	a.curl(t, resourcesPath, thirdParty("cron-tab.restart.example.com", "v1")).must(t, http.StatusCreated)
	a.curl(t, objects, `{"metadata": {"name": "c1"}}`).must(t, http.StatusCreated)
	checkPolicyKind(t, a)
	i.kill(t)

	a = newRawAPI(t, startInstance(t, "--data-dir", dir))
	a.get(t, resourcesPath+"/cron-tab.restart.example.com").must(t, http.StatusOK)
	a.get(t, objects+"/c1").must(t, http.StatusOK)
	a.curl(t, objects+"/", `{"metadata": {"name": "c2"}}`).must(t, http.StatusCreated)
	a.get(t, alphaPath("default")+"/pol1").must(t, http.StatusOK)
	a.delete(t, resourcesPath+"/cron-tab.restart.example.com").must(t, http.StatusOK)
	a.get(t, objects).must(t, http.StatusNotFound)
}

// checkPolicyKind: where the definition of policies has been taken away, their ThirdPartyResource makes it again, with our schema, and
// it stays when the resource goes.
func checkPolicyKind(t *testing.T, a *rawAPI) {
	t.Helper()
	const name = "network-policy.net.alpha.kubernetes.io"
	a.delete(t, definitionsPath+"/networkpolicys.net.alpha.kubernetes.io").must(t, http.StatusOK)
	a.curl(t, resourcesPath, thirdParty(name, "v1alpha1")).must(t, http.StatusCreated)
	a.curl(t, alphaPath("default")+"/", publishedPolicy).must(t, http.StatusCreated)
	a.curl(t, alphaPath("default"), `{"metadata": {"name": "bad"}, "spec": {"allowIncoming": {"toPorts": [{"port": 0}]}}}`).must(t, http.StatusUnprocessableEntity)
	a.delete(t, resourcesPath+"/"+name).must(t, http.StatusOK)
	a.get(t, alphaPath("default")+"/pol1").must(t, http.StatusOK)
}
