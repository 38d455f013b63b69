package cli

import (
	"fmt"
	"io"
	"strings"
)

// writeDiffMarkdown prints the difference as a comment on a pull request: a short table, and the reasons folded away.
func writeDiffMarkdown(out io.Writer, a *diffAnswer) error {
	var b strings.Builder
	opened, closed := mergeSources(a.Changes, true), mergeSources(a.Changes, false)
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
		groups []groupDiff
	}{{"Added", a.Added}, {"Removed", a.Removed}} {
		for _, d := range part.groups {
			fmt.Fprintf(&b, "\n%s: **%s**\n\n", part.title, markdown(d.Group.Name))
			for _, line := range d.lines() {
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

func markdownRows(b *strings.Builder, what string, merged []mergedDiff) {
	for _, m := range merged {
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", what, markdown(strings.Join(m.from, "; ")), markdown(m.to), markdown(m.words))
	}
}

func markdownReasons(b *strings.Builder, what string, merged []mergedDiff) {
	for _, m := range merged {
		fmt.Fprintf(b, "\n%s: %s → %s: %s\n\n", what, markdown(strings.Join(m.from, "; ")), markdown(m.to), markdown(m.words))
		for _, line := range m.why {
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
