package compile

import (
	"fmt"
	"maps"
	"math"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/policy"
)

// reasons interns why verdicts are what they are. The map that plans carry is replaced, never changed, so that others may read it.
type reasons struct {
	ids, overflow ids
	byKey         map[string]datapath.RuleID
	byID          map[datapath.RuleID]policy.Reason
	shared        bool // byID has been handed out
}

func newReasons(limit datapath.RuleID) *reasons {
	return &reasons{
		ids:      newIDs(1, uint32(limit)),
		overflow: newIDs(uint32(limit)+1, math.MaxUint32),
		byKey:    map[string]datapath.RuleID{},
		byID:     map[datapath.RuleID]policy.Reason{},
	}
}

// id returns the rule id of a reason. When the ids that have counters are used up it takes one beyond them.
func (r *reasons) id(reason policy.Reason) datapath.RuleID {
	key := fmt.Sprintf("%+v", reason)
	if id, found := r.byKey[key]; found {
		return id
	}
	inUse := func(n uint32) bool { _, found := r.byID[datapath.RuleID(n)]; return found }
	n, ok := r.ids.take(inUse)
	if !ok {
		n, _ = r.overflow.take(inUse)
	}
	r.own()
	r.byKey[key] = datapath.RuleID(n)
	r.byID[datapath.RuleID(n)] = reason
	return datapath.RuleID(n)
}

// own makes byID changeable again.
func (r *reasons) own() {
	if r.shared {
		r.byID, r.shared = maps.Clone(r.byID), false
	}
}

// share returns the table for others to read.
func (r *reasons) share() map[datapath.RuleID]policy.Reason {
	r.shared = true
	return r.byID
}

// keep forgets the reasons whose ids are not used.
func (r *reasons) keep(used map[datapath.RuleID]bool) {
	if len(used) == len(r.byID) {
		return
	}
	r.own()
	maps.DeleteFunc(r.byID, func(id datapath.RuleID, _ policy.Reason) bool { return !used[id] })
	maps.DeleteFunc(r.byKey, func(_ string, id datapath.RuleID) bool { return !used[id] })
}
