package demo

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// cell is one measured connection.
type cell struct {
	self   bool // source and target are one pod: nothing is measured
	open   bool
	want   bool
	reason string // why it is denied, as the kernel told; "" if it told nothing
	err    error  // the measurement itself failed
}

// ok reports whether the cell is as expected, with a reason if it is denied.
func (c cell) ok() bool {
	return c.self || c.err == nil && c.open == c.want && (c.open || c.reason != "")
}

// table is a connectivity table: a row per source, a column per target.
type table struct {
	sources, targets []string
	cells            [][]cell
}

// ok reports whether every cell is as expected.
func (t *table) ok() bool {
	for _, row := range t.cells {
		for _, c := range row {
			if !c.ok() {
				return false
			}
		}
	}
	return true
}

// write prints the table and below it, numbered, what denied.
func (t *table) write(out io.Writer) {
	const indent = "    "
	width := 0
	for _, s := range t.sources {
		width = max(width, utf8.RuneCountInString(s))
	}
	line := func(head string, texts []string) {
		var b strings.Builder
		b.WriteString(indent + pad(head, width))
		for i, text := range texts {
			b.WriteString("  " + pad(text, utf8.RuneCountInString(t.targets[i])))
		}
		fmt.Fprintln(out, strings.TrimRight(b.String(), " "))
	}
	line("from ↓  to →", t.targets)
	var notes []string
	for i, row := range t.cells {
		texts := make([]string, len(row))
		for j, c := range row {
			texts[j] = c.text(&notes)
		}
		line(t.sources[i], texts)
	}
	for i, note := range notes {
		fmt.Fprintf(out, "%s%2d  %s\n", indent, i+1, note)
	}
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// text is what the table shows of a cell; its reason goes to the notes.
func (c cell) text(notes *[]string) string {
	wrong := ""
	if !c.ok() {
		wrong = " !"
	}
	switch {
	case c.self:
		return "·"
	case c.err != nil:
		*notes = append(*notes, "not measured: "+c.err.Error())
	case c.open && c.ok():
		return "✓"
	case c.open:
		*notes = append(*notes, "open, but must be denied")
	case !c.want:
		*notes = append(*notes, orNone(c.reason))
	default:
		*notes = append(*notes, "denied, but must be open: "+orNone(c.reason))
	}
	mark := "✗"
	if c.open {
		mark = "✓"
	}
	return fmt.Sprintf("%s %d%s", mark, len(*notes), wrong)
}

func orNone(reason string) string {
	if reason == "" {
		return "the agent gave no reason"
	}
	return reason
}
