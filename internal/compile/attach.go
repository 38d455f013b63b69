package compile

import (
	"fmt"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// attach notes an attachment, its pod if that is known, and its addresses.
func (c *Compiler) attach(h *wishes, a *Attachment, attached map[*podState]bool) {
	h.interfaces[a.Interface] = true
	pod, why := c.attachedPod(a)
	claimed := claim{name: a.Namespace + "/" + a.Pod, pod: pod, attached: true}
	if pod != nil {
		attached[pod] = true
	}
	if why == "" {
		if local := c.localOf(a, pod); local != nil {
			claimed.local = local
			h.locals = append(h.locals, local)
		} else {
			why = fmt.Sprintf("this node has its limit of %d local pods", c.options.MaxLocalPods)
			h.problems = append(h.problems, Problem{Pods: []string{claimed.name}, Message: why + "; " + claimed.name + " stays closed"})
		}
	}
	if why != "" {
		h.closed[a.Key] = why
	}
	if pod != nil && pod.pod.Terminated {
		return
	}
	for _, address := range a.Addresses {
		h.claimHere(address.Unmap(), claimed)
	}
}

// attachedPod returns the pod of an attachment as far as the API object is known, and why the attachment must stay closed, if it
// must.
func (c *Compiler) attachedPod(a *Attachment) (*podState, string) {
	pod := c.pods.byName[podName{a.Namespace, a.Pod}]
	switch {
	case pod == nil:
		return nil, "the pod is not known yet"
	case a.UID != "" && pod.pod.UID != "" && a.UID != pod.pod.UID:
		return nil, "the pod that is known by this name has another UID"
	case pod.namespace == nil:
		return pod, "the pod's namespace is not known yet"
	case pod.pod.Terminated:
		return pod, "the pod has terminated"
	case pod.pod.HostNetwork:
		return pod, "the pod is in the node's network"
	}
	return pod, ""
}

// localOf returns the local pod of an attachment, with the index that it has already or a new one; nil when there is none left.
func (c *Compiler) localOf(a *Attachment, pod *podState) *wantedLocal {
	local := &wantedLocal{key: localKey{a.Key, a.Interface}, pod: pod}
	if local.index, local.kept = c.inForce[local.key]; local.kept {
		return local
	}
	n, ok := c.indices.take(func(n uint32) bool { return c.indexTaken(datapath.ProfileIndex(n)) })
	if !ok {
		return nil
	}
	local.index = datapath.ProfileIndex(n)
	c.planned[local.index] = true
	return local
}

func (c *Compiler) indexTaken(index datapath.ProfileIndex) bool {
	return c.installed.locals[index] != nil || c.planned[index]
}
