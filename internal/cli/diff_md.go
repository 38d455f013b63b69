package cli

import (
	"fmt"
	"io"
	"strings"
)

// writeDiffMarkdown prints the difference as a comment on a pull request: a short table, and the reasons folded away.
func writeDiffMarkdown(out io.Writer, a *diffAnswer) error {
	var b strings.Builder
	opened, closed := waysOf(a.Changes, true), waysOf(a.Changes, false)
	if !a.Different {
		b.WriteString("**Network policies:** no difference in what may pass.\n")
	} else {
		fmt.Fprintf(&b, "**Network policies:** %d opened, %d closed, %d added, %d removed.\n", len(opened), len(closed), len(a.Added), len(a.Removed))
	}
	for _, i := range a.Isolation {
		alert := "NOTE"
		if i.Lost {
			alert = "CAUTION"
		}
		fmt.Fprintf(&b, "\n> [!%s]\n> %s.\n", alert, markdown(i.sentence()))
	}
	if len(opened)+len(closed) > 0 {
		b.WriteString("\n| | from | to | ports |\n| --- | --- | --- | --- |\n")
		markdownRows(&b, "opened", opened)
		markdownRows(&b, "closed", closed)
	}
	for _, part := range []struct {
		title  string
		comers []comer
	}{{"Added", a.Added}, {"Removed", a.Removed}} {
		for _, c := range part.comers {
			fmt.Fprintf(&b, "\n%s: **%s**\n\n", part.title, markdown(c.Group.Name))
			for _, line := range c.lines() {
				fmt.Fprintf(&b, "- %s\n", markdown(line))
			}
		}
	}
	if len(opened)+len(closed) > 0 {
		b.WriteString("\n<details>\n<summary>Which policies decide</summary>\n")
		markdownReasons(&b, "opened", opened)
		markdownReasons(&b, "closed", closed)
		b.WriteString("\n</details>\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func markdownRows(b *strings.Builder, what string, ways []way) {
	for _, w := range ways {
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", what, markdown(strings.Join(w.from, "; ")), markdown(w.to), markdown(w.words))
	}
}

func markdownReasons(b *strings.Builder, what string, ways []way) {
	for _, w := range ways {
		fmt.Fprintf(b, "\n%s: %s → %s: %s\n\n", what, markdown(strings.Join(w.from, "; ")), markdown(w.to), markdown(w.words))
		for _, line := range w.why {
			fmt.Fprintf(b, "- %s\n", markdown(line))
		}
	}
}

// markdown escapes what would be read as markup: names and file names come from manifests.
func markdown(text string) string {
	return strings.NewReplacer(
		`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;", ">", "&gt;", "[", `\[`, "]", `\]`, "#", `\#`,
	).Replace(text)
}
