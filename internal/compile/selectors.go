package compile

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// selectorID is the number of a distinction between pods. It is never reused.
type selectorID uint32

// portName is a named port that egress rules mention. Which number it stands for depends on the destination pod, so it
// distinguishes pods as a selector does.
type portName struct {
	protocol policy.Protocol
	name     string
}

// selector is one distinction between pods: a pair of selectors that a rule names as a peer, or that a pod calls one port by one name.
type selector struct {
	id     selectorID
	pods   *policy.PodSelector
	name   portName // when pods is nil
	number uint16
}

// selectors interns distinctions.
type selectors struct {
	byKey map[string]*selector
	byID  map[selectorID]*selector
	last  selectorID
}

func newSelectors() *selectors {
	return &selectors{byKey: map[string]*selector{}, byID: map[selectorID]*selector{}}
}

func (s *selectors) intern(key string, made selector) *selector {
	if found := s.byKey[key]; found != nil {
		return found
	}
	s.last++
	made.id = s.last
	s.byKey[key], s.byID[made.id] = &made, &made
	return &made
}

func (s *selectors) peer(pods *policy.PodSelector) *selector {
	return s.intern(pods.Key(), selector{pods: pods})
}

func (s *selectors) port(name portName, number uint16) *selector {
	return s.intern(fmt.Sprintf("port %d %s %d", name.protocol, name.name, number), selector{name: name, number: number})
}

// keep forgets the selectors that no clause mentions: ids in a clause stay valid as long as the clause is known.
func (s *selectors) keep(known map[string]*clause) {
	mentioned := &uses{peers: map[selectorID]bool{}, names: map[portName]bool{}}
	for _, cl := range known {
		mentioned.add(cl.peers, cl.names)
	}
	for key, sel := range s.byKey {
		if !mentioned.has(sel) {
			delete(s.byKey, key)
			delete(s.byID, sel.id)
		}
	}
}

// uses is the distinctions that matter: those that the profiles of local pods make.
type uses struct {
	peers map[selectorID]bool
	names map[portName]bool
}

func (u *uses) has(s *selector) bool {
	if s.pods == nil {
		return u.names[s.name]
	}
	return u.peers[s.id]
}

func usesOf(profiles map[*profile]bool) *uses {
	u := &uses{peers: map[selectorID]bool{}, names: map[portName]bool{}}
	for p := range profiles {
		for _, cl := range p.clauses {
			u.add(cl.peers, p.egressNames(cl))
		}
	}
	return u
}

func (u *uses) add(peers []selectorID, names []portName) {
	for _, id := range peers {
		u.peers[id] = true
	}
	for _, name := range names {
		u.names[name] = true
	}
}

func (u *uses) equal(o *uses) bool {
	return maps.Equal(u.peers, o.peers) && maps.Equal(u.names, o.names)
}

// kind is what a signature is about.
type kind uint8

const (
	podKind     kind = iota
	unknownKind      // an address in the pod ranges of which nothing is known
	worldKind        // everything that no selector can match
)

// signature is the set of distinctions that apply to an endpoint. Equal ones are the same pointer.
type signature struct {
	kind kind
	key  string
	ids  []selectorID // sorted
}

// signatures interns signatures.
type signatures struct {
	byKey          map[string]*signature
	unknown, world *signature
}

func newSignatures() *signatures {
	return &signatures{
		byKey:   map[string]*signature{},
		unknown: &signature{kind: unknownKind, key: "unknown"},
		world:   &signature{kind: worldKind, key: "world"},
	}
}

// of returns the signature of a pod; ids must be sorted.
func (s *signatures) of(ids []selectorID) *signature {
	var buffer [64]byte
	key := buffer[:0]
	for _, id := range ids {
		key = binary.BigEndian.AppendUint32(key, uint32(id))
	}
	if found := s.byKey[string(key)]; found != nil {
		return found
	}
	made := &signature{key: string(key), ids: slices.Clone(ids)}
	s.byKey[made.key] = made
	return made
}

// project drops from a signature the distinctions that are not in use.
func (c *Compiler) project(s *signature, u *uses) *signature {
	if s.kind != podKind {
		return s
	}
	kept := make([]selectorID, 0, len(s.ids))
	for _, id := range s.ids {
		if sel := c.selectors.byID[id]; sel != nil && u.has(sel) {
			kept = append(kept, id)
		}
	}
	if len(kept) == len(s.ids) {
		return s
	}
	return c.signatures.of(kept)
}
