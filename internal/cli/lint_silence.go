package cli

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy/analysis/lint"
)

// lintAnnotation is the annotation of an object whose value lists codes, with commas between them, that are not to be reported of it.
const lintAnnotation = "hedgerow.dev/lint-disable"

// silences returns the codes that the objects themselves silence. A code that there is not is an error with file and line.
func silences(m *manifest.World) (map[*manifest.Object]map[lint.Code]bool, error) {
	silenced := map[*manifest.Object]map[lint.Code]bool{}
	for _, o := range m.Objects {
		meta, ok := o.Value.(metav1.Object)
		if !ok || meta.GetAnnotations()[lintAnnotation] == "" {
			continue
		}
		codes, err := parseCodes(strings.Split(meta.GetAnnotations()[lintAnnotation], ","))
		if err != nil {
			return nil, &manifest.Error{Position: o.At("metadata.annotations[" + lintAnnotation + "]"), Message: lintAnnotation + ": " + err.Error()}
		}
		silenced[o] = codes
	}
	return silenced, nil
}
