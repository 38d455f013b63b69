package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// request asks the loop for something; done gets the answer once.
type request struct {
	ctx    context.Context
	attach *agentapi.Attachment // nil: see the others
	detach string               // key
	list   func([]agentapi.Attachment)
	done   chan error
}

// ask sends a request to the loop and waits for its answer.
func (a *Agent) ask(r request) error {
	r.done = make(chan error, 1)
	select {
	case a.requests <- r:
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	select {
	case err := <-r.done:
		return err
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

// take starts a request. It is answered at once, or by answer when a plan has been applied.
func (a *Agent) take(r request) {
	var err error
	switch {
	case r.list != nil:
		list := make([]agentapi.Attachment, 0, len(a.attachments.byKey))
		for _, at := range a.attachments.byKey {
			list = append(list, *at)
		}
		r.list(list)
		r.done <- nil
		return
	case r.attach != nil:
		err = a.attachments.put(r.attach)
	default:
		err = a.attachments.remove(r.detach)
	}
	if err != nil {
		r.done <- err
		return
	}
	a.waiting = append(a.waiting, r)
}

// answer completes the requests that the last plan fulfilled. An attachment whose pod is not known yet goes on waiting until the plugin
// loses patience; its addresses are closed meanwhile.
func (a *Agent) answer(err error) {
	a.waiting = slices.DeleteFunc(a.waiting, func(r request) bool {
		if r.ctx.Err() != nil {
			return true
		}
		if err != nil {
			r.done <- refusal(err)
			return true
		}
		if r.attach != nil {
			if _, closed := a.attachments.closed[r.attach.Key()]; closed {
				return false
			}
		}
		r.done <- nil
		return true
	})
}

// refusal is the error of the socket for a plan that could not be applied.
func refusal(err error) error {
	code := "internal"
	if errors.Is(err, datapath.ErrFull) {
		code = "full"
	}
	return &agentapi.Error{Code: code, Message: err.Error()}
}

// attach keeps the attachment and returns when its pod's policy is in the kernel.
func (a *Agent) attach(ctx context.Context, at *agentapi.Attachment) error {
	if !a.status.Load().Ready {
		return &agentapi.Error{Code: "not-ready", Message: "the agent does not know the cluster yet: try again"}
	}
	err := a.ask(request{ctx: ctx, attach: at})
	if ctx.Err() != nil && err != nil {
		return &agentapi.Error{Code: "pod-unknown", Message: fmt.Sprintf(
			"pod %s/%s (uid %s) is not known to the agent: does it exist, and does the agent reach the API server?", at.Namespace, at.Pod, at.UID)}
	}
	return err
}

// validate refuses attachments that could not be enforced.
func validate(at *agentapi.Attachment) error {
	problem := ""
	switch {
	case at.ContainerID == "" || at.PodInterface == "":
		problem = "containerID and podInterface are needed"
	case !isName(at.ContainerID) || !isName(at.PodInterface):
		problem = "containerID and podInterface must be UTF-8 without a slash"
	case at.HostIndex == 0:
		problem = "hostIndex is needed"
	case len(at.Addresses) == 0:
		problem = "addresses are needed"
	case slices.ContainsFunc(at.Addresses, isNoPodAddress):
		problem = "addresses must be unicast and without a zone, and IPv4 not written as IPv6"
	case at.Namespace == "" || at.Pod == "":
		problem = "namespace and pod are needed: set K8S_POD_NAMESPACE and K8S_POD_NAME in CNI_ARGS"
	}
	if problem != "" {
		return &agentapi.Error{Code: "invalid", Message: problem}
	}
	return nil
}

// isName reports whether a part of a key can be told from the other part, and is the same when it is read back from its file.
func isName(text string) bool { return utf8.ValidString(text) && !strings.Contains(text, "/") }

// isNoPodAddress reports whether packets can never come from or go to the address of a pod, or under another name.
func isNoPodAddress(a netip.Addr) bool {
	return !a.IsValid() || a.Is4In6() || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback()
}

func statusOf(e *agentapi.Error) int {
	switch e.Code {
	case "not-ready":
		return http.StatusServiceUnavailable
	case "pod-unknown":
		return http.StatusNotFound
	case "invalid":
		return http.StatusBadRequest
	case "full":
		return http.StatusInsufficientStorage
	}
	return http.StatusInternalServerError
}
