package analysis

import "github.com/hedgerow-net/hedgerow/policy"

// Stretches returns the ranges of ports on all of which the set decides the flow alike, whatever port the flow has; together they are all ports of its
// protocol, in order. It is not for policy.OtherProtocols, which have none.
func Stretches(s *policy.Set, f policy.Flow) []Range {
	starts := []int{1}
	if pod := f.Source.Pod; pod != nil {
		starts = appendCuts(starts, s.Selecting(pod, policy.Egress), policy.Egress, f.Destination.Pod, f.Protocol)
	}
	if pod := f.Destination.Pod; pod != nil {
		starts = appendCuts(starts, s.Selecting(pod, policy.Ingress), policy.Ingress, pod, f.Protocol)
	}
	return segments(starts)
}

// appendCuts appends the ports at which one of the policies may begin to say something else of that direction; destination is nil where it is no pod.
func appendCuts(starts []int, policies []*policy.Policy, d policy.Direction, destination *policy.Pod, protocol policy.Protocol) []int {
	for _, p := range policies {
		for i := range p.Rules[d] {
			for _, port := range p.Rules[d][i].Ports {
				if port.Protocol == protocol {
					starts = appendCut(starts, port, destination)
				}
			}
		}
	}
	return starts
}

func appendCut(starts []int, p policy.Port, destination *policy.Pod) []int {
	switch {
	case p.Name == "" && p.Number != 0:
		return append(starts, int(p.Number), max(int(p.Number), int(p.End))+1)
	case p.Name == "" || destination == nil:
		return starts
	}
	for _, named := range destination.Ports {
		if named.Name == p.Name && named.Protocol == p.Protocol {
			starts = append(starts, int(named.Number), int(named.Number)+1)
		}
	}
	return starts
}
