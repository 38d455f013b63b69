package lint

import (
	"fmt"
	"regexp"

	"github.com/hedgerow-net/hedgerow/policy"
)

// openField is the path of a rule, or of one of its lists, whose absence means everybody or everything.
var openField = regexp.MustCompile(`^spec\.(ingress|egress)\[\d+\](?:\.(from|to|ports))?$`)

// nothingWritten finds fields of rules with nothing after their colon, as a template without values leaves them. To an API server they are absent, and
// "if this field is empty or missing, this rule matches all". An empty list, or {} for a rule, says the same on purpose.
func (v *view) nothingWritten() []Finding {
	var found []Finding
	for _, np := range v.NetworkPolicies {
		for _, field := range v.Nulls[np] {
			parts := openField.FindStringSubmatch(field)
			if parts == nil || parts[1] == "ingress" && parts[2] == "to" || parts[1] == "egress" && parts[2] == "from" {
				continue
			}
			meaning, explicit := "everybody", "[]"
			switch parts[2] {
			case "":
				meaning, explicit = "everything with everybody", "{}"
			case "ports":
				meaning = "every port"
			}
			ref := policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: np.Namespace, Name: np.Name}
			found = append(found, Finding{
				Ref: ref, Field: field, Message: fmt.Sprintf("%s has nothing after %s, which means %s", ref, field, meaning),
				Advice: fmt.Sprintf("write what is meant: %s for %s", explicit, meaning),
			})
		}
	}
	return found
}
