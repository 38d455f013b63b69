package thirdparty

import (
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/hedgerow-net/hedgerow/internal/standalone/thirdparty/v1beta1"
)

// FuzzParseName: a name is refused with its form, or says a kind and a group under which an API server can serve it. What is refused and what is not
// is the same for the name alone and for a resource of that name, and for an accepted one there is a definition.
func FuzzParseName(f *testing.F) {
	for _, seed := range []struct{ name, version string }{
		{"network-policy.net.alpha.kubernetes.io", "v1alpha1"}, {"network-policy.net.alpha.kubernetes.io", "v2"}, {"a.b.c", "v1"}, {"a-1-b.b.c", "v1"},
		{"", ""}, {"a", "v1"}, {"a.b", "v1"}, {".b.c", "v1"}, {"-a.b.c", "v1"}, {"a-.b.c", "v1"}, {"a--b.c.d", "v1"}, {"A.b.c", "v1"}, {"a..c", "v1"}, {"a.b.c.", "v1"},
		{"ä.b.c", "v1"}, {"a.b.ä", "v1"}, {strings.Repeat("a", 63) + ".b.c", "v1"}, {"a." + strings.Repeat("b.", 126) + "c", "v1"}, {"a.b.c\n", "1v"}, {"cron-tab.stable.example.com", "-"},
	} {
		f.Add(seed.name, seed.version)
	}
	kind := regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)
	f.Fuzz(func(t *testing.T, text, version string) {
		name, err := ParseName(text)
		resource := &v1beta1.ThirdPartyResource{Versions: []v1beta1.APIVersion{{Name: version}}}
		resource.Name = text
		errs := validate(resource, nil)
		if err != nil {
			if !strings.HasPrefix(err.Error(), nameForm+": ") || len(errs) == 0 || errs[0].Field != "metadata.name" {
				t.Errorf("refused by %q, and the resource by %v", err, errs)
			}
			return
		}
		dashed, group, _ := strings.Cut(text, ".")
		if group != name.Group || strings.ReplaceAll(dashed, "-", "") != name.Singular() {
			t.Errorf("%q became %+v", text, name)
		}
		if !kind.MatchString(name.Kind) || len(validation.IsDNS1035Label(name.Resource())) > 0 || len(validation.IsDNS1123Subdomain(name.Definition())) > 0 {
			t.Errorf("%q cannot be served: %+v", text, name)
		}
		for _, e := range errs {
			if e.Field != "versions[0].name" || e.Detail == "" {
				t.Errorf("%q is wrong because of %v", text, e)
			}
		}
		if definition, err := definitionOf(resource, name); err != nil || definition.Name != name.Definition() || definition.Spec.Group != name.Group {
			t.Errorf("%q is defined as %+v, %v", text, definition, err)
		}
	})
}
