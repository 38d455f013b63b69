package analysis

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/hedgerow-net/hedgerow/policy"
)

func TestPortsInWords(t *testing.T) {
	tcp := func(first, last uint16) Ports { return PortRange(policy.TCP, first, last) }
	tests := []struct {
		ports Ports
		want  string
	}{
		{Ports{}, "nothing"},
		{AllPorts(), "everything"},
		{tcp(443, 443).Union(tcp(80, 80)).Union(PortRange(policy.UDP, 53, 53)), "TCP 80, 443; UDP 53"},
		{tcp(8000, 8010).Union(tcp(8011, 8020)), "TCP 8000-8020"},
		{PortRange(policy.SCTP, 1, 65535), "SCTP"},
		{PortRange(policy.OtherProtocols, 0, 0), "other protocols"},
		{AllPorts().Minus(tcp(22, 22)), "everything but TCP 22"},
		{AllPorts().Minus(PortRange(policy.OtherProtocols, 0, 0)), "everything but other protocols"},
		{tcp(1, 21).Union(tcp(23, 65535)), "TCP 1-21, 23-65535"},
		{tcp(1, 65535).Union(PortRange(policy.UDP, 1, 65535)), "TCP; UDP"},
	}
	for _, test := range tests {
		if got := test.ports.String(); got != test.want {
			t.Errorf("ports in words: %q, want %q", got, test.want)
		}
	}
}

// Sets of ports behave as sets of their members do.
func TestPortsAreSets(t *testing.T) {
	draw := rapid.Custom(func(t *rapid.T) Ports {
		var p Ports
		for range rapid.IntRange(0, 4).Draw(t, "parts") {
			first := rapid.SampledFrom([]uint16{1, 2, 3, 5, 8, 65534, 65535}).Draw(t, "first")
			last := rapid.SampledFrom([]uint16{1, 2, 4, 8, 65534, 65535}).Draw(t, "last")
			p = p.Union(PortRange(rapid.SampledFrom(policy.Protocols[:]).Draw(t, "protocol"), first, last))
		}
		return p
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		same := true
		for _, protocol := range policy.Protocols {
			for _, port := range []uint16{1, 2, 3, 4, 5, 6, 7, 8, 9, 65533, 65534, 65535} {
				inA, inB := a.Contains(protocol, port), b.Contains(protocol, port)
				same = same && inA == inB
				if got := a.Union(b).Contains(protocol, port); got != (inA || inB) {
					t.Errorf("%v %d in the union of %v and %v: %t", protocol, port, a, b, got)
				}
				if got := a.Minus(b).Contains(protocol, port); got != (inA && !inB) {
					t.Errorf("%v %d in %v without %v: %t", protocol, port, a, b, got)
				}
			}
		}
		if a.Equal(b) != same {
			t.Errorf("%v equal to %v: %t", a, b, a.Equal(b))
		}
	})
}
