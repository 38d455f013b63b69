package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

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
				return printCodes(c, form.name)
			}
			return runLint(c, *paths, form.name, disable)
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

func runLint(c *cobra.Command, paths []string, form string, disable []string) error {
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
	if form == "json" {
		err = printJSON(c, lintAnswer{Findings: found, Count: countOf(found)})
	} else {
		err = writeFindingsText(c.OutOrStdout(), found)
	}
	if err != nil {
		return err
	}
	return answer(len(found) == 0)
}

// codesAnswer is what --codes answers.
type codesAnswer struct {
	Codes []knownCode `json:"codes"`
}

type knownCode struct {
	Code     lint.Code     `json:"code"`
	Severity lint.Severity `json:"severity"`
	Title    string        `json:"title"`
}

func printCodes(c *cobra.Command, form string) error {
	var all codesAnswer
	for _, k := range lint.Kinds() {
		all.Codes = append(all.Codes, knownCode{k.Code, k.Severity, k.Title})
	}
	if form == "json" {
		return printJSON(c, all)
	}
	for _, k := range all.Codes {
		if _, err := fmt.Fprintf(c.OutOrStdout(), "%s  %-7s  %s\n", k.Code, k.Severity, k.Title); err != nil {
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
