package compile

import (
	"net/netip"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/policy"
)

// Plan is the way from what the kernel holds to a new world.
type Plan struct {
	// Changes are to be applied in order, none skipped. The first to fail ends the plan; Commit must be told how many succeeded. Between two
	// changes a reader that began before the first should have finished: implementations that can tell (a generation that the
	// kernel program compares before and after judging) thereby make the order exact for packets in flight too.
	Changes []datapath.Change
	// Reasons says what every rule id in the tables, once the plan is applied, stands for. It is never changed afterwards and may be read
	// by other goroutines.
	Reasons map[datapath.RuleID]policy.Reason
	// Closed holds the attachments whose addresses stay closed, by key, with the reason for people.
	Closed map[string]string
	// Problems are what is wrong in the world besides policies, which carry their own.
	Problems []Problem
	Stats    Stats
}

// Empty reports whether there is nothing to apply.
func (p *Plan) Empty() bool { return len(p.Changes) == 0 }

// Problem is something in the world that had to be closed.
type Problem struct {
	// Address is the address that is closed, or whose claim is ignored. It is not valid when it is a limit that closes something: that of local
	// pods, or a table's.
	Address netip.Addr
	// Pods are the pods concerned, as "namespace/name".
	Pods []string
	// Message is a whole sentence for people.
	Message string
}

// Stats are the sizes of the tables once the plan is applied. Groups and Profiles (of both directions) count those in force; Networks, Verdicts
// and Ranges all entries, also those that wait for a Sweep.
type Stats struct {
	Endpoints, Networks, LocalPods, Groups, Profiles, Verdicts, Ranges, Rules int
	// Sweepable counts the changes since a Sweep last found nothing to do, those of the plan included. 0: a Sweep would be empty.
	Sweepable int
}
