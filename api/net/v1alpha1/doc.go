// Package v1alpha1 is the alpha policy API net.alpha.kubernetes.io/v1alpha1 as it was published with Kubernetes 1.2 and 1.3: its Go
// types, the annotation that isolates a namespace, strict decoding and validation with field paths. What flows in are
// objects as an API server or a file holds them; what flows out are typed policies and lists of what is wrong with them. The package
// never decides whether a packet passes, never talks to a cluster and never logs.
//
// The resource is called networkpolicys; networkpolicies means networking.k8s.io/v1.
package v1alpha1
