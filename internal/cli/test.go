package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/hedgerow-net/hedgerow/internal/policytest"
)

// testLong is the help of the verb.
const testLong = `Run the PolicyTests of files, of folders with everything below them, or of - (standard
input). A PolicyTest names manifests and says who should reach whom, and who should not:

  apiVersion: hedgerow.dev/v1alpha1
  kind: PolicyTest
  metadata: {name: tenant-a}
  spec:
    manifests: [./policies, ./workloads.yaml]     # relative to this file
    cases:
    - {name: the neighbour gets in, from: tenant-a/frontend, to: tenant-a/backend,
       port: 80, protocol: TCP, expect: allow}
    - {name: nobody else does, from: tenant-b/outsider, to: tenant-a/backend,
       port: http, expect: deny}
    - {from: 203.0.113.7, to: svc/tenant-a/web, port: 80, expect: deny}

from and to are ends as in "hedgerow explain": NAMESPACE/POD, svc/NAMESPACE/NAME,
deploy/NAMESPACE/NAME, node/NAME or an IP address. port is a number or a name; protocol
is TCP (the default), UDP, SCTP or ICMP, which takes no port. All pods behind a Service,
and both address families where both ends have them, must come to what a case expects. A
test without any case fails.

With --kernel the same cases are answered by real packets as well: each pod of the
manifests becomes a network namespace with exactly its addresses, behind a throw-away
node with the real compiler and the real datapath in the kernel. Servers listen on every
port that a case names; what should be denied is first sent without any policy, and must
get through then. A case fails, too, when packets and evaluator disagree. It needs root,
touches nothing of the machine's own network, and leaves nothing behind.

Exit code: 0 all cases passed; 1 some failed, or there were none; 2 the command line, a
test or a manifest is wrong.`

func testCommand() *cobra.Command {
	var kernel, verbose bool
	c := &cobra.Command{
		Use:   "test FILE...",
		Short: "Run unit tests of policies, by evaluation or with real packets",
		Long:  testLong,
		Example: `  # every test of a folder
  hedgerow test examples/tenant-a

  # the same, with the reason of every case
  hedgerow test -v examples/tenant-a/test.yaml

  # with real packets
  sudo hedgerow test --kernel examples/tenant-a/test.yaml

  # for continuous integration
  hedgerow test -o junit examples/tenant-a`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(c, "FILE is missing: which tests?")
			}
			return nil
		},
	}
	c.Flags().BoolVar(&kernel, "kernel", false, "send real packets as well (needs root)")
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "say the reason of every case, also of those that passed")
	output := outputFlag(c, "text", "json", "junit")
	c.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"yaml", "yml", "json"}, cobra.ShellCompDirectiveFilterFileExt
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		report, err := runTests(c, args, kernel)
		if err != nil {
			return err
		}
		if err := printReport(c, report, output.name, verbose); err != nil {
			return err
		}
		return answer(report.Passed())
	}
	return c
}

func runTests(c *cobra.Command, paths []string, kernel bool) (*policytest.Report, error) {
	tests, err := policytest.Read(paths, c.InOrStdin())
	if err != nil {
		return nil, err
	}
	options := policytest.Options{
		Progress: progress(c.ErrOrStderr()),
		Warn:     func(text string) { fmt.Fprintln(c.ErrOrStderr(), text) },
	}
	if kernel {
		nodes, err := policytest.NewNodes()
		if err != nil {
			return nil, fmt.Errorf("test --kernel: %w", err)
		}
		defer nodes.Close()
		options.Packets = nodes
	}
	return policytest.Run(c.Context(), tests, options)
}

// progress tells how far long runs have come: nothing in the first second, then once a second.
func progress(stderr io.Writer) func(what string, done, of int) {
	last := time.Now()
	return func(what string, done, of int) {
		if time.Since(last) < time.Second {
			return
		}
		last = time.Now()
		fmt.Fprintf(stderr, "%s: %d of %d\n", what, done, of)
	}
}

func printReport(c *cobra.Command, report *policytest.Report, format string, verbose bool) error {
	switch format {
	case "json":
		return printJSON(c, report.JSON())
	case "junit":
		return report.WriteJUnit(c.OutOrStdout())
	}
	if err := report.WriteText(c.OutOrStdout(), verbose); err != nil {
		return fmt.Errorf("print answer: %w", err)
	}
	return nil
}
