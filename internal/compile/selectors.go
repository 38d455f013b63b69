package compile

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hedgerow-net/hedgerow/policy"
)

// selectorID is the number of a distinction between addresses. It is never reused.
type selectorID uint32

// portName is a named port that egress rules mention. Which number it stands for depends on the destination pod, so it
// distinguishes pods as a selector does.
type portName struct {
	protocol policy.Protocol
	name     string
}

// selector is one distinction between addresses. It is one of four: a pair of selectors of pods that a rule names as a peer; all the networks that
// a rule names; a selector of nodes; or that a pod calls one port by one name. The networks of a rule are one distinction together, so that a
// long list of them costs no more than a short one, the table of networks aside.
type selector struct {
	id       selectorID
	pods     *policy.PodSelector
	networks []span
	nodes    *policy.Selector
	name     portName // when all others are nil
	number   uint16
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

// peers returns the distinctions that the peers of a rule make; a peer that matches nothing makes none.
func (s *selectors) peers(peers []policy.Peer) []*selector {
	var made []*selector
	var spans []span
	var keys []string
	for i := range peers {
		p := &peers[i]
		switch key := peerKey(p); {
		case p.Network != nil:
			if one, some := spanOf(p.Network); some {
				spans, keys = append(spans, one), append(keys, key)
			}
		case p.Nodes != nil:
			made = append(made, s.intern(key, selector{nodes: p.Nodes}))
		case p.Pods != nil:
			made = append(made, s.intern(key, selector{pods: p.Pods}))
		}
	}
	if len(spans) > 0 {
		slices.Sort(keys)
		made = append(made, s.intern(strings.Join(slices.Compact(keys), "; "), selector{networks: spans}))
	}
	return made
}

func (s *selectors) port(name portName, number uint16) *selector {
	return s.intern(fmt.Sprintf("port %d %s %d", name.protocol, name.name, number), selector{name: name, number: number})
}

// keep forgets the selectors that no clause mentions: ids in a clause stay valid as long as the clause is known.
func (s *selectors) keep(known map[string]*clause) {
	mentioned := newUses()
	for _, cl := range known {
		mentioned.add(s, cl.peers, cl.names)
	}
	for key, sel := range s.byKey {
		if !mentioned.has(sel) {
			delete(s.byKey, key)
			delete(s.byID, sel.id)
		}
	}
}

// kind is what a signature is about.
type kind uint8

const (
	podKind     kind = iota
	unknownKind      // an address in the pod ranges of which nothing is known
	worldKind        // everything that no selector can match
)

// signature is the set of distinctions that apply to an address. Equal ones are the same pointer.
type signature struct {
	kind kind
	key  string
	ids  []selectorID // sorted
}

// signatures interns signatures.
type signatures struct {
	byKey          map[string]*signature
	unknown, world *signature // without any distinction
}

func newSignatures() *signatures {
	s := &signatures{byKey: map[string]*signature{}}
	s.unknown, s.world = s.of(unknownKind, nil), s.of(worldKind, nil)
	return s
}

// of returns the signature of a kind with these distinctions; ids must be sorted.
func (s *signatures) of(k kind, ids []selectorID) *signature {
	var buffer [64]byte
	key := appendIDs(buffer[:0], k, ids)
	if found := s.byKey[string(key)]; found != nil {
		return found
	}
	made := &signature{kind: k, key: string(key), ids: slices.Clone(ids)}
	s.byKey[made.key] = made
	return made
}

func appendIDs(key []byte, k kind, ids []selectorID) []byte {
	key = append(key, byte(k))
	for _, id := range ids {
		key = binary.BigEndian.AppendUint32(key, uint32(id))
	}
	return key
}

// both returns the signature of a's kind with the distinctions of both.
func (s *signatures) both(a, b *signature) *signature {
	if len(b.ids) == 0 {
		return a
	}
	ids := slices.Concat(a.ids, b.ids)
	slices.Sort(ids)
	return s.of(a.kind, slices.Compact(ids))
}

// keep forgets the signatures that are not used.
func (s *signatures) keep(used map[*signature]bool) {
	maps.DeleteFunc(s.byKey, func(_ string, one *signature) bool { return !used[one] && one != s.unknown && one != s.world })
}

// project drops from a signature the distinctions that are not in use.
func (c *Compiler) project(s *signature, u *uses) *signature {
	kept := make([]selectorID, 0, len(s.ids))
	for _, id := range s.ids {
		if sel := c.selectors.byID[id]; sel != nil && u.has(sel) {
			kept = append(kept, id)
		}
	}
	if len(kept) == len(s.ids) {
		return s
	}
	return c.signatures.of(s.kind, kept)
}
