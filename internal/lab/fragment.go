package lab

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Fragments returns the packet cut into fragments of at most size octets, a multiple of eight. IPv6 extension headers of the packet are part of
// what is cut. One fragment that is the whole is an atomic one in IPv6.
func (p Packet) Fragments(id uint16, size int) [][]byte {
	raw := p.Bytes()
	head, cut := 20+len(p.Options), fragment4
	if raw[0]>>4 == 6 {
		head, cut = 40, fragment6
	}
	body := raw[head:]
	var list [][]byte
	for at := 0; at < len(body); at += size {
		end := min(at+size, len(body))
		list = append(list, cut(raw[:head], body[at:end], id, uint16(at), end < len(body)))
	}
	return list
}

func fragment4(head, part []byte, id, at uint16, more bool) []byte {
	b := append(append([]byte(nil), head...), part...)
	word := at / 8
	if more {
		word |= 0x2000
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], word)
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], checksum(b[:len(head)]))
	return b
}

func fragment6(head, part []byte, id, at uint16, more bool) []byte {
	b := append([]byte(nil), head...)
	if more {
		at |= 1
	}
	binary.BigEndian.PutUint16(b[4:], uint16(8+len(part)))
	b = append(b, b[6], 0)
	b[6] = unix.IPPROTO_FRAGMENT
	b = binary.BigEndian.AppendUint16(b, at)
	b = binary.BigEndian.AppendUint32(b, uint32(id))
	return append(b, part...)
}
