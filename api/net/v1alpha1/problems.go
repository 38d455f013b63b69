package v1alpha1

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxProblems bounds the errors of one object: its author needs the first few, and one tenant's broken object must not make
// anybody handle megabytes of messages.
const maxProblems = 32

// problems collects errors up to maxProblems. The last is then about spec as a whole and says that there are more: whoever judges by the
// kinds of errors must not take an unfinished list for all there is.
type problems struct{ errs field.ErrorList }

func (p *problems) add(err *field.Error) {
	if len(p.errs) == maxProblems-1 {
		err = field.Invalid(field.NewPath("spec"), field.OmitValueType{}, "has more problems than are listed")
	}
	if !p.full() {
		p.errs = append(p.errs, err)
	}
}

func (p *problems) full() bool { return len(p.errs) >= maxProblems }

func (p *problems) list() field.ErrorList { return p.errs }

// SubjectsSound tells whether, with these errors of Decode and Validate, the policy's podSelector can still be trusted
// to say whom the policy is about.
func SubjectsSound(errs field.ErrorList) bool {
	for _, err := range errs {
		if err.Field == "" || err.Field == "spec" || strings.HasPrefix(err.Field, "spec.podSelector") {
			return false
		}
	}
	return true
}
