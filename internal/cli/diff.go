package cli

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/hedgerow-net/hedgerow/policy/analysis"
)

func diffCommand() *cobra.Command {
	var paths *[]string
	var both []string
	var form *format
	c := &cobra.Command{
		Use:   "diff -f OLD -f NEW",
		Short: "Show what a change of policies opens and closes",
		Long: `Show what a change of policies opens and closes: not which lines differ, but what
becomes reachable and what stops being, and which policies decide before and after.
First comes who is isolated no longer, because from there everything gets in that
nothing forbids.

It compares all ports between all groups: pods, addresses of nodes and networks outside
that no policy of either side can tell apart. Pods and nodes are the same on both sides
when their names are. Pods on one side only are listed with what they reach and what
reaches them. See "hedgerow matrix --help" for what is not compared: a pod with itself,
a node with its own pods.

What is the same on both sides, such as workloads in a folder of their own, is given once,
by --with.

Exit code: 0 no difference, 1 a difference, 2 the command line or a manifest is wrong.`,
		Example: `  # what would this change do?
  hedgerow diff -f examples/shop/before -f examples/shop/after  # exit 1

  # the same where workloads are not beside the policies
  hedgerow diff --with examples/shop/before/workloads.yaml -f examples/shop/before/policies.yaml -f examples/shop/after/policies.yaml  # exit 1

  # for a pull request
  hedgerow diff -f examples/shop/before -f examples/shop/after -o md  # exit 1`,
		Args: args(),
		RunE: func(c *cobra.Command, _ []string) error { return diff(c, *paths, both, form.name) },
	}
	paths = filenameFlag(c, "manifests, old ones first: twice the `PATH` of a file, a folder with everything below it, or - for standard input")
	c.Flags().StringArrayVar(&both, "with", nil, "manifests of both sides: `PATH` of a file or a folder (may be given several times)")
	completeFlag(c, "with", cobra.FixedCompletions([]string{"yaml", "yml", "json"}, cobra.ShellCompDirectiveFilterFileExt))
	form = outputFlag(c, "text", "json", "md")
	c.ValidArgsFunction = cobra.NoFileCompletions
	return c
}

func diff(c *cobra.Command, paths, both []string, form string) error {
	switch {
	case len(paths) != 2:
		return usageError(c, "--filename (-f) is needed exactly twice: the old manifests, then the new ones; --with names what is on both sides")
	case slices.Contains(both, "-"), paths[0] == "-" && paths[1] == "-":
		return usageError(c, "standard input can be read only once")
	}
	var sides [2]explainer
	for i, path := range paths {
		w, err := world(c, append(slices.Clone(both), path))
		if err != nil {
			return err
		}
		sides[i] = explainer{world: w, set: w.Set()}
	}
	a := newDiffAnswer(analysis.Compare(&sides[analysis.Before].world.World, &sides[analysis.After].world.World), sides)
	if err := printDiff(c, a, form); err != nil {
		return err
	}
	return answer(!a.Different)
}

func printDiff(c *cobra.Command, a *diffAnswer, form string) error {
	write := map[string]func(io.Writer, *diffAnswer) error{"text": writeDiffText, "md": writeDiffMarkdown}[form]
	if write == nil {
		return printJSON(c, a)
	}
	if err := write(c.OutOrStdout(), a); err != nil {
		return fmt.Errorf("print difference: %w", err)
	}
	return nil
}
