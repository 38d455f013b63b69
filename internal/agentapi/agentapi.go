// Package agentapi is what is said on the agent's unix socket: the CNI plugin announces and withdraws pod interfaces, tools ask
// for state and follow denials. Plain HTTP with JSON bodies; errors are an Error body with a 4xx or 5xx status. The package holds the
// types and the client; the server is package agent.
package agentapi

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// Paths of the socket's resources.
const (
	// AttachmentsPath lists attachments (GET); below it, CONTAINER/INTERFACE takes PUT, GET and DELETE.
	AttachmentsPath = "/v1/attachments"
	// StatusPath answers a Status.
	StatusPath = "/v1/status"
	// DenialsPath streams Denials, one JSON object a line. Query: follow=true keeps the stream open.
	DenialsPath = "/v1/denials"
)

// Attachment is one pod interface that the CNI plugin made on this node.
type Attachment struct {
	ContainerID  string `json:"containerID"`  // CNI_CONTAINERID
	PodInterface string `json:"podInterface"` // CNI_IFNAME
	Netns        string `json:"netns"`        // CNI_NETNS
	// HostInterface and HostIndex are the other end of the veth pair, in the node's network namespace.
	HostInterface string       `json:"hostInterface"`
	HostIndex     uint32       `json:"hostIndex"`
	Addresses     []netip.Addr `json:"addresses"`
	Namespace     string       `json:"namespace"` // K8S_POD_NAMESPACE
	Pod           string       `json:"pod"`       // K8S_POD_NAME
	UID           string       `json:"uid,omitempty"`
}

// Key identifies an attachment: one interface of one container.
func (a *Attachment) Key() string { return a.ContainerID + "/" + a.PodInterface }

// Status is the agent's state in short.
type Status struct {
	Node string `json:"node"`
	// Ready: the world is complete and enforced; attachments are accepted.
	Ready bool `json:"ready"`
	// Problems say, one line each, what keeps the agent from enforcing or what it enforces closed.
	Problems []string `json:"problems,omitempty"`
	// Instance is the directory of the bpffs that holds this agent's maps and links.
	Instance string `json:"instance,omitempty"`
	// Local pods, groups, profiles (both directions) and verdict entries in force.
	Attachments int `json:"attachments"`
	Groups      int `json:"groups"`
	Profiles    int `json:"profiles"`
	Verdicts    int `json:"verdicts"`
}

// Denial is one dropped packet with its reason in words.
type Denial struct {
	Time   time.Time      `json:"time"`
	Packet datapath.Event `json:"packet"`
	// Source and Destination are "namespace/pod", "node" or an address.
	Source      string `json:"source"`
	Destination string `json:"destination"`
	// Reason is a whole sentence: which policies isolate, or which rule denies, or why the packet itself was bad.
	Reason string `json:"reason"`
}

// Error is the body of every answer that is not a success.
type Error struct {
	Message string `json:"error"`
	// Code is stable: "not-ready" (try again), "pod-unknown", "invalid", "full", "internal".
	Code string `json:"code"`
}

func (e *Error) Error() string { return fmt.Sprintf("%s (%s)", e.Message, e.Code) }
