package e2e

import (
	"context"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	clusterPolicies = "clusternetworkpolicies.policy.networking.k8s.io"
	bundleVersion   = "policy.networking.k8s.io/bundle-version"
)

// installNewer does what somebody does who installs a later release of the cluster policy APIs: another version, in which objects are stored.
func installNewer(t *testing.T, i *instance) {
	t.Helper()
	clients, err := clientset.NewForConfig(i.config(t))
	must(t, err)
	definitions := clients.ApiextensionsV1().CustomResourceDefinitions()
	eventually(t, "a later release is installed", func(ctx context.Context) error {
		crd, err := definitions.Get(ctx, clusterPolicies, metav1.GetOptions{})
		if err != nil {
			return err
		}
		later := *crd.Spec.Versions[0].DeepCopy()
		later.Name, crd.Spec.Versions[0].Storage = "v1beta1", false
		crd.Spec.Versions = append(crd.Spec.Versions, later)
		crd.Annotations[bundleVersion] = "v99.0.0"
		_, err = definitions.Update(ctx, crd, metav1.UpdateOptions{})
		return err
	})
	s := &stage{instance: i, dynamic: i.dynamic(t), replacer: strings.NewReplacer()}
	o := s.parse(t, cnp("kept", "Admin", 1, ""))
	_, err = s.of(t, o).Create(t.Context(), o, metav1.CreateOptions{})
	must(t, err)
}

// checkNewer: a start has left the later release alone, and its objects are readable in the version that Hedgerow knows.
func checkNewer(t *testing.T, i *instance) {
	t.Helper()
	clients, err := clientset.NewForConfig(i.config(t))
	must(t, err)
	crd, err := clients.ApiextensionsV1().CustomResourceDefinitions().Get(t.Context(), clusterPolicies, metav1.GetOptions{})
	must(t, err)
	if len(crd.Spec.Versions) != 2 || crd.Annotations[bundleVersion] != "v99.0.0" {
		t.Errorf("the definition is of %s and has %d versions: the start has changed it", crd.Annotations[bundleVersion], len(crd.Spec.Versions))
	}
	s := &stage{instance: i, dynamic: i.dynamic(t), replacer: strings.NewReplacer()}
	_, err = s.of(t, s.parse(t, cnp("kept", "Admin", 1, ""))).Get(t.Context(), "kept", metav1.GetOptions{})
	must(t, err)
}
