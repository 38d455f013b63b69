package policy

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// What is kept of an object's problems: so many, and so many bytes of each. An object may be large, and wrong everywhere.
const (
	maxProblems       = 100
	maxProblemMessage = 1024
)

// problems are what was found while converting one object, in the order of finding.
type problems []Problem

// add notes that the field is invalid.
func (p *problems) add(path *field.Path, err error) {
	p.keep(Problem{Field: path.String(), Message: err.Error()})
}

// unsupported notes that the API allows the field, but that it cannot be enforced.
func (p *problems) unsupported(path *field.Path, why string) {
	p.keep(Problem{Field: path.String(), Unsupported: true, Message: why})
}

func (p *problems) keep(problem Problem) {
	if len(*p) < maxProblems {
		problem.Message = shorten(problem.Message, maxProblemMessage)
		*p = append(*p, problem)
	}
}

// unclear reports whether it is not clear whom a policy for the whole cluster is about, or when it is evaluated.
func (p Problem) unclear() bool {
	return p.Field == "spec.tier" || p.Field == "spec.subject" || strings.HasPrefix(p.Field, "spec.subject.")
}

// followedBy returns the problems with what follows from them added to every message.
func (p problems) followedBy(consequence string) []Problem {
	all := make([]Problem, len(p))
	for i, problem := range p {
		problem.Message += "; " + consequence
		all[i] = problem
	}
	return all
}

// shorten cuts a text to at most this many bytes, and shows that it did.
func shorten(text string, limit int) string {
	const cut = " …"
	if len(text) <= limit {
		return text
	}
	end := limit - len(cut)
	for end > 0 && text[end]&0xC0 == 0x80 { // not in the middle of a character
		end--
	}
	return text[:end] + cut
}
