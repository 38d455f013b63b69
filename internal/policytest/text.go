package policytest

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes one line per case, for those that failed the reason below it, and a summary. verbose gives every case its reason.
func (r *Report) WriteText(w io.Writer, verbose bool) error {
	p := &printer{w: w}
	for _, result := range r.Tests {
		p.line("%s (%s)", result.Test.Name, result.Test.Position)
		for i := range result.Cases {
			o := &result.Cases[i]
			word := "pass"
			if !o.Passed() {
				word = "FAIL"
			}
			p.line("  %s  %s", word, o.Case.Name)
			if !o.Passed() || verbose {
				p.reason(o)
			}
		}
		if len(result.Cases) == 0 {
			p.line("  FAIL  there are no cases, so nothing was tested")
		}
	}
	p.line("%s", r.summary())
	return p.err
}

// printer writes lines until one fails.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) reason(o *Outcome) {
	for _, line := range o.reasons() {
		p.line("        %s", line)
	}
}

// reasons says why the case came to what it did, one sentence a line: what was expected and found, what the packets came to, why the
// evaluator decides so, and where that is written.
func (o *Outcome) reasons() []string {
	found := fmt.Sprintf("%s: %s", o.Got, o.flowWords())
	if o.Got != o.Case.Expect {
		found = fmt.Sprintf("expected %s, got %s: %s", o.Case.Expect, o.Got, o.flowWords())
	}
	lines := []string{o.Case.Position.String() + ": " + found}
	if o.Disagreement {
		lines = append(lines, fmt.Sprintf("packets and evaluator disagree, which is a fault of Hedgerow: please report it with the manifests (evaluator: %s)",
			verdictOf(o.Decision)))
	}
	if o.Packet != nil && o.Packet.Verdict == Reject {
		lines = append(lines, "the packets were refused (a reset or an ICMP error); policies drop in silence")
	}
	if o.Packet != nil && o.Packet.Reason != "" {
		lines = append(lines, "packets: "+o.Packet.Reason)
	}
	lines = append(lines, strings.Split(o.Decision.String(), "\n")...)
	if at := o.at(); at != "" {
		lines = append(lines, "at "+at)
	}
	return lines
}

func (o *Outcome) flowWords() string {
	what := o.Case.Protocol.Value
	if o.Flow.Port != 0 {
		what = fmt.Sprintf("%s %d", what, o.Flow.Port)
	}
	words := fmt.Sprintf("%s from %s to %s", what, o.Flow.Source, o.Flow.Destination)
	if o.Flows == 1 {
		return words
	}
	return fmt.Sprintf("%s (%s to %s, one of %d flows)", words, o.Flow.Source.Address, o.Flow.Destination.Address, o.Flows)
}

// at lists where that was written which decided.
func (o *Outcome) at() string {
	var texts []string
	for _, p := range o.At {
		texts = append(texts, p.String())
	}
	return strings.Join(texts, ", ")
}

func (r *Report) summary() string {
	passed, failed := r.Count()
	text := fmt.Sprintf("%s: %d passed, %d failed", count(passed+failed, "case"), passed, failed)
	if passed+failed == 0 {
		return text + "; no case means that nothing was tested, which is a failure"
	}
	if n := r.disagreements(); n > 0 {
		text += fmt.Sprintf("; packets and evaluator disagree about %s", count(n, "case"))
	}
	return text
}

func (r *Report) disagreements() int {
	n := 0
	for _, result := range r.Tests {
		for i := range result.Cases {
			if result.Cases[i].Disagreement {
				n++
			}
		}
	}
	return n
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
