package policy

// Decision is the answer for one flow: what each direction says, and why.
type Decision struct {
	// Flow is the flow as it was judged, with the ends as policies see them and their addresses filled in.
	Flow            Flow
	Egress, Ingress Judgement
}

// Judgement is what one direction says.
type Judgement struct {
	Reason
	// Words say what the deciding rule does, such as "Deny TCP 80 from every node", for CauseRule.
	Words string
	// Fault says why the rule that denies does so, where it fails closed. Empty: it is sound.
	Fault string
	// Miss tells, where isolation denies, which rule came closest and what it lacked. Empty: no rule came near.
	Miss string
	// MissRef and MissField are that rule's object and place in it, such as "spec.ingress[0]"; of an object that fails closed, the field at fault.
	MissRef   Ref
	MissField string
}

// Action is Accept when both directions accept, otherwise Deny.
func (d Decision) Action() Action {
	if d.Egress.Action == Accept && d.Ingress.Action == Accept {
		return Accept
	}
	return Deny
}

// Evaluate decides a flow by the policies of the set. It is the reference for everything else that decides: slow, and plain. The flow is that of the
// first packet; replies belong to it and are not judged by themselves ("Reply traffic for those allowed connections will also be implicitly allowed", concepts
// page of NetworkPolicy). Both directions must accept it ("For a connection from a source pod to a destination pod to be allowed, both the egress policy on the source pod and
// the ingress policy on the destination pod need to allow the connection", there).
//
// Between addresses of different families there are no packets: such a flow, also one between pods that have no family in common, is denied, with
// CauseFamilies. An address that is left out and that the set does not know either belongs to no network.
func Evaluate(s *Set, f Flow) Decision {
	d := Decide(s, f)
	s.explain(&d.Egress, d.Flow.Source, d.Flow.Destination, d.Flow)
	s.explain(&d.Ingress, d.Flow.Destination, d.Flow.Source, d.Flow)
	return d
}

// Decide is Evaluate without what is only for people: of each Judgement the Reason alone is set. For those who ask very often.
func Decide(s *Set, f Flow) Decision {
	f.Source, f.Destination = s.settle(f)
	source, destination := f.Source, f.Destination
	d := Decision{Flow: f}
	switch {
	case closed(source, destination):
		d.both(Deny, CauseClosed)
		return d
	case source.same(destination):
		// "a pod cannot block access to itself" (concepts page of NetworkPolicy).
		d.both(Accept, CauseSelf)
		return d
	case source.Address.IsValid() && destination.Address.IsValid() && source.Address.Is4() != destination.Address.Is4():
		d.both(Deny, CauseFamilies)
		return d
	}
	d.Egress.Reason = s.judge(Egress, source, destination, f)
	d.Ingress.Reason = s.judge(Ingress, destination, source, f)
	return d
}

func (d *Decision) both(a Action, c Cause) {
	d.Egress.Reason = Reason{Action: a, Direction: Egress, Cause: c}
	d.Ingress.Reason = Reason{Action: a, Direction: Ingress, Cause: c}
}

// closed reports whether one of the ends is an address that must not be used for this flow.
func closed(source, destination End) bool {
	if source.Place == InDispute || destination.Place == InDispute {
		return true
	}
	return source.Place == Unattached && destination.Place != OnNode || destination.Place == Unattached && source.Place != OnNode
}

// judge decides one direction: subject is the end whose policies count, peer the other one.
func (s *Set) judge(d Direction, subject, peer End, f Flow) Reason {
	if subject.Place != InPod {
		// Subjects are pods, and "host-networked pods are not included in subject selection" (ClusterNetworkPolicySubject).
		return Reason{Direction: d, Action: Accept, Cause: CauseNoPod}
	}
	if d == Ingress && peer.Place == OnNode {
		// "Traffic is allowed to a pod ... if the traffic source is the pod's local node" (NetworkPolicySpec.ingress), whatever the policies, so that
		// probes work. Not the other way round: "the only allowed connections from the pod are those allowed by the egress list" (concepts page, which
		// elsewhere speaks of "traffic to and from the node"; the API's field of egress does not).
		return Reason{Direction: d, Action: Accept, Cause: CauseNode}
	}
	selecting := s.Selecting(subject.Pod, d)
	// "Policy tiers are evaluated in the following order: Admin tier, NetworkPolicy tier, Baseline tier" (ClusterNetworkPolicySpec.tier).
	for _, tier := range [...]Tier{Admin, NetworkPolicy, Baseline} {
		// Accept and Deny end it: "No further ClusterNetworkPolicy or NetworkPolicy rules will be processed". Pass "skips all further
		// ClusterNetworkPolicy rules in the current tier for the selected traffic, and passes evaluation to the next tier" (rules[].action).
		if p, rule := s.firstMatch(selecting, tier, d, peer, f); rule != nil && rule.Action != Pass {
			return ruleReason(d, p, rule)
		}
		// "NetworkPolicy always makes a final decision for selected pods. Further evaluation only happens for Pods not selected" (tier). A pod is
		// selected in the directions of policyTypes.
		if refs := Isolating(selecting, d); tier == NetworkPolicy && len(refs) > 0 {
			return Reason{Direction: d, Action: Deny, Cause: CauseIsolated, Tier: tier, Isolating: refs}
		}
	}
	// "If a given connection wasn't allowed or denied by any of the tiers, the default kubernetes policy is applied, which says that all pods can
	// communicate with each other" (tier).
	return Reason{Direction: d, Action: Accept, Cause: CauseNotIsolated}
}

// explain adds what is for people.
func (s *Set) explain(j *Judgement, subject, peer End, f Flow) {
	switch j.Cause {
	case CauseIsolated:
		s.nearestMiss(j, subject.Pod, peer, f)
	case CauseRule:
		p := s.policy(j.Policy)
		for i := range p.Rules[j.Direction] {
			if rule := &p.Rules[j.Direction][i]; rule.Index == j.Rule {
				j.Words, j.Fault = rule.Words(j.Direction), p.faultOf(rule)
			}
		}
	}
}

// firstMatch returns the first rule of the tier that matches the flow. Policies come by priority ("Policies with lower priority values have higher
// precedence"); which of two with the same priority goes first the API leaves open, and here it is the order of kinds, then of names. Rules come in
// order ("a rule that appears at the top of the ingress rules would take the highest precedence"). In tier NetworkPolicy all rules accept, so that "the ingress
// rules for each are combined additively" (NetworkPolicySpec.podSelector).
func (s *Set) firstMatch(policies []*Policy, tier Tier, d Direction, peer End, f Flow) (*Policy, *Rule) {
	for _, p := range policies {
		if p.Tier != tier {
			continue
		}
		for i := range p.Rules[d] {
			// "The traffic must match both ports and from" (NetworkPolicyIngressRule).
			rule := &p.Rules[d][i]
			if s.matchesPeer(rule, peer) && matchesPort(rule, f) {
				return p, rule
			}
		}
	}
	return nil, nil
}

// matchesPeer reports whether the rule is about this other end: "Items in this list are combined using a logical OR operation. If this field is empty
// or missing, this rule matches all sources" (NetworkPolicyIngressRule.from).
func (s *Set) matchesPeer(rule *Rule, peer End) bool {
	if rule.Peers == nil {
		return true
	}
	for _, p := range rule.Peers {
		if s.isPeer(p, rule.Action, peer) {
			return true
		}
	}
	return false
}

// isPeer reports whether the end is among the peers. An unknown pod might be any: no peer of a rule that accepts or passes has it, and every peer that
// selects pods, of a rule that denies, does.
func (s *Set) isPeer(p Peer, action Action, peer End) bool {
	if peer.Place == Unknown && action != Deny {
		return false
	}
	switch {
	case p.Network != nil:
		// The address counts, whoever has it: "cluster-internal traffic will be checked against the rule as well"
		// (ClusterNetworkPolicyEgressPeer.networks); "Except ... should not be included within this rule" (IPBlock).
		return peer.Address.IsValid() && p.Network.Contains(peer.Address)
	case p.Nodes != nil:
		// "It selects the nodeIPs as the peer type by matching on the IPs present in the node.Status.Addresses field" (nodes).
		return peer.Node != nil && p.Nodes.Matches(peer.Node.Labels)
	case p.Pods == nil:
		return false
	case peer.Place == Unknown:
		return true
	}
	// "Note that host-networked pods are not included in this type of peer" (namespaces, pods); settle has made them nodes or addresses ("Traffic to/from
	// hostNetwork pods is treated the same as all other traffic to/from the node IP", concepts page of NetworkPolicy).
	return peer.Place == InPod && p.Pods.Matches(s.namespaces[peer.Pod.Namespace], peer.Pod)
}

// matchesPort reports whether the rule is about the protocol and port: "If this field is empty or missing, this rule matches all ports (traffic not restricted
// by port)" (NetworkPolicyIngressRule.ports), so it then is about ICMP too, which has none. "only traffic on the specified protocol AND port will be
// matched" (NetworkPolicyPort.port).
func matchesPort(rule *Rule, f Flow) bool {
	if rule.Ports == nil {
		return true
	}
	for _, p := range rule.Ports {
		if p.Protocol == f.Protocol && f.Protocol != OtherProtocols && matchesNumber(rule, p, f) {
			return true
		}
	}
	return false
}

// matchesNumber looks at the port alone. A name is that of a container port ("selects a destination port on a pod based on the ContainerPort name",
// destinationNamedPort) of the destination: of the subject for ingress, of the peer for egress. What is no pod has no named ports; which ones an unknown
// pod has nobody knows, so that a rule that denies matches them all.
func matchesNumber(rule *Rule, p Port, f Flow) bool {
	switch {
	case p.Name == "":
		// "the range of ports from port to endPort if set, inclusive" (NetworkPolicyPort.endPort, KEP-2079); "If this field is not provided, this matches all port names and
		// numbers" (NetworkPolicyPort.port).
		return p.Includes(f.Port)
	case f.Destination.Place == Unknown:
		return rule.Action == Deny
	case f.Destination.Place != InPod:
		return false
	}
	for _, named := range f.Destination.Pod.Ports {
		if named.Name == p.Name && named.Protocol == p.Protocol && named.Number == f.Port {
			return true
		}
	}
	return false
}
