package ebpf

import (
	"encoding/binary"
	"net/netip"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// The keys and words below have the layout of bpf/tables.h. Words carry a tag made from their key, because the kernel may
// reuse a hash element for another key under a reader.

// addressKey is an address as the kernel sees it: 16 bytes in network order, IPv4 as ::ffff:a.b.c.d.
type addressKey [16]byte

func keyOf(a netip.Addr) addressKey { return a.As16() }

func (k addressKey) addr() netip.Addr { return netip.AddrFrom16(k).Unmap() }

// networkKey is a key of the longest-prefix table.
type networkKey struct {
	Bits    uint32
	Address addressKey
}

func networkKeyOf(p netip.Prefix) networkKey {
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	return networkKey{Bits: uint32(bits), Address: keyOf(p.Masked().Addr())}
}

type verdictKey struct {
	Profile  uint32
	Group    uint32
	Port     uint16
	Protocol uint8
	_        uint8
}

func verdictKeyOf(k datapath.VerdictKey) verdictKey {
	return verdictKey{Profile: uint32(k.Profile), Group: uint32(k.Group), Port: k.Port, Protocol: k.Protocol}
}

// rangeKey is a key of the table of ranges.
type rangeKey struct {
	Bits     uint32
	Profile  uint32
	Group    uint32
	_        uint8
	Protocol uint8
	Port     [2]uint8 // network order
}

// wholeBits is how much of a rangeKey stands before its port.
const wholeBits = 80

func rangeKeyOf(k datapath.RangeKey) rangeKey {
	r := rangeKey{Bits: wholeBits + uint32(k.Bits), Profile: uint32(k.Profile), Group: uint32(k.Group), Protocol: k.Protocol}
	binary.BigEndian.PutUint16(r.Port[:], k.Port)
	return r
}

func fold(x uint32) uint64 { return uint64(x * 0x9e3779b1 >> 16) }

func (k addressKey) tag() uint64 {
	w := func(i int) uint32 { return binary.NativeEndian.Uint32(k[4*i:]) }
	return fold(w(0) ^ w(1)*3 ^ w(2)*5 ^ w(3)*7)
}

func (k verdictKey) tag() uint64 {
	return fold(k.Profile ^ k.Group*3 ^ (uint32(k.Protocol)<<16|uint32(k.Port))*5)
}

// tag leaves the port out: a packet's port is not the block's.
func (k rangeKey) tag() uint64 {
	return verdictKey{Profile: k.Profile, Group: k.Group, Protocol: k.Protocol}.tag()
}

func endpointWord(k addressKey, e datapath.Endpoint) uint64 {
	return k.tag()<<48 | uint64(e.Index)<<32 | uint64(e.Group)
}

func verdictWord(k verdictKey, v datapath.Verdict) uint64 { return word(k.tag(), v) }

func rangeWord(k rangeKey, v datapath.Verdict) uint64 { return word(k.tag(), v) }

func word(tag uint64, v datapath.Verdict) uint64 {
	return tag<<48 | uint64(v.Action)<<32 | uint64(v.Rule)
}
