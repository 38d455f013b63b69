package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy/analysis/lint"
)

func lintCommand() *cobra.Command {
	var paths *[]string
	var form *format
	var disable []string
	var codes bool
	c := &cobra.Command{
		Use:   "lint -f MANIFESTS",
		Short: "Find what is probably a mistake in policies",
		Long: `Find what is probably a mistake in policies: selectors that select nothing, rules that
decide nothing, ports that nobody listens on, egress without DNS and so on. Each finding
has a stable code, a severity (error, warning, info), file and line, what is wrong and
what to do.

Selectors are compared with the Pods, workloads, Namespaces, Nodes and Services of the
same manifests, so give them all. What only a cluster knows is not guessed at. A code is
silenced for one object by the annotation ` + lintAnnotation + `: HR003,HR010
and for everything by --disable.

Exit code: 0 no finding, 1 findings, 2 the command line or a manifest is wrong.`,
		Example: `  # check a folder of manifests
  hedgerow lint -f examples/recipes/02-limit-to-an-app

  # leave out what is merely superfluous
  hedgerow lint -f examples/recipes/02-limit-to-an-app --disable HR012

  # list all codes
  hedgerow lint --codes`,
		Args: args(),
		RunE: func(c *cobra.Command, _ []string) error {
			if codes {
				return printCodes(c.OutOrStdout())
			}
			return runLint(c, *paths, form, disable)
		},
	}
	paths = filenameFlag(c, filenameUsage)
	form = outputFlag(c, "text", "json")
	c.Flags().StringSliceVar(&disable, "disable", nil, "`CODES` to leave out, such as HR003 (may be given several times)")
	c.Flags().BoolVar(&codes, "codes", false, "list all codes, and check nothing")
	c.ValidArgsFunction = cobra.NoFileCompletions
	completeFlag(c, "disable", cobra.FixedCompletions(codeCompletions(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func runLint(c *cobra.Command, paths []string, form *format, disable []string) error {
	disabled, err := parseCodes(disable)
	if err != nil {
		return usageError(c, "--disable: %w", err)
	}
	m, err := readWorld(c, paths)
	if err != nil {
		return err
	}
	warn(c, m.ForeignPolicies()) // the other warnings are findings
	w := lintWorld(m)
	if len(w.Policies) > 0 && !w.HasWorkloads() {
		fmt.Fprintln(c.ErrOrStderr(), "there are no workloads in these manifests: what selects nothing is not looked for")
	}
	found, err := located(m, lint.Check(w), disabled)
	if err != nil {
		return err
	}
	if form.name == "json" {
		err = printJSON(c, lintAnswer{Findings: found, Count: countOf(found)})
	} else {
		err = printFindings(c.OutOrStdout(), found)
	}
	if err != nil {
		return err
	}
	return answer(len(found) == 0)
}

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
	sortFindings(found)
	return found, nil
}

func printFindings(out io.Writer, found []lintFinding) error {
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

func printCodes(out io.Writer) error {
	for _, k := range lint.Kinds() {
		if _, err := fmt.Fprintf(out, "%s  %-7s  %s\n", k.Code, k.Severity, k.Title); err != nil {
			return fmt.Errorf("print codes: %w", err)
		}
	}
	return nil
}

// codeCompletions returns the codes with what they mean.
func codeCompletions() []cobra.Completion {
	var all []cobra.Completion
	for _, k := range lint.Kinds() {
		all = append(all, cobra.CompletionWithDesc(string(k.Code), k.Title))
	}
	return all
}

// parseCodes reads codes, of which none may be unknown: a misspelt one would silence nothing.
func parseCodes(texts []string) (map[lint.Code]bool, error) {
	codes := map[lint.Code]bool{}
	for _, text := range texts {
		code := lint.Code(strings.ToUpper(strings.TrimSpace(text)))
		if _, ok := lint.KindOf(code); !ok {
			return nil, fmt.Errorf("there is no code %q (hedgerow lint --codes lists them)", text)
		}
		codes[code] = true
	}
	return codes, nil
}
