package policy

import "k8s.io/apimachinery/pkg/util/validation/field"

// problems are what was found while converting one object, in the order of finding.
type problems []Problem

// add notes that the field is invalid.
func (p *problems) add(path *field.Path, err error) {
	*p = append(*p, Problem{Field: path.String(), Message: err.Error()})
}

// unsupported notes that the API allows the field, but that it cannot be enforced.
func (p *problems) unsupported(path *field.Path, why string) {
	*p = append(*p, Problem{Field: path.String(), Unsupported: true, Message: why})
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
