package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hedgerow-net/hedgerow/internal/convert"
	"github.com/hedgerow-net/hedgerow/internal/manifest"
)

func convertCommand() *cobra.Command {
	var paths *[]string
	var form *format
	var partial *bool
	to := &format{allowed: []string{"v1", "cnp"}}
	c := &cobra.Command{
		Use:   "convert -f MANIFESTS --to v1|cnp",
		Short: "Convert policies to another API, and prove that they mean the same",
		Long: `Write policies in the words of another API, and prove that they mean the same: the
policies that are printed, in place of those that they stand for, are compared with the
manifests as "hedgerow diff" does, also for pods made up so that every selector is put
to the test. If anything differs, nothing is printed.

--to v1   alpha policies and the isolation of namespaces (net.alpha.kubernetes.io) become
          NetworkPolicies of networking.k8s.io/v1. The isolation of a namespace becomes
          a policy default-deny-ingress. Alpha policies of namespaces that are not
          isolated have no effect and are left out.
--to cnp  NetworkPolicies of networking.k8s.io/v1 that isolate for egress become
          ClusterNetworkPolicies of tier Baseline: rules that accept, and after them one
          that denies the rest. Isolation for ingress cannot be said there: it also
          shuts out what is outside the cluster, and ingress rules of a
          ClusterNetworkPolicy have only pods as peers.

A policy that cannot be converted exactly is refused, with the field and the reason, and
nothing is printed. With --partial it stays as it is and the others are converted beside
it; one that isolates for both directions is converted for egress, and what stays of it
is printed too. What is left out, renamed or to be done by hand is told on stderr.
Policies of other APIs are not printed.

Exit code: 0, or 2 when the command line or a manifest is wrong, a policy is refused, or
the result would not mean the same.`,
		Example: `  # from the API of 2016 to today's
  hedgerow convert -f examples/shop/alpha --to v1

  # egress, for the administrators of the cluster
  hedgerow convert -f examples/shop/egress --to cnp > policies.yaml

  # the same where policies are about ingress too, which stays with them
  hedgerow convert -f examples/shop/before --to cnp --partial`,
		Args: args(),
		RunE: func(c *cobra.Command, _ []string) error {
			return convertPolicies(c, *paths, to.name, form.name, *partial)
		},
	}
	paths = filenameFlag(c, filenameUsage)
	form = outputFlag(c, "text", "json")
	c.Flags().Var(to, "to", "the API to convert to")
	partial = c.Flags().Bool("partial", false, "convert what can be converted, and leave the rest as it is")
	c.ValidArgsFunction = cobra.NoFileCompletions
	completeFlag(c, "to", cobra.FixedCompletions(to.allowed, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// converters are the conversions by the value of --to.
var converters = map[string]func(w *manifest.World, partial bool) *convert.Result{
	"v1":  func(w *manifest.World, _ bool) *convert.Result { return convert.ToV1(w) },
	"cnp": convert.ToClusterNetworkPolicy,
}

func convertPolicies(c *cobra.Command, paths []string, to, form string, partial bool) error {
	if to == "" {
		return usageError(c, "--to is missing: v1 or cnp?")
	}
	w, err := world(c, paths)
	if err != nil {
		return err
	}
	r := converters[to](w, partial)
	for _, n := range r.Refused {
		fmt.Fprintf(c.ErrOrStderr(), "%s\n", n)
	}
	if len(r.Refused) > 0 && !partial {
		return fmt.Errorf("convert: %d of the policies cannot be converted; --partial converts the others", len(r.Refused))
	}
	if err := r.Prove(w); err != nil {
		return fmt.Errorf("convert: %w", err)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(c.ErrOrStderr(), "%s\n", n)
	}
	return printConverted(c, r, form)
}

func printConverted(c *cobra.Command, r *convert.Result, form string) error {
	if form == "json" {
		list, err := r.List()
		if err != nil {
			return fmt.Errorf("convert: %w", err)
		}
		return printJSON(c, list)
	}
	text, err := r.YAML()
	if err != nil {
		return fmt.Errorf("convert: %w", err)
	}
	if len(text) == 0 {
		text = []byte("# nothing to convert\n")
	}
	if _, err := c.OutOrStdout().Write(text); err != nil {
		return fmt.Errorf("print policies: %w", err)
	}
	return nil
}
