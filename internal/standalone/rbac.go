package standalone

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	rbac "k8s.io/client-go/applyconfigurations/rbac/v1"
)

// agentsName names the group that agents' users are in, and the role that the group has.
const agentsName = "hedgerow:agents"

// fieldManager owns what is applied here.
const fieldManager = "hedgerow-standalone"

var applied = metav1.ApplyOptions{FieldManager: fieldManager, Force: true}

// allowAgents gives agents the rights they need and no more: read what policies speak of, write Events.
func (i *Instance) allowAgents(ctx context.Context) error {
	role := rbac.ClusterRole(agentsName).WithRules(
		rbac.PolicyRule().WithAPIGroups("").WithResources("pods", "namespaces", "nodes", "services").WithVerbs("get", "list", "watch"),
		rbac.PolicyRule().WithAPIGroups("networking.k8s.io").WithResources("networkpolicies").WithVerbs("get", "list", "watch"),
		rbac.PolicyRule().WithAPIGroups("net.alpha.kubernetes.io").WithResources("networkpolicys").WithVerbs("get", "list", "watch"),
		rbac.PolicyRule().WithAPIGroups("policy.networking.k8s.io").
			WithResources("clusternetworkpolicies", "adminnetworkpolicies", "baselineadminnetworkpolicies").WithVerbs("get", "list", "watch"),
		rbac.PolicyRule().WithAPIGroups("", "events.k8s.io").WithResources("events").WithVerbs("create", "patch", "update"),
	)
	if _, err := i.client.RbacV1().ClusterRoles().Apply(ctx, role, applied); err != nil {
		return fmt.Errorf("make role for agents: %w", err)
	}
	binding := rbac.ClusterRoleBinding(agentsName).
		WithRoleRef(rbac.RoleRef().WithAPIGroup("rbac.authorization.k8s.io").WithKind("ClusterRole").WithName(agentsName)).
		WithSubjects(rbac.Subject().WithAPIGroup("rbac.authorization.k8s.io").WithKind("Group").WithName(agentsName))
	if _, err := i.client.RbacV1().ClusterRoleBindings().Apply(ctx, binding, applied); err != nil {
		return fmt.Errorf("give agents their role: %w", err)
	}
	return nil
}
