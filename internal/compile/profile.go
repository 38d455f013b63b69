package compile

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/policy"
)

// profile is the policies that select a local pod, for one direction. nil is the profile of a pod that none selects.
type profile struct {
	id        datapath.ProfileID
	key       string // its content: equal keys decide alike and for the same reasons
	direction policy.Direction
	clauses   []*clause // in the order of evaluation
	isolating []policy.Ref
	ranges    bool // some rule has a range of ports
	// ports says, for ingress, which numbers the pod gives to the names in the clauses.
	ports map[portName][]uint16
	// mentions are the distinctions between peers that the clauses make, sorted; names, for egress, the names of ports.
	mentions []selectorID
	names    map[portName]bool

	// rows are those evaluated so far, by signature, and by what the profile sees of one; any is that of anyGroup.
	rows      map[*signature]*row
	projected map[string]*row
	any       *row
	// size is what the profile needs for groups of these signatures.
	size     size
	sizedFor *signatureSet
	// written is what the kernel's verdict table holds, by group; a row equal to that of anyGroup has no entries there.
	written map[*group]*row
}

// idOf returns the id, which is 0 for no profile.
func (p *profile) idOf() datapath.ProfileID {
	if p == nil {
		return 0
	}
	return p.id
}

// hasRanges reports whether the profile has entries in the table of ranges.
func (p *profile) hasRanges() bool { return p != nil && p.ranges }

// profileOf returns the profile of a local pod, made of these clauses: the installed one of this content, or a new one.
func (c *Compiler) profileOf(d policy.Direction, pod *policy.Pod, selecting []*clause) *profile {
	if len(selecting) == 0 {
		return nil
	}
	made := &profile{direction: d, clauses: selecting}
	key := []byte{byte(d)}
	for _, cl := range selecting {
		key = binary.BigEndian.AppendUint32(key, cl.number)
		if d == policy.Ingress {
			key = made.resolve(key, pod, cl.names)
		}
	}
	if found := c.current[string(key)]; found != nil {
		return found
	}
	if found := c.spare[string(key)]; found != nil {
		c.adopt(found)
		return found
	}
	made.key = string(key)
	made.read()
	c.adopt(made)
	return made
}

// read notes what the clauses have in them.
func (p *profile) read() {
	p.isolating = isolatingOf(p.clauses)
	p.names, p.rows, p.projected = map[portName]bool{}, map[*signature]*row{}, map[string]*row{}
	for _, cl := range p.clauses {
		p.ranges = p.ranges || cl.ranges
		p.mentions = append(p.mentions, cl.peers...)
		for _, name := range p.egressNames(cl) {
			p.names[name] = true
		}
	}
	slices.Sort(p.mentions)
	p.mentions = slices.Compact(p.mentions)
}

// adopt gives a profile an id and makes it the current one of its content.
func (c *Compiler) adopt(p *profile) {
	n, _ := c.profileIDs.take(func(n uint32) bool { return c.installed.profiles[datapath.ProfileID(n)] != nil })
	p.id = datapath.ProfileID(n)
	p.written = map[*group]*row{}
	c.current[p.key] = p
}

// renew returns a profile of the same content with a new id.
func (c *Compiler) renew(p *profile) *profile {
	again := *p
	c.adopt(&again)
	return &again
}

// resolve notes which numbers the pod gives to the names, and adds them to the key.
func (p *profile) resolve(key []byte, pod *policy.Pod, names []portName) []byte {
	for i, name := range names {
		numbers := numbersOf(pod, name)
		key = append(key, byte(i), byte(i>>8), byte(len(numbers)), byte(len(numbers)>>8))
		for _, n := range numbers {
			key = binary.BigEndian.AppendUint16(key, n)
		}
		if p.ports == nil {
			p.ports = map[portName][]uint16{}
		}
		p.ports[name] = numbers
	}
	return key
}

// numbersOf returns the ports that the pod calls by the name, sorted.
func numbersOf(pod *policy.Pod, name portName) []uint16 {
	var numbers []uint16
	for _, port := range pod.Ports {
		if port.Name == name.name && port.Protocol == name.protocol {
			numbers = append(numbers, port.Number)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

func isolatingOf(selecting []*clause) []policy.Ref {
	var refs []policy.Ref
	for _, cl := range selecting {
		if cl.isolates {
			refs = append(refs, cl.policy.Ref)
		}
	}
	return refs
}

// sortedProfiles orders profiles by id.
func sortedProfiles(set map[*profile]bool) []*profile {
	return slices.SortedFunc(maps.Keys(set), func(a, b *profile) int { return cmp.Compare(a.id, b.id) })
}
