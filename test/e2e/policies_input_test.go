package e2e

import (
	"errors"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestClusterPolicyBadInput: the API server refuses what makes no sense, with the path of what is wrong, and takes every field there is.
func TestClusterPolicyBadInput(t *testing.T) {
	s := &stage{instance: shared, dynamic: shared.dynamic(t), replacer: strings.NewReplacer()}
	const name = "default"
	for _, test := range []struct{ name, object, want string }{
		{"priority 1001", cnp(name, "Admin", 1001, ""), "spec.priority"},
		{"tier NetworkPolicy", cnp(name, "NetworkPolicy", 1, ""), "spec.tier"},
		{"a range that ends where it starts", cnp(name, "Admin", 1, `ingress: [{action: Deny, `+fromPods+`, protocols: [{tcp: {destinationPort: {range: {start: 80, end: 80}}}}]}]`),
			"spec.ingress[0].protocols[0].tcp.destinationPort.range"},
		{"no CIDR", cnp(name, "Admin", 1, `egress: [{action: Deny, to: [{networks: [10.0.0.0/33]}]}]`), "spec.egress[0].to[0].networks[0]"},
		{"an empty peer", cnp(name, "Admin", 1, `egress: [{action: Deny, to: [{}]}]`), "spec.egress[0].to[0]"},
		{"two peers in one", cnp(name, "Admin", 1, `egress: [{action: Deny, to: [{namespaces: {}, nodes: {}}]}]`), "spec.egress[0].to[0]"},
		{"a named port of nodes", cnp(name, "Admin", 1, `egress: [{action: Deny, to: [{nodes: {}}], protocols: [{destinationNamedPort: http}]}]`), "spec.egress[0]"},
		{"port 65536", older("AdminNetworkPolicy", name, "priority: 1,", `ingress: [{action: Deny, `+fromPods+`, ports: [{portNumber: {protocol: TCP, port: 65536}}]}]`),
			"spec.ingress[0].ports[0].portNumber.port"},
		{"a negative priority", older("AdminNetworkPolicy", name, "priority: -1,", ""), "spec.priority"},
		{"Pass in the last tier", older("BaselineAdminNetworkPolicy", name, "", `ingress: [{action: Pass, `+fromPods+`}]`), "spec.ingress[0].action"},
		{"sound", cnp(name, "Admin", 1000, `egress: [{action: Accept, to: [{domainNames: ["*.example.com"]}, {nodes: {}}, {networks: ["fd00::/8"]}],
			protocols: [{sctp: {destinationPort: {range: {start: 1, end: 65535}}}}]}]`), ""},
		{"sound", older("AdminNetworkPolicy", name, "priority: 0,", `egress: [{action: Pass, to: [{nodes: {}}]}]`), ""},
		{"sound", older("BaselineAdminNetworkPolicy", name, "", `egress: [{action: Allow, to: [{networks: [0.0.0.0/0]}]}]`), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := s.parse(t, test.object)
			_, err := s.of(t, o).Create(t.Context(), o, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			if test.want == "" {
				must(t, err)
				return
			}
			var refusal apierrors.APIStatus
			if !errors.As(err, &refusal) || !apierrors.IsInvalid(err) || refusal.Status().Details == nil {
				t.Fatalf("error %v, want a refusal", err)
			}
			if got := fieldsOf(refusal.Status()); !slices.Contains(got, test.want) {
				t.Errorf("complains of %q, want %s: %v", got, test.want, err)
			}
		})
	}
}
