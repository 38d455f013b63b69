package manifest

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/hedgerow-net/hedgerow/policy"
	"github.com/hedgerow-net/hedgerow/policy/nearest"
)

// Flow is a flow that a question is about, and what was done to find it.
type Flow struct {
	policy.Flow
	// Note says how the port was found, for people: "Service port 80 is pod port 8080"; empty: it is the one asked for.
	Note string
}

// Flows returns the flows from one end to another: one for each pair of what they stand for. Unserved are pods behind the Service that it sends
// nothing to on this port, each with the reason. An error means that there is no such flow at all, and why.
func (w *World) Flows(from, to *End, port Port) (flows []Flow, unserved []string, err error) {
	for _, destination := range to.Ends {
		p, note, err := w.portAt(to.Service, destination, port)
		if err != nil && (to.Service == nil || isMissing(err)) {
			return nil, nil, err
		}
		if err != nil {
			unserved = append(unserved, err.Error())
			continue
		}
		for _, source := range from.Ends {
			f := policy.Flow{Source: source, Destination: destination, Protocol: p.Protocol, Port: p.Number}
			flows = append(flows, Flow{Flow: f, Note: note})
		}
	}
	if len(flows) == 0 {
		return nil, nil, fmt.Errorf("service %s/%s has no backing pods for port %s: %s", to.Service.Namespace, to.Service.Name, port, strings.Join(unserved, "; "))
	}
	return flows, unserved, nil
}

// missingPort: the Service itself has no such port.
type missingPort struct{ error }

func isMissing(err error) bool {
	var missing missingPort
	return errors.As(err, &missing)
}

// portAt finds the port at the destination: named ports by its containers, ports of a Service by its target ports.
func (w *World) portAt(s *policy.Service, destination policy.End, port Port) (Port, string, error) {
	if port.Protocol == policy.OtherProtocols {
		if s != nil && !Headless(s) {
			return port, "", missingPort{fmt.Errorf("service %s/%s: ICMP does not reach the pods behind a Service; ask about a pod", s.Namespace, s.Name)}
		}
		return port, "", nil
	}
	if s == nil || Headless(s) && !hasPort(s, port) {
		return namedAt(destination, port)
	}
	sp, err := servicePort(s, port)
	if err != nil {
		return port, "", missingPort{err}
	}
	asked := fmt.Sprintf("Service port %d", sp.Port)
	if Headless(s) {
		return headlessPort(destination, port, sp)
	}
	target := Port{Protocol: sp.Target.Protocol, Number: sp.Target.Number, Name: sp.Target.Name}
	found, _, err := namedAt(destination, target)
	switch {
	case err != nil:
		return port, "", fmt.Errorf("pod %s has no %s port named %s, which %s leads to", destination.Pod, target.Protocol, target.Name, asked)
	case target.Name != "":
		return found, fmt.Sprintf("%s is pod port %d (named %s)", asked, found.Number, target.Name), nil
	case found.Number != sp.Port:
		return found, fmt.Sprintf("%s is pod port %d", asked, found.Number), nil
	}
	return found, "", nil
}

// Headless reports whether the Service leads clients to the pods themselves: what port they then use has nothing to do with the Service.
func Headless(s *policy.Service) bool { return slices.Contains(s.ClusterIPs, "None") }

func headlessPort(destination policy.End, port Port, sp *policy.ServicePort) (Port, string, error) {
	if port.Name != "" {
		port = Port{Protocol: sp.Protocol, Number: sp.Port}
	}
	return port, fmt.Sprintf("the Service is headless: %d is the port of the pods themselves", port.Number), nil
}

func hasPort(s *policy.Service, port Port) bool {
	_, err := servicePort(s, port)
	return err == nil
}

func servicePort(s *policy.Service, port Port) (*policy.ServicePort, error) {
	var all []string
	for i := range s.Ports {
		sp := &s.Ports[i]
		if sp.Protocol == port.Protocol && (port.Name != "" && sp.Name == port.Name || port.Name == "" && sp.Port == port.Number) {
			return sp, nil
		}
		text := fmt.Sprintf("%d/%s", sp.Port, sp.Protocol)
		if sp.Name != "" {
			text += " (" + sp.Name + ")"
		}
		all = append(all, text)
	}
	has := "it has none"
	if len(all) > 0 {
		has = "it has " + strings.Join(all, ", ")
	}
	return nil, fmt.Errorf("service %s/%s has no port %s: %s", s.Namespace, s.Name, port, has)
}

// namedAt finds the number of a named port at the destination.
func namedAt(destination policy.End, port Port) (Port, string, error) {
	if port.Name == "" {
		return port, "", nil
	}
	if destination.Pod == nil {
		return port, "", fmt.Errorf("%s is no pod of the manifests, so nobody knows which port %q is there: write its number", destination, port.Name)
	}
	var all []string
	for _, named := range destination.Pod.Ports {
		if named.Name == port.Name && named.Protocol == port.Protocol {
			return Port{Protocol: port.Protocol, Number: named.Number}, fmt.Sprintf("%s is port %d of %s", port.Name, named.Number, destination.Pod), nil
		}
		all = append(all, named.Name+"/"+named.Protocol.String())
	}
	return port, "", fmt.Errorf("pod %s has no %s port named %s%s", destination.Pod, port.Protocol, port.Name, nearest.DidYouMean(port.String(), all))
}

// ByFamily returns the flow once for each address family that both of its ends have, with the first address of that family at each end. Ends
// whose addresses are not known give the flow as it is, and so do ends without a family in common: then Evaluate compares what there is. A pod's address
// that another pod claims too is nobody's.
func (w *World) ByFamily(f Flow) []Flow {
	var all []Flow
	for _, is4 := range []bool{true, false} {
		source, sourceHas := inFamily(f.Source, is4)
		destination, destinationHas := inFamily(f.Destination, is4)
		if sourceHas && destinationHas {
			g := f
			g.Source.Address, g.Destination.Address = source, destination
			g.Source, g.Destination = w.unlessDisputed(g.Source), w.unlessDisputed(g.Destination)
			all = append(all, g)
		}
	}
	if len(all) == 0 {
		return []Flow{f}
	}
	return all
}

// unlessDisputed returns the end, or the address alone where two pods claim it.
func (w *World) unlessDisputed(e policy.End) policy.End {
	if e.Pod == nil || e.Pod.HostNetwork || w.claims[e.Address] < 2 {
		return e
	}
	return policy.End{Place: policy.InDispute, Address: e.Address}
}

func inFamily(e policy.End, is4 bool) (netip.Addr, bool) {
	addresses := []netip.Addr{e.Address}
	if !e.Address.IsValid() {
		addresses = nil
		switch {
		case e.Pod != nil:
			addresses = e.Pod.Addresses
		case e.Node != nil:
			addresses = e.Node.Addresses
		}
	}
	for _, a := range addresses {
		if a.Is4() == is4 {
			return a, true
		}
	}
	return netip.Addr{}, false
}
