package lint

import (
	"strings"

	"github.com/hedgerow-net/hedgerow/policy"
)

// invalid finds what could not be understood. The value of the isolation annotation is a kind of its own.
func (v *view) invalid() []Finding {
	return v.problems(false, "correct the field")
}

// unsupported finds what the API allows and Hedgerow cannot enforce.
func (v *view) unsupported() []Finding {
	return v.problems(true, "say it with another field, or leave it out")
}

func (v *view) problems(unsupported bool, advice string) []Finding {
	var found []Finding
	for _, p := range v.Policies {
		for _, problem := range p.Problems {
			if problem.Unsupported == unsupported {
				found = append(found, Finding{Ref: p.Ref, Field: problem.Field, Message: problemWords(p, problem), Advice: advice})
			}
		}
	}
	return found
}

func problemWords(p *policy.Policy, problem policy.Problem) string {
	return p.Ref.String() + ": " + strings.TrimSuffix(problem.String(), ".")
}
