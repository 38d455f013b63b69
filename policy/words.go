package policy

import (
	"fmt"
	"strings"
)

// Words says whom the selector selects.
func (s *PodSelector) Words() string {
	pods := "pods with " + s.Pods.String()
	switch {
	case s.Pods.IsEverything():
		pods = "every pod"
	case s.Pods.IsNothing():
		pods = "no pod"
	}
	switch {
	case s.Namespace != "":
		return pods + " of namespace " + s.Namespace
	case s.Namespaces.IsEverything():
		return pods + " of every namespace"
	case s.Namespaces.IsNothing():
		return pods + " of no namespace"
	}
	return pods + " of namespaces with " + s.Namespaces.String()
}

// Words says whom the peer stands for: "pods with app=web of namespace shop", "10.0.0.0/8 except 10.1.0.0/16", "nodes with role=x".
func (p Peer) Words() string {
	switch {
	case p.Pods != nil:
		return p.Pods.Words()
	case p.Network != nil:
		return p.Network.String()
	case p.Nodes != nil && p.Nodes.IsEverything():
		return "every node"
	case p.Nodes != nil:
		return "nodes with " + p.Nodes.String()
	}
	return "nobody"
}

// Words says what the rule does, for a policy's rules of that direction: "Accept TCP 80 from pods with segment=frontend of namespace
// tenant-a".
func (r *Rule) Words(d Direction) string {
	return fmt.Sprintf("%s %s %s %s", r.Action, r.portWords(), d.preposition(), r.peerWords())
}

func (r *Rule) peerWords() string {
	if r.Peers == nil {
		return "everybody"
	}
	return join(r.Peers, Peer.Words, "nobody", " or ")
}

func (r *Rule) portWords() string {
	if r.Ports == nil {
		return "everything"
	}
	return join(r.Ports, Port.String, "nothing", " or ")
}

// preposition is how the peer of a flow in this direction is introduced.
func (d Direction) preposition() string {
	if d == Egress {
		return "to"
	}
	return "from"
}

// portWords says the protocol and port of a flow.
func portWords(protocol Protocol, port uint16) string {
	if protocol == OtherProtocols {
		return "what is neither TCP nor UDP nor SCTP"
	}
	return fmt.Sprintf("%s %d", protocol, port)
}

func join[T any](items []T, words func(T) string, none, separator string) string {
	if len(items) == 0 {
		return none
	}
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = words(item)
	}
	return strings.Join(texts, separator)
}
