package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/hedgerow-net/hedgerow/policy/analysis"
)

// writeMatrixDOT prints a graph in the language of Graphviz: an arrow where anything may pass.
func writeMatrixDOT(out io.Writer, m *matrix) error {
	var b strings.Builder
	b.WriteString("digraph reach {\n  rankdir=LR;\n  node [shape=box];\n")
	id := map[*analysis.Group]int{}
	for i, g := range m.groups {
		id[g] = i + 1
		style := ""
		if g.Kind != analysis.Pods {
			style = ", style=dashed"
		}
		fmt.Fprintf(&b, "  g%d [label=%s%s];\n", i+1, dotQuote(g.Name), style)
	}
	for _, c := range m.cells {
		if words := m.asked(c); words != "" {
			fmt.Fprintf(&b, "  g%d -> g%d [label=%s];\n", id[c.src], id[c.dst], dotQuote(words))
		}
	}
	b.WriteString("}\n")
	_, err := io.WriteString(out, b.String())
	return err
}

// dotQuote quotes a string of the DOT language, in which a backslash escapes and a quote needs one.
func dotQuote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
