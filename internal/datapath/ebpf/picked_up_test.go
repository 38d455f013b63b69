package ebpf

import (
	"net/netip"
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// TestErrorOfPickedUpConnection: nobody knows who opened a connection that was picked up in the middle, so its ICMP errors too must be allowed in both
// orientations, each with the port that would be the server's.
func TestErrorOfPickedUpConnection(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		// A peer that never answers: the world does not have the address.
		peer := f.pick(farNobody4, farNobody6)
		b.node.RouteTo(b.world, peer)
		b.apply(&datapath.Change{PutEndpoints: map[netip.Addr]datapath.Endpoint{peer: {Group: groupB}}})
		segment := lab.TCPPacket(netip.AddrPortFrom(f.of(b.a), clientPort), netip.AddrPortFrom(peer, 80), lab.ACK|lab.PSH, 1000, 1000, []byte("in the middle"))
		b.wantPass(b.a, b.world, segment)

		kind, code := uint8(3), uint8(1)
		if f.is6() {
			kind, code = 1, 3
		}
		unreachable := lab.ICMPPacket(peer, f.of(b.a), kind, code, 0, segment.Bytes())
		b.isolateEgress(b.a, port(groupB, datapath.TCP, 80))
		b.isolateIngress(b.a, port(groupB, datapath.TCP, clientPort))
		b.wantPass(b.world, b.a, unreachable)

		rule := b.isolateIngress(b.a, port(groupB, datapath.TCP, 0))
		b.wantPass(b.world, b.a, unreachable)
		id := b.isolated[b.a].Ingress
		b.apply(&datapath.Change{PutVerdicts: map[datapath.VerdictKey]datapath.Verdict{
			{Profile: id, Group: groupB, Protocol: datapath.TCP, Port: clientPort}: {Action: datapath.Deny, Rule: rule},
		}})
		b.wantDrop(datapath.Event{
			Source: peer, Destination: f.of(b.a), SourcePort: 80, DestinationPort: clientPort, Protocol: datapath.TCP, Reason: datapath.ReasonPickedUp, Rule: rule,
		}, b.world, unreachable)
	})
}
