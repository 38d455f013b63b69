package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/hedgerow-net/hedgerow/policy/analysis"
)

// widestTable is how many columns of a terminal a table may take before it is printed with letters for what its cells say.
const widestTable = 120

// writeMatrixText prints tables for people.
func writeMatrixText(out io.Writer, m *matrix) error {
	var b strings.Builder
	if len(m.ports) == 0 {
		m.portSets(&b)
	}
	for i, p := range m.ports {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s\n", p)
		m.table(&b, false, func(c cell) string { return c.mark(p) })
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// portSets prints the table of what is open: in words, or, where these are too long, with a letter for each set and a legend.
func (m *matrix) portSets(b *strings.Builder) {
	if 3*len(m.groups) <= widestTable { // a letter and two blanks
		var wide strings.Builder
		m.table(&wide, true, func(c cell) string { return c.reach.String() })
		if widest(wide.String()) <= widestTable {
			b.WriteString(wide.String())
			return
		}
	}
	letters := map[string]string{"everything": "✓", "nothing": "✗", analysis.Reach{}.String(): "–"}
	var legend []string
	said := map[string]bool{}
	m.table(b, false, func(c cell) string {
		words := c.reach.String()
		said[words] = true
		if letters[words] == "" {
			letters[words] = letter(len(legend))
			legend = append(legend, words)
		}
		return letters[words]
	})
	b.WriteByte('\n')
	for _, words := range append([]string{"everything", "nothing", analysis.Reach{}.String()}, legend...) {
		if !said[words] {
			continue
		}
		fmt.Fprintf(b, "%s %s\n", letters[words], words)
	}
}

// letter returns a, b, … z, aa, ab, …
func letter(i int) string {
	if i >= 26 {
		return letter(i/26-1) + letter(i%26)
	}
	return string(rune('a' + i))
}

// table prints one table, with the names of groups above the columns, or with numbers there and before the rows.
func (m *matrix) table(b *strings.Builder, names bool, text func(cell) string) {
	n := len(m.groups)
	rows := [][]string{{"FROM \\ TO"}}
	for i, g := range m.groups {
		head, row := g.Name, g.Name
		if !names {
			head, row = fmt.Sprint(i+1), fmt.Sprintf("%d  %s", i+1, g.Name)
		}
		rows[0] = append(rows[0], head)
		line := []string{row}
		for _, c := range m.cells[i*n : (i+1)*n] {
			words := ""
			if c.shown {
				words = text(c)
			}
			line = append(line, words)
		}
		rows = append(rows, line)
	}
	align(b, rows)
}

// align prints rows in columns, two blanks apart.
func align(b *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	for _, row := range rows {
		blanks := 0 // put off, so that none ends a line
		for i, text := range row {
			if text != "" {
				fmt.Fprintf(b, "%*s%s", blanks, "", text)
				blanks = 0
			}
			blanks += widths[i] - utf8.RuneCountInString(text) + 2
		}
		b.WriteByte('\n')
	}
}

func widest(text string) int {
	width := 0
	for line := range strings.Lines(text) {
		width = max(width, utf8.RuneCountInString(line)-1)
	}
	return width
}
