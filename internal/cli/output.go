package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// format is the value of -o: one of the names that the verb allows.
type format struct {
	name    string
	allowed []string
}

func (f *format) String() string { return f.name }

// Set refuses names that the verb does not know, so that a wrong -o is a usage error before anything is read.
func (f *format) Set(name string) error {
	if !slices.Contains(f.allowed, name) {
		return fmt.Errorf("%q is none of %s", name, strings.Join(f.allowed, ", "))
	}
	f.name = name
	return nil
}

// Type is what the help shows for the value.
func (f *format) Type() string { return strings.Join(f.allowed, "|") }

// outputFlag adds -o to a command. The first of the formats is the default.
func outputFlag(c *cobra.Command, formats ...string) *format {
	f := &format{name: formats[0], allowed: formats}
	c.Flags().VarP(f, "output", "o", "form of the answer")
	completeFlag(c, "output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	return f
}

// printJSON prints an answer as -o json does: indented, and ended by a line break.
func printJSON(c *cobra.Command, value any) error {
	e := json.NewEncoder(c.OutOrStdout())
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return fmt.Errorf("print answer: %w", err)
	}
	return nil
}
