package manifest

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/hedgerow-net/hedgerow/policy"
	"github.com/hedgerow-net/hedgerow/policy/nearest"
)

// Port is the port that a question is about.
type Port struct {
	Protocol policy.Protocol
	// Number is the port; 0 with no Name: the protocol has no ports (ICMP).
	Number uint16
	// Name is that of a container port of the destination, or of a port of the Service.
	Name string
}

// String writes the port as ParsePort reads it.
func (p Port) String() string {
	switch {
	case p.Protocol == policy.OtherProtocols:
		return "ICMP"
	case p.Name != "":
		return p.Name + "/" + p.Protocol.String()
	}
	return fmt.Sprintf("%d/%s", p.Number, p.Protocol)
}

// ParsePort reads a port (a number, or a name of a port) and a protocol: TCP, UDP, SCTP or ICMP, in any case; empty is TCP. ICMP stands for every
// protocol without ports and takes no port.
func ParsePort(port, protocol string) (Port, error) {
	p := Port{}
	switch strings.ToUpper(protocol) {
	case "", "TCP":
		p.Protocol = policy.TCP
	case "UDP":
		p.Protocol = policy.UDP
	case "SCTP":
		p.Protocol = policy.SCTP
	case "ICMP":
		if port != "" {
			return p, fmt.Errorf("port %q: ICMP has no ports", port)
		}
		return p, nil
	default:
		return p, fmt.Errorf("protocol %q is none of TCP, UDP, SCTP, ICMP", protocol)
	}
	number, err := strconv.ParseUint(port, 10, 32)
	switch {
	case port == "":
		return p, fmt.Errorf("%s needs a port", p.Protocol)
	case err != nil && strings.Trim(port, "0123456789") == "", err == nil && (number < 1 || number > 65535):
		return p, fmt.Errorf("port %s is not between 1 and 65535", port)
	case err == nil:
		p.Number = uint16(number)
	case !isPortName(port):
		return p, fmt.Errorf("port %q is neither a number nor the name of a port", port)
	default:
		p.Name = port
	}
	return p, nil
}

// ParsePortProtocol reads PORT[/PROTOCOL] or ICMP, which people write as one word, as ParsePort does.
func ParsePortProtocol(text string) (Port, error) {
	if strings.EqualFold(text, "ICMP") {
		return ParsePort("", text)
	}
	port, protocol, _ := strings.Cut(text, "/")
	return ParsePort(port, protocol)
}

// isPortName follows RFC 6335, section 5.1, as far as it tells a name from a slip of the pen. Service ports may be longer than container ports.
func isPortName(text string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	return len(text) <= 63 && strings.Trim(text, letters+"0123456789-") == "" && strings.ContainsAny(text, letters) &&
		!strings.HasPrefix(text, "-") && !strings.HasSuffix(text, "-")
}

// SplitTarget splits TO[:PORT[/PROTOCOL]] and TO:ICMP. port is nil when none was written. IPv6 addresses with a port stand in brackets.
func SplitTarget(text string) (to string, port *Port, err error) {
	if _, err := netip.ParseAddr(text); err == nil {
		return text, nil, nil
	}
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 || strings.HasSuffix(text, "]") {
		return text, nil, nil
	}
	to, rest := text[:colon], text[colon+1:]
	if strings.Count(to, ":") > 0 && !strings.HasPrefix(to, "[") {
		return "", nil, fmt.Errorf("%q: an IPv6 address with a port is written [ADDRESS]:PORT", text)
	}
	p, err := ParsePortProtocol(rest)
	if err != nil {
		return "", nil, fmt.Errorf("%q: %w", text, err)
	}
	return to, &p, nil
}

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
// whose addresses are not known give the flow as it is, and so do ends without a family in common: then Evaluate compares what there is.
func (f Flow) ByFamily() []Flow {
	var all []Flow
	for _, is4 := range []bool{true, false} {
		source, sourceHas := inFamily(f.Source, is4)
		destination, destinationHas := inFamily(f.Destination, is4)
		if sourceHas && destinationHas {
			g := f
			g.Source.Address, g.Destination.Address = source, destination
			all = append(all, g)
		}
	}
	if len(all) == 0 {
		return []Flow{f}
	}
	return all
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
