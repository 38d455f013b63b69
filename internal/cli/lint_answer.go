package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy/analysis/lint"
)

// lintAnswer is what -o json prints.
type lintAnswer struct {
	Findings []lintFinding `json:"findings"`
	Count    lintCount     `json:"count"`
}

// lintFinding is one finding as it is printed.
type lintFinding struct {
	Code     lint.Code     `json:"code"`
	Severity lint.Severity `json:"severity"`
	File     string        `json:"file"`
	Line     int           `json:"line"`
	Object   lintObject    `json:"object"`
	Field    string        `json:"field,omitempty"`
	Message  string        `json:"message"`
	Advice   string        `json:"advice"`
}

// lintObject names the object at fault.
type lintObject struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// lintCount is how many findings there are of each severity.
type lintCount struct {
	Error   int `json:"error"`
	Warning int `json:"warning"`
	Info    int `json:"info"`
}

func (c lintCount) String() string {
	if c == (lintCount{}) {
		return "no findings"
	}
	return fmt.Sprintf("errors: %d, warnings: %d, info: %d", c.Error, c.Warning, c.Info)
}

func countOf(found []lintFinding) lintCount {
	var c lintCount
	for _, f := range found {
		switch f.Severity {
		case lint.Error:
			c.Error++
		case lint.Warning:
			c.Warning++
		default:
			c.Info++
		}
	}
	return c
}

// located turns findings into what is printed, in the order of files and lines, without those that are silenced.
func located(m *manifest.World, all []lint.Finding, disabled map[lint.Code]bool) ([]lintFinding, error) {
	silenced, err := silences(m)
	if err != nil {
		return nil, err
	}
	found := []lintFinding{}
	for _, f := range all {
		o := m.ObjectOf(f.Ref)
		if o == nil || disabled[f.Code] || silenced[o][f.Code] {
			continue
		}
		kind, _ := lint.KindOf(f.Code)
		at := o.At(f.Field)
		found = append(found, lintFinding{
			Code: f.Code, Severity: kind.Severity, File: at.File, Line: at.Line, Field: f.Field, Message: f.Message, Advice: f.Advice,
			Object: lintObject{APIVersion: o.Kind.GroupVersion().String(), Kind: o.Kind.Kind, Namespace: o.Namespace, Name: o.Name},
		})
	}
	slices.SortStableFunc(found, func(a, b lintFinding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Code, b.Code))
	})
	return found, nil
}

// writeFindingsText prints findings for people, one after the other, and their count.
func writeFindingsText(out io.Writer, found []lintFinding) error {
	for _, f := range found {
		if _, err := fmt.Fprintf(out, "%s:%d: %s %s: %s\n    %s\n", f.File, f.Line, f.Severity, f.Code, f.Message, f.Advice); err != nil {
			return fmt.Errorf("print findings: %w", err)
		}
	}
	if _, err := fmt.Fprintln(out, countOf(found)); err != nil {
		return fmt.Errorf("print findings: %w", err)
	}
	return nil
}
