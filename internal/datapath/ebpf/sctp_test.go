package ebpf

import (
	"net/netip"
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// Chunks of SCTP (RFC 9260, 3.2).
const (
	sctpDATA         = 0
	sctpINIT         = 1
	sctpINITACK      = 2
	sctpSACK         = 3
	sctpHEARTBEAT    = 4
	sctpHEARTBEATACK = 5
	sctpABORT        = 6
	sctpSHUTDOWNACK  = 8
	sctpCOOKIE       = 10
	sctpCOOKIEACK    = 11
)

// association is one between a client and a server, whose packets are made by hand: this kernel need not have SCTP, only connection tracking of it.
type association struct{ client, server netip.AddrPort }

// Verification tags: each end is addressed by the one it chose.
const clientTag, serverTag = 9, 7

func (a association) there(chunk uint8) lab.Packet {
	return sctpPacket(a.client, a.server, serverTag, chunk)
}

func (a association) back(chunk uint8) lab.Packet {
	return sctpPacket(a.server, a.client, clientTag, chunk)
}

func sctpPacket(from, to netip.AddrPort, tag uint32, chunk uint8) lab.Packet {
	value := make([]byte, 16)
	switch chunk {
	case sctpINIT:
		// The tag, the window, streams and the first number.
		value, tag = []byte{0, 0, 0, clientTag, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1}, 0
	case sctpINITACK:
		value = []byte{0, 0, 0, serverTag, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1}
	case sctpHEARTBEAT:
		value = []byte{0, 1, 0, 8, 1, 2, 3, 4}
	}
	return lab.SCTPPacket(from, to, tag, chunk, value)
}

// associate lets only SCTP from a to b's port 80 pass and opens an association there.
func (b *testbed) associate(f family) association {
	b.Helper()
	b.isolateIngress(b.a)
	b.isolateEgress(b.a, port(groupB, datapath.SCTP, 80))
	b.isolateIngress(b.b, port(groupA, datapath.SCTP, 80))
	b.isolateEgress(b.b)
	a := association{netip.AddrPortFrom(f.of(b.a), clientPort), netip.AddrPortFrom(f.of(b.b), 80)}
	b.wantPass(b.a, b.b, a.there(sctpINIT))
	b.wantPass(b.b, b.a, a.back(sctpINITACK))
	b.wantPass(b.a, b.b, a.there(sctpCOOKIE))
	b.wantPass(b.b, b.a, a.back(sctpCOOKIEACK))
	return a
}

// event is what the kernel must tell of a dropped packet of the association.
func (a association) event(reason datapath.Reason, rule datapath.RuleID, egress, reply bool) datapath.Event {
	return datapath.Event{
		Source: a.client.Addr(), SourcePort: a.client.Port(), Destination: a.server.Addr(), DestinationPort: a.server.Port(),
		Protocol: datapath.SCTP, Reason: reason, Rule: rule, Egress: egress, Reply: reply,
	}
}

// opposite is the association as if the server had opened it.
func (a association) opposite() association { return association{client: a.server, server: a.client} }

// TestAssociation: the replies have no rule of their own, and nobody else opens one.
func TestAssociation(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		a := b.associate(f)
		for _, chunk := range []uint8{sctpDATA, sctpSACK, sctpHEARTBEAT, sctpHEARTBEATACK, sctpABORT} {
			b.wantPass(b.a, b.b, a.there(chunk))
			b.wantPass(b.b, b.a, a.back(chunk))
		}
		if n := b.dropped(); n != 0 {
			t.Errorf("%d packets dropped: %+v", n, b.all())
		}
		rule := b.isolateEgress(b.b)
		sctp := probes[2]
		b.wantDrop(sctp.event(f, f.of(b.b), f.of(b.a), 80, rule, true), b.b, sctp.packet(f.of(b.b), f.of(b.a), 80))
		rule = b.isolateIngress(b.b, port(groupA, datapath.SCTP, 80), port(groupA, datapath.TCP, 81), port(groupC, datapath.UDP, 80))
		b.wantDrop(sctp.event(f, f.of(b.c), f.of(b.b), 80, rule, false), b.c, sctp.packet(f.of(b.c), f.of(b.b), 80))
		b.isolate(b.a, 0, 0)
		b.wantDrop(sctp.event(f, f.of(b.a), f.of(b.b), 81, rule, false), b.a, sctp.packet(f.of(b.a), f.of(b.b), 81))
	})
}

// TestAnswerWithoutAssociation: what only answers opens nothing, also where everything of the sender is accepted.
func TestAnswerWithoutAssociation(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.isolateIngress(b.b, everythingFrom(groupA)...)
		a := association{netip.AddrPortFrom(f.of(b.a), clientPort), netip.AddrPortFrom(f.of(b.b), 80)}
		for _, chunk := range []uint8{sctpINITACK, sctpCOOKIE, sctpCOOKIEACK, sctpDATA, sctpSACK, sctpABORT} {
			b.wantDrop(a.event(datapath.ReasonNoConntrack, 0, false, false), b.a, a.there(chunk))
		}
		b.wantPass(b.a, b.b, a.there(sctpINIT))
	})
}

// TestRevokedAssociation forbids the way after the association stands. Neither end's packets pass, also not when the kernel has forgotten it and
// sees heartbeats in the middle, which look like a way from the server to the client that nothing forbids.
func TestRevokedAssociation(t *testing.T) {
	for _, r := range []struct {
		name   string
		egress bool
		revoke func(b *testbed) datapath.RuleID
	}{
		{"ingress of the server", false, func(b *testbed) datapath.RuleID {
			b.isolate(b.a, 0, 0)
			b.isolate(b.b, 0, 0)
			return b.isolateIngress(b.b)
		}},
		{"egress of the client", true, func(b *testbed) datapath.RuleID {
			b.isolate(b.b, 0, 0)
			b.isolate(b.a, 0, 0)
			return b.isolateEgress(b.a)
		}},
	} {
		t.Run(r.name, func(t *testing.T) {
			bothFamilies(t, func(b *testbed, f family) {
				a := b.associate(f)
				rule := r.revoke(b)
				for _, chunk := range []uint8{sctpDATA, sctpHEARTBEAT, sctpABORT} {
					b.wantDrop(a.event(datapath.ReasonRule, rule, r.egress, false), b.a, a.there(chunk))
					b.wantDrop(a.event(datapath.ReasonRule, rule, r.egress, true), b.b, a.back(chunk))
				}
				b.deleteFlows(f)
				b.wantDrop(a.event(datapath.ReasonNoConntrack, 0, false, false), b.a, a.there(sctpDATA))
				b.wantDrop(a.opposite().event(datapath.ReasonNoConntrack, 0, false, false), b.b, a.back(sctpDATA))
				for _, chunk := range []uint8{sctpHEARTBEAT, sctpHEARTBEATACK, sctpSHUTDOWNACK} {
					b.wantDrop(a.event(datapath.ReasonRule, rule, r.egress, false), b.a, a.there(chunk))
					b.wantDrop(a.event(datapath.ReasonPickedUp, rule, r.egress, true), b.b, a.back(chunk))
				}
				b.wantDrop(a.opposite().event(datapath.ReasonNoConntrack, 0, false, false), b.b, a.back(sctpDATA))
				// The other way is still open.
				b.wantPass(b.b, b.a, a.opposite().there(sctpINIT))
			})
		})
	}
}

// TestRevokedAfterHeartbeats: an association that the kernel took up by heartbeats of both ends, while both orientations were allowed, is cut as well. (When
// one has acknowledged the other's, the kernel does not tell it from one that the first sender opened.)
func TestRevokedAfterHeartbeats(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		a := b.associate(f)
		b.isolate(b.a, 0, 0)
		b.isolate(b.b, b.isolated[b.b].Ingress, 0)
		b.deleteFlows(f)
		b.wantPass(b.b, b.a, a.back(sctpHEARTBEAT))
		b.wantPass(b.a, b.b, a.there(sctpHEARTBEAT))
		b.wantPass(b.b, b.a, a.back(sctpHEARTBEAT))
		rule := b.isolateIngress(b.b)
		b.wantDrop(a.event(datapath.ReasonPickedUp, rule, false, true), b.b, a.back(sctpHEARTBEAT))
		b.wantDrop(a.event(datapath.ReasonPickedUp, rule, false, false), b.a, a.there(sctpHEARTBEAT))
	})
}

// TestForgottenAssociationResumes is the allowed counterpart: heartbeats bring it back when both orientations are allowed.
func TestForgottenAssociationResumes(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		a := b.associate(f)
		b.isolate(b.a, 0, 0)
		b.isolate(b.b, b.isolated[b.b].Ingress, 0)
		if b.deleteFlows(f) == 0 {
			t.Fatal("no tracked association to delete")
		}
		b.wantPass(b.b, b.a, a.back(sctpHEARTBEAT))
		b.wantPass(b.a, b.b, a.there(sctpHEARTBEATACK))
		b.wantPass(b.a, b.b, a.there(sctpDATA))
		b.wantPass(b.b, b.a, a.back(sctpDATA))
	})
}
