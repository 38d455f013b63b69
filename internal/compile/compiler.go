package compile

import (
	"math"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/policy"
)

// Options are the limits of a compiler. The zero value means the limits of the tables.
type Options struct {
	// MaxLocalPods bounds profile indices (at most 65533). Attachments beyond it stay closed, with a problem.
	MaxLocalPods int
	// MaxRules is the number of rule ids that have counters. Ids up to it are used first, and again when they are free.
	MaxRules datapath.RuleID
	// MaxVerdicts bounds the entries that a world may need in the verdict table. It should be no more than half of the table, because
	// old and new entries are there together for a while. When a world needs more, policies of those who need most are shut, with a
	// problem; others are not harmed. See budget.
	MaxVerdicts int
	// MaxRanges bounds the entries of the table of ranges in the same way, and MaxNetworks those of the table of networks.
	MaxRanges, MaxNetworks int
}

// The limits of the tables.
const (
	maxLocalPods = int(datapath.OtherNodeIndex) - 1
	maxRules     = 16383
	maxVerdicts  = 1 << 19
	maxRanges    = 1 << 15
	maxNetworks  = 1 << 15
)

// Compiler remembers what the kernel holds, as far as it was told by Commit, and plans the way to new worlds. It starts with empty
// tables. It is not safe for concurrent use.
type Compiler struct {
	options Options

	// Interned things and memories. They depend on no state of the kernel and survive plans that are not committed.
	selectors  *selectors
	signatures *signatures
	clauses    *clauses
	rows       *rows
	reasons    *reasons
	pods       *pods
	nodes      *nodes
	elsewhere  *elsewhere
	// The last ones, which are used again if they are still right.
	lastNetworks *networks
	lastRemote   *remote
	lastSet      *signatureSet
	stayed       *stayed

	reserved   *reserved
	installed  *installed
	groupIDs   ids
	profileIDs ids
	indices    ids
	unswept    int // changes since a Sweep was empty

	// Of the plan that is being made.
	current map[string]*profile // by content: those in force, and new ones
	spare   map[string]*profile // by content: those of the last plan that were not put in force, such as those with clauses that were shut
	parts   map[string]*profile // by content: what budget has measured
	inForce map[localKey]datapath.ProfileIndex
	planned map[datapath.ProfileIndex]bool
	pending *pending
	// interfaces are those of the last world's attachments, policies its policies.
	interfaces map[uint32]bool
	policies   map[*policy.Policy]bool
}

// pending is a plan that was handed out and not committed.
type pending struct {
	steps []*step
	// settled is the number of steps after which no profile of the old world is in force, and the groups in next mean what next says.
	settled int
	next    map[*group]*signature
}

// New returns a compiler for empty tables.
func New(options Options) *Compiler {
	if options.MaxLocalPods <= 0 || options.MaxLocalPods > maxLocalPods {
		options.MaxLocalPods = maxLocalPods
	}
	if options.MaxRules == 0 {
		options.MaxRules = maxRules
	}
	if options.MaxVerdicts <= 0 {
		options.MaxVerdicts = maxVerdicts
	}
	if options.MaxRanges <= 0 {
		options.MaxRanges = maxRanges
	}
	if options.MaxNetworks <= 0 {
		options.MaxNetworks = maxNetworks
	}
	c := &Compiler{
		options:    options,
		selectors:  newSelectors(),
		signatures: newSignatures(),
		clauses:    newClauses(),
		rows:       &rows{byKey: map[string]*row{}},
		reasons:    newReasons(options.MaxRules),
		pods:       newPods(),
		nodes:      newNodes(),
		lastSet:    &signatureSet{},
		spare:      map[string]*profile{},
		installed:  newInstalled(),
		groupIDs:   newIDs(uint32(datapath.FirstGroup), math.MaxUint32),
		profileIDs: newIDs(1, uint32(datapath.MaxProfileID)),
		indices:    newIDs(1, uint32(options.MaxLocalPods)),
	}
	c.reserved = newReserved(c.signatures)
	return c
}
