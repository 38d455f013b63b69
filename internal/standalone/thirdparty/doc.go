// Package thirdparty lets the standalone API server understand what was written for Kubernetes 1.2 and 1.3: ThirdPartyResources, which
// name a kind and get an API for it, and requests as curl -d sends them. It also refuses alpha policies that hold what their API does not
// know. What flows in are the hooks of a kube-apiserver under construction; what flows out are a storage, an admission plugin and a
// handler around all handlers. It never touches an API group other than extensions/v1beta1, net.alpha.kubernetes.io and those
// that ThirdPartyResources make, and no cluster other than the one it is built into.
//
// Deleting a ThirdPartyResource deletes the definition it made and with it every object of that kind. The definition of the alpha
// policy is not made by any ThirdPartyResource, even if one names it: it is there from the start and stays.
package thirdparty
