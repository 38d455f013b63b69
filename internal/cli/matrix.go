package cli

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy/analysis"
)

func matrixCommand() *cobra.Command {
	var paths, ports, namespaces *[]string
	var form *format
	c := &cobra.Command{
		Use:   "matrix -f MANIFESTS [--port PORT/PROTOCOL]... [-n NAMESPACE]...",
		Short: "Show who reaches whom",
		Long: `Show who reaches whom: a table of groups. The members of a group are pods, addresses of
nodes, or networks outside, that no policy of the manifests can tell apart; so what is
said of a group holds for every one of its members. Rows are sources, columns are
destinations.

Without --port the table says which ports are open. With it, there is one table for
every port: ✓ open, ✗ closed, ✓4 or ✓6 open in IPv4 or IPv6 alone.

What holds for a group and itself is meant for two of its members: a pod always reaches
itself. What holds for nodes is meant for nodes that the pod does not run on: a node
always reaches its own pods. Nothing is said of packets between two ends that are no
pods.

Exit code: 0, or 2 when the command line or a manifest is wrong.`,
		Example: `  # who reaches whom, on which ports
  hedgerow matrix -f examples/shop/before

  # DNS, and what has to do with namespace shop
  hedgerow matrix -f examples/shop/before -n shop --port 53/UDP --port 53/TCP

  # a picture
  hedgerow matrix -f examples/shop/before -o mermaid`,
		Args: args(),
		RunE: func(c *cobra.Command, _ []string) error {
			return printMatrix(c, *paths, *ports, *namespaces, form.name)
		},
	}
	paths = filenameFlag(c, filenameUsage)
	form = outputFlag(c, "text", "json", "csv", "dot", "mermaid")
	ports = c.Flags().StringArray("port", nil, "only this `PORT`, as 80/TCP; ICMP is every protocol without ports (may be given several times)")
	namespaces = c.Flags().StringArrayP("namespace", "n", nil, "only what pods of this `NAMESPACE` reach, and what reaches them (may be given several times)")
	c.ValidArgsFunction = cobra.NoFileCompletions
	completeFlag(c, "port", cobra.NoFileCompletions)
	completeFlag(c, "namespace", completeNamespaces(paths))
	return c
}

// matrixWriters are the forms of the answer besides JSON, each in a file of its own.
var matrixWriters = map[string]func(io.Writer, *matrix) error{
	"text": writeMatrixText, "csv": writeMatrixCSV, "dot": writeMatrixDOT, "mermaid": writeMatrixMermaid,
}

func printMatrix(c *cobra.Command, paths, portTexts, namespaces []string, form string) error {
	var ports []manifest.Port
	for _, text := range portTexts {
		port, err := parseMatrixPort(text)
		if err != nil {
			return usageError(c, "--port %s: %w", text, err)
		}
		ports = append(ports, port)
	}
	w, err := world(c, paths)
	if err != nil {
		return err
	}
	if err := checkNamespaces(w, namespaces); err != nil {
		return err
	}
	m := newMatrix(&w.World, ports, namespaces)
	if form == "json" {
		return printJSON(c, newMatrixJSON(m))
	}
	if err := matrixWriters[form](c.OutOrStdout(), m); err != nil {
		return fmt.Errorf("print matrix: %w", err)
	}
	return nil
}

// matrix is who reaches whom.
type matrix struct {
	groups []*analysis.Group
	cells  []cell // every source with every destination, row by row
	ports  []manifest.Port
}

// cell is what one group reaches of another one.
type cell struct {
	src, dst *analysis.Group
	reach    analysis.Reach
	// shown: the cell belongs to the question, and there is something to say: one of the two is pods.
	shown bool
}

func newMatrix(w *analysis.World, ports []manifest.Port, namespaces []string) *matrix {
	a := analysis.New(w)
	m := &matrix{groups: a.Groups(), ports: ports}
	for _, src := range m.groups {
		for _, dst := range m.groups {
			c := cell{src: src, dst: dst}
			c.shown = src.Kind == analysis.Pods && inOneOf(src, namespaces) || dst.Kind == analysis.Pods && inOneOf(dst, namespaces)
			if c.shown {
				c.reach = a.Reach(src, dst)
			}
			m.cells = append(m.cells, c)
		}
	}
	return m
}

// inOneOf reports whether the group has a pod in one of the namespaces; none are all.
func inOneOf(g *analysis.Group, namespaces []string) bool {
	return len(namespaces) == 0 || slices.ContainsFunc(g.Namespaces(), func(name string) bool { return slices.Contains(namespaces, name) })
}

// open says in which of the common families the port is open.
func (c cell) open(p manifest.Port) []analysis.Family {
	var open []analysis.Family
	for _, f := range c.reach.Families {
		if c.reach.Ports[f].Contains(p.Protocol, p.Number) {
			open = append(open, f)
		}
	}
	return open
}

// mark returns ✓ or ✗ for a port; ✓4 and ✓6 when it is open in one of two families; – when no packet can go.
func (c cell) mark(p manifest.Port) string {
	open := c.open(p)
	switch {
	case len(c.reach.Families) == 0:
		return "–"
	case len(open) == 0:
		return "✗"
	case len(open) == len(c.reach.Families):
		return "✓"
	case open[0] == analysis.IPv4:
		return "✓4"
	}
	return "✓6"
}

// asked returns what may pass of what was asked about, in words, for pictures; empty: nothing, or the cell is not shown.
func (m *matrix) asked(c cell) string {
	if !c.shown || c.reach.Any().IsEmpty() {
		return ""
	}
	if len(m.ports) == 0 {
		return c.reach.String()
	}
	text := ""
	for _, p := range m.ports {
		open := c.open(p)
		if len(open) == 0 {
			continue
		}
		if text != "" {
			text += ", "
		}
		text += p.String()
		if len(open) < len(c.reach.Families) {
			text += fmt.Sprintf(" (%s)", open[0])
		}
	}
	return text
}
