package cli

import (
	"encoding/csv"
	"io"
)

// writeMatrixCSV prints one line for every pair of groups, for spreadsheets and scripts: RFC 4180, except that lines end in a line feed alone.
func writeMatrixCSV(out io.Writer, m *matrix) error {
	w := csv.NewWriter(out)
	head := []string{"from", "to"}
	for _, p := range m.ports {
		head = append(head, p.String())
	}
	if len(m.ports) == 0 {
		head = append(head, "ports")
	}
	lines := [][]string{head}
	for _, c := range m.cells {
		if !c.shown {
			continue
		}
		line := []string{c.src.Name, c.dst.Name}
		for _, p := range m.ports {
			line = append(line, c.mark(p))
		}
		if len(m.ports) == 0 {
			line = append(line, c.reach.String())
		}
		lines = append(lines, line)
	}
	return w.WriteAll(lines)
}
