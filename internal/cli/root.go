package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hedgerow-net/hedgerow/policy/nearest"
)

// The groups of the help.
const (
	groupAsk   = "ask"   // questions about policies as they are
	groupWrite = "write" // for those who write policies
	groupOther = "other"
)

// verb is a command in its group of the help.
type verb struct {
	group   string
	command *cobra.Command
}

// verbs returns all commands in the order of the help. A new verb adds its line here.
func verbs() []verb {
	return []verb{
		{groupAsk, explainCommand()},
		{groupAsk, matrixCommand()},
		{groupAsk, diffCommand()},
		{groupWrite, lintCommand()},
		{groupWrite, convertCommand()},
		{groupWrite, testCommand()},
		{groupOther, versionCommand()},
	}
}

// New returns the command line. Answers go to out, everything else to err; in is what -f - reads.
func New(in io.Reader, out, err io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use: "hedgerow COMMAND", DisableFlagsInUseLine: true,
		Short: "Ask what network policies mean",
		Long: `Ask what network policies mean, from manifests, without a cluster. -f takes files,
folders with everything below them, and - for standard input.

Exit code: 0 yes, pass, no difference, no finding; 1 no, fail, a difference, a finding;
2 the command line or a manifest is wrong.`,
		Example: `  # may the outsider reach the backend, and why not?
  hedgerow explain -f examples/tenant-a/tenants.yaml -f examples/tenant-a/policies.yaml tenant-b/outsider tenant-a/backend:80 # exit 1

  # who reaches whom?
  hedgerow matrix -f examples/tenant-a/tenants.yaml -f examples/tenant-a/policies.yaml

  # what is probably not meant as it is written?
  hedgerow lint -f examples/tenant-a/tenants.yaml -f examples/tenant-a/policies.yaml

  # does what was promised hold?
  hedgerow test examples/tenant-a`,
		Args:         knownCommand,
		RunE:         func(c *cobra.Command, _ []string) error { return c.Help() },
		SilenceUsage: true, SilenceErrors: true,
	}
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(err)
	root.AddGroup(
		&cobra.Group{ID: groupAsk, Title: "Ask:"},
		&cobra.Group{ID: groupWrite, Title: "Write and check:"},
		&cobra.Group{ID: groupOther, Title: "Other:"},
	)
	for _, v := range verbs() {
		v.command.GroupID = v.group
		root.AddCommand(v.command)
	}
	cobra.EnableCommandSorting = false
	root.SetCompletionCommandGroupID(groupOther)
	root.SetHelpCommandGroupID(groupOther)
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpTemplate(helpTemplate)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usageError(c, "%w", err) })
	return root
}

// knownCommand refuses the name of a command that does not exist.
func knownCommand(c *cobra.Command, got []string) error {
	if len(got) == 0 {
		return nil
	}
	var known []string
	for _, below := range c.Commands() {
		known = append(known, below.Name())
	}
	return usageError(c, "unknown command %q%s", got[0], nearest.DidYouMean(got[0], known))
}

// usageError says what is wrong with a command line, and where to read how it should be.
func usageError(c *cobra.Command, format string, args ...any) error {
	return fmt.Errorf(format+"; see %s --help", append(args, c.CommandPath())...)
}

// args returns the check that a command gets exactly these arguments, which are named as in its usage line.
func args(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, got []string) error {
		switch {
		case len(got) < len(names):
			return usageError(c, "missing: %s", strings.Join(names[len(got):], " and "))
		case len(got) > len(names):
			return usageError(c, "unexpected argument %q", got[len(names)])
		}
		return nil
	}
}

// helpTemplate puts examples before everything but the description.
const helpTemplate = `{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}

{{end}}{{if .HasExample}}Examples:
{{.Example}}

{{end}}{{if or .Runnable .HasSubCommands}}{{.UsageString}}{{end}}`

const usageTemplate = `Usage:{{if .Runnable}}
  {{.UseLine}}{{else}}
  {{.CommandPath}} COMMAND{{end}}{{if .HasAvailableSubCommands}}{{$commands := .Commands}}{{range $group := .Groups}}

{{.Title}}{{range $commands}}{{if and (eq .GroupID $group.ID) (or .IsAvailableCommand (eq .Name "help"))}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}{{if not .Groups}}

Commands:{{range $commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsagesWrapped 90 | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of every command:
{{.InheritedFlags.FlagUsagesWrapped 90 | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

"{{.CommandPath}} COMMAND --help" says more about a command.{{end}}
`
