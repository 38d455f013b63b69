package analysis

import (
	"fmt"
	"strings"

	"github.com/hedgerow-net/hedgerow/policy"
)

// String says the set in words: "everything", "nothing", "TCP 80, 443; UDP 53", or "everything but TCP 22" where that is shorter.
func (p Ports) String() string {
	rest := AllPorts().Minus(p)
	switch {
	case p.IsEmpty():
		return "nothing"
	case rest.IsEmpty():
		return "everything"
	case rest.pieces() < p.pieces():
		return "everything but " + rest.list()
	}
	return p.list()
}

func (p Ports) list() string {
	var parts []string
	for i, protocol := range numbered {
		if len(p.ranges[i]) > 0 {
			parts = append(parts, rangeWords(protocol, p.ranges[i]))
		}
	}
	if p.other {
		parts = append(parts, policy.OtherProtocols.String())
	}
	return strings.Join(parts, "; ")
}

func (p Ports) pieces() int {
	n := len(p.ranges[0]) + len(p.ranges[1]) + len(p.ranges[2])
	if p.other {
		n++
	}
	return n
}

func rangeWords(protocol policy.Protocol, ranges []Range) string {
	if ranges[0] == (Range{1, lastPort}) {
		return protocol.String()
	}
	texts := make([]string, len(ranges))
	for i, r := range ranges {
		texts[i] = r.String()
	}
	return protocol.String() + " " + strings.Join(texts, ", ")
}

// String returns "80" or "8000-8010".
func (r Range) String() string {
	if r.First == r.Last {
		return fmt.Sprint(r.First)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}
