package manifest

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/hedgerow-net/hedgerow/policy"
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
