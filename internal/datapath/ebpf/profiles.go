package ebpf

import (
	"encoding/binary"
	"fmt"

	cebpf "github.com/cilium/ebpf"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// profileTable writes struct profile of bpf/tables.h, 16 octets each: a word that says what applies to the pod, and its interface. It goes
// through mapped memory, because the kernel copies values as it likes: a word must change in one piece, or a packet could be judged by
// the halves of two profiles.
type profileTable struct {
	memory *cebpf.Memory
}

const (
	profileSize          = 16
	profileIngressRanges = 1 << 56
	profileEgressRanges  = 1 << 57
	profileValid         = 1 << 63
)

func newProfileTable(m *cebpf.Map) (*profileTable, error) {
	memory, err := m.Memory()
	if err != nil {
		return nil, fmt.Errorf("map the profiles into memory: %w", err)
	}
	return &profileTable{memory: memory}, nil
}

// put writes a profile. The interface goes first: a word that is not 0 refers to it.
func (t *profileTable) put(index datapath.ProfileIndex, p datapath.Profile) error {
	if index == datapath.NodeIndex || index == datapath.OtherNodeIndex {
		return fmt.Errorf("write profile %d: it marks addresses of nodes", index)
	}
	if p.Ingress > datapath.MaxProfileID || p.Egress > datapath.MaxProfileID {
		return fmt.Errorf("write profile %d: ids %d and %d do not fit into 28 bits", index, p.Ingress, p.Egress)
	}
	if err := t.write(index, 8, uint64(p.Interface)); err != nil {
		return err
	}
	word := profileValid | uint64(p.Ingress) | uint64(p.Egress)<<28
	if p.IngressRanges {
		word |= profileIngressRanges
	}
	if p.EgressRanges {
		word |= profileEgressRanges
	}
	return t.write(index, 0, word)
}

// clear makes a profile refuse everything.
func (t *profileTable) clear(index datapath.ProfileIndex) error { return t.write(index, 0, 0) }

// write stores eight aligned octets, which Go copies in one piece.
func (t *profileTable) write(index datapath.ProfileIndex, offset int64, word uint64) error {
	b := binary.NativeEndian.AppendUint64(nil, word)
	if _, err := t.memory.WriteAt(b, int64(index)*profileSize+offset); err != nil {
		return fmt.Errorf("write profile %d: %w", index, err)
	}
	return nil
}
