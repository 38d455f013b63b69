package ebpf

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"unsafe"

	cebpf "github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// TestSizesAgree compares the Go mirrors of C structures with the sizes that the object itself declares. It does not declare that of events: every test
// that waits for one compares it whole.
func TestSizesAgree(t *testing.T) {
	spec, err := loadProgram()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]uintptr{
		"endpoints": {unsafe.Sizeof(addressKey{}), 8}, "profiles": {4, profileSize}, "networks": {unsafe.Sizeof(networkKey{}), 4},
		"verdicts": {unsafe.Sizeof(verdictKey{}), 8}, "ranges": {unsafe.Sizeof(rangeKey{}), 8}, "interfaces": {4, 4}, "counters": {4, unsafe.Sizeof(rawCounter{})},
		"reasons": {4, unsafe.Sizeof(rawCounter{})}, "generation": {4, 8},
	} {
		m := spec.Maps[name]
		if got := [2]uintptr{uintptr(m.KeySize), uintptr(m.ValueSize)}; got != want {
			t.Errorf("%s: key and value of %v octets in C, %v in Go", name, got, want)
		}
	}
	if len(spec.Maps) != 10 {
		t.Errorf("%d maps, of which the test knows 9 and the ring", len(spec.Maps))
	}
}

// hookState is a struct nf_hook_state for a packet at output: hook, family, and pointers that must be 0.
func hookState(version byte) []byte {
	state := make([]byte, 48)
	state[0], state[1] = unix.NF_INET_LOCAL_OUT, unix.NFPROTO_IPV4
	if version == 6 {
		state[1] = unix.NFPROTO_IPV6
	}
	return state
}

// run passes one IP packet to the program at output, without conntrack, and reports whether it accepts.
func run(t *testing.T, d *Datapath, packet []byte) bool {
	t.Helper()
	verdict, err := d.objects.Hedgerow.Run(&cebpf.RunOptions{Data: packet, Context: hookState(packet[0] >> 4)})
	if err != nil {
		t.Fatal(err)
	}
	return verdict == 1
}

// TestAddressTagsAgree writes endpoints with random addresses. Were the tag that C expects another than Go writes, the address would be closed.
func TestAddressTagsAgree(t *testing.T) {
	d, err := Open(Options{Dir: lab.BPFFS(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		from, to := randomAddr(r), randomAddr(r)
		for from.Is4() != to.Is4() {
			to = randomAddr(r)
		}
		word := map[netip.Addr]datapath.Endpoint{from: {Group: datapath.GroupID(r.Uint32() | 16)}, to: {Group: datapath.GroupID(r.Uint32() | 16)}}
		if err := d.Apply(&datapath.Change{PutEndpoints: word}); err != nil {
			t.Fatal(err)
		}
		packet := probes[1].packet(from, to, 80).Bytes()
		if !run(t, d, packet) {
			t.Fatalf("%s -> %s: not accepted with endpoints %v", from, to, word)
		}
		word[to] = datapath.Endpoint{Group: datapath.BlockedGroup}
		if err := d.Apply(&datapath.Change{PutEndpoints: word}); err != nil {
			t.Fatal(err)
		}
		if run(t, d, packet) {
			t.Fatalf("%s -> %s: accepted though blocked", from, to)
		}
		// The word of another address is as good as none.
		key, stranger := keyOf(to), endpointWord(keyOf(to.Next()), datapath.Endpoint{Group: 16})
		if err := d.objects.Endpoints.Put(key, stranger); err != nil {
			t.Fatal(err)
		}
		if stranger>>48 != key.tag() && run(t, d, packet) {
			t.Fatalf("%s -> %s: accepted by another address's word", from, to)
		}
	}
}

func randomAddr(r *rand.Rand) netip.Addr {
	if r.IntN(2) == 0 {
		var a [4]byte
		binary.NativeEndian.PutUint32(a[:], r.Uint32())
		return netip.AddrFrom4(a)
	}
	a := [16]byte{0: 0xfd} // never ::ffff:a.b.c.d
	binary.NativeEndian.PutUint64(a[1:], r.Uint64())
	binary.NativeEndian.PutUint64(a[8:], r.Uint64())
	return netip.AddrFrom16(a)
}

// TestVerdictTagsAgree lets real packets meet verdicts under random keys: found, or the packet would be dropped; and a torn one is a drop.
func TestVerdictTagsAgree(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	r := rand.New(rand.NewPCG(3, 4))
	arrived := b.b.Tap(func(s lab.Seen) bool { return s.Protocol == datapath.UDP })
	for i := range 300 {
		group, profile, number := datapath.GroupID(r.Uint32()|16), datapath.ProfileID(r.Uint32N(1<<28-1)+1), uint16(r.Uint32N(1<<16-1)+1)
		key := datapath.VerdictKey{Profile: profile, Group: group, Protocol: datapath.UDP, Port: number}
		b.apply(&datapath.Change{
			PutVerdicts:  map[datapath.VerdictKey]datapath.Verdict{key: {Action: datapath.Accept, Rule: datapath.RuleID(r.Uint32())}},
			PutProfiles:  map[datapath.ProfileIndex]datapath.Profile{b.index(b.b): {Ingress: profile, Interface: b.b.HostIndex}},
			PutEndpoints: map[netip.Addr]datapath.Endpoint{b.a.Address4: {Group: group, Index: b.index(b.a)}},
		})
		packet := lab.UDPPacket(netip.AddrPortFrom(b.a.Address4, clientPort), netip.AddrPortFrom(b.b.Address4, number), nil).Bytes()
		b.a.Inject(packet)
		lab.Eventually(t, "a packet that a random verdict accepts", func() bool { return arrived.Count() == i+1 })

		k := verdictKeyOf(key)
		if err := b.d.objects.Verdicts.Put(k, verdictWord(k, datapath.Verdict{Action: datapath.Accept})^1<<50); err != nil {
			t.Fatal(err)
		}
		before := b.drops(datapath.ReasonNoVerdict)
		b.a.Inject(packet)
		lab.Eventually(t, "a drop by a torn verdict", func() bool { return b.drops(datapath.ReasonNoVerdict) == before+1 })
	}
	if n := arrived.Count(); n != 300 {
		t.Errorf("%d packets arrived, want 300", n)
	}
}

// TestOnlyThisNodeReachesNobody: what the node sends passes to an address without a pod, and nothing else at output does, whoever's address it has. (Other
// nodes' get there where the node forwards by itself, as IPVS does.)
func TestOnlyThisNodeReachesNobody(t *testing.T) {
	d, err := Open(Options{Dir: lab.BPFFS(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	from, to := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for _, e := range []datapath.Endpoint{
		{Group: groupNode, Index: datapath.NodeIndex}, {Group: groupNode, Index: datapath.OtherNodeIndex}, {Group: groupNode},
	} {
		if err := d.Apply(&datapath.Change{PutEndpoints: map[netip.Addr]datapath.Endpoint{from: e, to: {Group: datapath.LocalUnknownGroup}}}); err != nil {
			t.Fatal(err)
		}
		if got, want := run(t, d, probes[1].packet(from, to, 80).Bytes()), e.Index == datapath.NodeIndex; got != want {
			t.Errorf("from %+v: accepted %t, want %t", e, got, want)
		}
	}
}
