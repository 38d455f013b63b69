package compile

import (
	"slices"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/policy"
)

// portDecision is what has been decided so far about the ports of one protocol. A verdict without a rule is none yet.
type portDecision struct {
	protocol policy.Protocol
	numbers  []uint16 // the ports that rules mention, sorted
	verdicts []datapath.Verdict
	passed   []bool           // left to the next tier
	rest     datapath.Verdict // of all other ports
}

func newPortDecision(matched []match, protocol policy.Protocol) *portDecision {
	d := &portDecision{protocol: protocol}
	for i := range matched {
		d.numbers = append(d.numbers, matched[i].numbers[protocol]...)
	}
	slices.Sort(d.numbers)
	d.numbers = slices.Compact(d.numbers)
	d.verdicts, d.passed = make([]datapath.Verdict, len(d.numbers)), make([]bool, len(d.numbers))
	return d
}

// decide gives the verdict to those of the ports that have none yet and were not passed on.
func (d *portDecision) decide(numbers []uint16, verdict func() datapath.Verdict) {
	for _, n := range numbers {
		if i, _ := slices.BinarySearch(d.numbers, n); d.open(i) {
			d.verdicts[i] = verdict()
		}
	}
}

// pass leaves ports to the next tier.
func (d *portDecision) pass(numbers []uint16) {
	for _, n := range numbers {
		i, _ := slices.BinarySearch(d.numbers, n)
		d.passed[i] = true
	}
}

// settle gives the verdict to every port that has none yet and was not passed on.
func (d *portDecision) settle(verdict func() datapath.Verdict) {
	for i := range d.verdicts {
		if d.open(i) {
			d.verdicts[i] = verdict()
		}
	}
	if d.rest.Rule == 0 {
		d.rest = verdict()
	}
}

func (d *portDecision) open(i int) bool { return d.verdicts[i].Rule == 0 && !d.passed[i] }
