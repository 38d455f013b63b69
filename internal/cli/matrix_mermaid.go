package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/hedgerow-net/hedgerow/policy/analysis"
)

// writeMatrixMermaid prints a flowchart of Mermaid, which code hosts draw: an arrow where anything may pass.
func writeMatrixMermaid(out io.Writer, m *matrix) error {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	id := map[*analysis.Group]int{}
	for i, g := range m.groups {
		id[g] = i + 1
		before, after := "[", "]"
		if g.Kind != analysis.Pods {
			before, after = "([", "])"
		}
		fmt.Fprintf(&b, "  g%d%s%s%s\n", i+1, before, mermaidQuote(g.Name), after)
	}
	for _, c := range m.cells {
		if words := m.asked(c); words != "" {
			fmt.Fprintf(&b, "  g%d -->|%s| g%d\n", id[c.src], mermaidQuote(words), id[c.dst])
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// mermaidQuote quotes a label; characters that mean something inside are written as entities.
func mermaidQuote(text string) string {
	return `"` + strings.NewReplacer(`#`, "#35;", `"`, "#quot;", "<", "#lt;", ">", "#gt;").Replace(text) + `"`
}
