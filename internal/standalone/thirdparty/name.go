package thirdparty

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Name is what the name of a ThirdPartyResource means.
type Name struct {
	// Kind is in CamelCase.
	Kind string
	// Group is everything behind the first dot.
	Group string
}

// nameForm explains the form of a name to whoever got it wrong.
const nameForm = "must be kind-with-dashes.domain.tld, as network-policy.net.alpha.kubernetes.io for the kind NetworkPolicy in the group net.alpha.kubernetes.io"

// kindForm is a kind with dashes: words of lower-case letters and digits, the first of which starts with a letter.
var kindForm = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// ParseName reads the name of a ThirdPartyResource: <kind-with-dashes>.<domain>.<tld>, where the group has at least
// one dot. The error explains the form.
func ParseName(name string) (Name, error) {
	dashed, group, _ := strings.Cut(name, ".")
	switch {
	case !kindForm.MatchString(dashed):
		return Name{}, fmt.Errorf("%s: the kind %q is not words of a-z and 0-9 with dashes between them", nameForm, dashed)
	case !strings.Contains(group, "."):
		return Name{}, fmt.Errorf("%s: the group %q needs a dot", nameForm, group)
	}
	if wrong := validation.IsDNS1123Subdomain(group); len(wrong) > 0 {
		return Name{}, fmt.Errorf("%s: the group %q: %s", nameForm, group, strings.Join(wrong, ", "))
	}
	parsed := Name{Kind: camel(dashed), Group: group}
	if wrong := validation.IsDNS1035Label(parsed.Resource()); len(wrong) > 0 {
		return Name{}, fmt.Errorf("%s: the resource %q: %s", nameForm, parsed.Resource(), strings.Join(wrong, ", "))
	}
	if wrong := validation.IsDNS1123Subdomain(parsed.Definition()); len(wrong) > 0 {
		return Name{}, fmt.Errorf("%s: the definition %q: %s", nameForm, parsed.Definition(), strings.Join(wrong, ", "))
	}
	return parsed, nil
}

// Resource is the plural under which the kind is served: the kind in lower case with an s.
func (n Name) Resource() string { return n.Singular() + "s" }

// Singular is the kind in lower case.
func (n Name) Singular() string { return strings.ToLower(n.Kind) }

// Definition is the name of the CustomResourceDefinition.
func (n Name) Definition() string { return n.Resource() + "." + n.Group }

func camel(dashed string) string {
	var out strings.Builder
	for word := range strings.SplitSeq(dashed, "-") {
		out.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return out.String()
}
