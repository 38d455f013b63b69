package cluster

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/network-policy-api/apis/v1alpha1"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"

	alpha "github.com/hedgerow-net/hedgerow/api/net/v1alpha1"
	"github.com/hedgerow-net/hedgerow/policy"
)

// API is a policy API that is a custom resource.
type API struct {
	Resource schema.GroupVersionResource
	// Kind is that of the policies made of its objects; ObjectKind that of the objects.
	Kind       policy.Kind
	ObjectKind string
	// Convert makes a policy of an object, which it does not change. What is wrong with the object is among the policy's problems.
	Convert func(*unstructured.Unstructured) *policy.Policy
}

// customAPIs are all policy APIs that are custom resources.
func customAPIs() []API { return append(ClusterAPIs(), alphaAPI()) }

// alphaAPI is the alpha policy API.
func alphaAPI() API {
	return API{
		Resource: alpha.SchemeGroupVersion.WithResource(alpha.Resource), Kind: policy.KindAlphaNetworkPolicy, ObjectKind: alpha.Kind,
		Convert: func(o *unstructured.Unstructured) *policy.Policy { return policy.FromAlphaObject(o.Object) },
	}
}

// ClusterAPIs are the APIs of policies for the whole cluster. Their objects have a status with conditions.
func ClusterAPIs() []API {
	newer, older := schema.GroupVersion(v1alpha2.GroupVersion), schema.GroupVersion(v1alpha1.GroupVersion)
	return []API{
		{
			Resource: newer.WithResource("clusternetworkpolicies"), Kind: policy.KindClusterNetworkPolicy, ObjectKind: "ClusterNetworkPolicy",
			Convert: decoder[v1alpha2.ClusterNetworkPolicyIngressRule, v1alpha2.ClusterNetworkPolicyEgressRule](policy.FromClusterNetworkPolicy),
		}, {
			Resource: older.WithResource("adminnetworkpolicies"), Kind: policy.KindAdminNetworkPolicy, ObjectKind: "AdminNetworkPolicy",
			Convert: decoder[v1alpha1.AdminNetworkPolicyIngressRule, v1alpha1.AdminNetworkPolicyEgressRule](policy.FromAdminNetworkPolicy),
		}, {
			Resource: older.WithResource("baselineadminnetworkpolicies"), Kind: policy.KindBaselineAdminNetworkPolicy, ObjectKind: "BaselineAdminNetworkPolicy",
			Convert: decoder[v1alpha1.BaselineAdminNetworkPolicyIngressRule, v1alpha1.BaselineAdminNetworkPolicyEgressRule](policy.FromBaselineAdminNetworkPolicy),
		},
	}
}

// update and deletion are the updates for an object of the API.
func (a API) update(o *unstructured.Unstructured) Update { return setPolicy(a.Convert(o)) }

func (a API) deletion(o *unstructured.Unstructured) Update { return deletePolicy(refOf(a.Kind, o)) }
