package cli

import (
	"github.com/spf13/cobra"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy"
)

func explainCommand() *cobra.Command {
	var paths *[]string
	var form *format
	c := &cobra.Command{
		Use:   "explain -f MANIFESTS FROM TO[:PORT[/PROTOCOL]]",
		Short: "Say whether one end reaches another, and why",
		Long: `Say whether one end reaches another, and why: for each direction the tier, the policy
and the rule that decide, with file and line; when nothing allows it, every policy that
isolates, the rule that comes nearest and what it lacks, and how to allow it.

FROM and TO are
  NAMESPACE/POD          a Pod, or a workload of that name
  deploy/NAMESPACE/NAME  the pods of a workload; also rs, sts, ds, job, cronjob, rc, and
                         the long names (where a Pod or another workload has the same
                         name, answers call its pods NAMESPACE/deploy:NAME)
  svc/NAMESPACE/NAME     the pods behind a Service; PORT is then the Service's port
  node/NAME              a node itself, and pods in its network
  ADDRESS                an IP address: that of a pod, a node or a Service of the
                         manifests, or one outside the cluster

PORT is a number, or the name of a port of the pod (or of the Service). PROTOCOL is TCP
(default), UDP or SCTP. TO:ICMP asks about ICMP and all other protocols without ports.
An IPv6 address with a port is written [fd00::1]:80. Without a port the answer is which
ports are open: all of a pod's, or those that a Service has.

Exit code: 0 allowed (for every pod behind a Service, in every address family that both
ends have), 1 not; without a port: 0 some port is open to every pod asked about, 1 none
is.`,
		Example: `  # may the frontend reach the backend?
  hedgerow explain -f examples/tenant-a/tenants.yaml -f examples/tenant-a/policies.yaml tenant-a/frontend tenant-a/backend:80

  # why can the neighbour not? (the exit code says no)
  hedgerow explain -f examples/tenant-a/tenants.yaml -f examples/tenant-a/policies.yaml tenant-b/outsider tenant-a/backend:80 # exit 1

  # from an address outside the cluster, by UDP, while nothing is isolated
  hedgerow explain -f examples/tenant-a/tenants.yaml 203.0.113.7 tenant-a/backend:81/UDP

  # which ports are open?
  hedgerow explain -f examples/tenant-a/tenants.yaml -f examples/tenant-a/policies.yaml tenant-a/frontend tenant-a/backend`,
		Args: args("FROM", "TO"),
		RunE: func(c *cobra.Command, args []string) error { return explain(c, *paths, form.name, args[0], args[1]) },
	}
	paths = filenameFlag(c, filenameUsage)
	form = outputFlag(c, "text", "json")
	c.ValidArgsFunction = completeEnds(paths)
	return c
}

func explain(c *cobra.Command, paths []string, form, fromText, target string) error {
	toText, port, err := manifest.SplitTarget(target)
	if err != nil {
		return usageError(c, "%w", err)
	}
	if _, given, err := manifest.SplitTarget(fromText); given != nil && err == nil {
		return usageError(c, "%q: FROM takes no port: policies look at the port of TO", fromText)
	}
	w, err := world(c, paths)
	if err != nil {
		return err
	}
	from, err := w.FindEnd(fromText)
	if err != nil {
		return err
	}
	to, err := w.FindEnd(toText)
	if err != nil {
		return err
	}
	e := explainer{world: w, set: w.Set()}
	a, err := e.explain(from, to, port)
	if err != nil {
		return err
	}
	if form == "json" {
		err = printJSON(c, a)
	} else {
		err = writeExplanationText(c.OutOrStdout(), a)
	}
	if err != nil {
		return err
	}
	return answer(a.Allowed)
}

// explainer explains flows of one world.
type explainer struct {
	world *manifest.World
	set   *policy.Set
}
