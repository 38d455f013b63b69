package agent

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/policy"
)

// denials keeps the latest denials and passes new ones on.
type denials struct {
	mu        sync.Mutex
	kept      []agentapi.Denial // oldest first, at most keep
	followers map[chan agentapi.Denial]struct{}
}

const keep = 1024

func newDenials() *denials { return &denials{followers: map[chan agentapi.Denial]struct{}{}} }

func (s *denials) add(d agentapi.Denial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) == keep {
		s.kept = s.kept[1:]
	}
	s.kept = append(s.kept, d)
	for f := range s.followers {
		select {
		case f <- d:
		default: // a follower that does not keep up misses some
		}
	}
}

// subscribe returns what is kept and, with follow, a channel of what comes next. stop must be called.
func (s *denials) subscribe(follow bool) (kept []agentapi.Denial, next <-chan agentapi.Denial, stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept = append(kept, s.kept...)
	if !follow {
		return kept, nil, func() {}
	}
	f := make(chan agentapi.Denial, 256)
	s.followers[f] = struct{}{}
	return kept, f, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.followers, f)
	}
}

// names is what turns an event's numbers into words. It is replaced whole with every plan.
type names struct {
	pods    map[netip.Addr]string
	nodes   map[netip.Addr]string
	reasons map[datapath.RuleID]policy.Reason
}

func (a *Agent) makeNames(reasons map[datapath.RuleID]policy.Reason) *names {
	n := &names{reasons: reasons, pods: make(map[netip.Addr]string, len(a.world.Pods)), nodes: map[netip.Addr]string{}}
	for _, p := range a.world.Pods {
		if p.HostNetwork || p.Terminated {
			continue
		}
		for _, addr := range p.Addresses {
			n.pods[addr] = p.String()
		}
	}
	for _, at := range a.attachments.byKey {
		for _, addr := range at.Addresses {
			n.pods[addr] = at.Namespace + "/" + at.Pod
		}
	}
	for _, other := range a.world.Nodes {
		for _, addr := range other.Addresses {
			n.nodes[addr] = "node " + other.Name
		}
	}
	for _, addr := range a.addresses {
		n.nodes[addr] = "the node"
	}
	return n
}

func (n *names) of(addr netip.Addr) string {
	switch {
	case n.nodes[addr] != "":
		return n.nodes[addr]
	case n.pods[addr] != "":
		return n.pods[addr]
	}
	return addr.String()
}

// denied puts one event into words, keeps it and logs it.
func (a *Agent) denied(e datapath.Event) {
	n := a.names.Load()
	d := agentapi.Denial{Time: time.Now(), Packet: e, Source: n.of(e.Source), Destination: n.of(e.Destination)}
	d.Reason = n.sentence(&d)
	a.metrics.denied.WithLabelValues(e.Reason.String()).Inc()
	a.denials.add(d)
	a.log.Info("denied", "source", d.Source, "destination", d.Destination, "protocol", policy.ProtocolOfNumber(e.Protocol).String(),
		"port", e.DestinationPort, "reply", e.Reply, "reason", d.Reason)
}

func (n *names) sentence(d *agentapi.Denial) string {
	e := &d.Packet
	rule, known := n.reasons[e.Rule]
	if !known || e.Reason != datapath.ReasonRule && e.Reason != datapath.ReasonPickedUp {
		return fmt.Sprintf("Denied: %s (from %s to %s)", e.Reason, d.Source, d.Destination)
	}
	sentence := rule.Sentence(d.Source, d.Destination, policy.ProtocolOfNumber(e.Protocol), e.DestinationPort)
	if e.Reason == datapath.ReasonPickedUp {
		sentence += "; " + e.Reason.String()
	}
	return sentence
}
