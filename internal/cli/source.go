package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
)

// source is where a world comes from.
type source interface {
	// read returns the world as it is now. An error names the file and line at fault.
	read() (*manifest.World, error)
}

// files is the source that reads manifests: files, folders (everything below them), "-" for stdin.
type files struct {
	paths []string
	stdin io.Reader
}

var _ source = files{}

func (f files) read() (*manifest.World, error) { return manifest.Read(f.paths, f.stdin) }

// filenameFlag adds -f, which may be given several times, to a command.
func filenameFlag(c *cobra.Command, usage string) *[]string {
	paths := c.Flags().StringArrayP("filename", "f", nil, usage)
	if err := c.MarkFlagFilename("filename", "yaml", "yml", "json"); err != nil {
		panic(fmt.Sprintf("hedgerow: the flag that was just added is missing: %v", err)) // broken invariant of cobra
	}
	return paths
}

// filenameUsage is the usage of -f in verbs that take one world.
const filenameUsage = "manifests: a file, a folder with everything below it, or - for standard input (may be given several times)"

// world reads the one world that a verb is about, and warns of what in it fails closed.
func world(c *cobra.Command, paths []string) (*manifest.World, error) {
	if len(paths) == 0 {
		return nil, usageError(c, "which manifests? name them with --filename (-f)")
	}
	return readWorld(c, files{paths: paths, stdin: c.InOrStdin()})
}

// readWorld reads a world and warns of what in it fails closed.
func readWorld(c *cobra.Command, s source) (*manifest.World, error) {
	w, err := s.read()
	if err != nil {
		return nil, err
	}
	warnOfProblems(c.ErrOrStderr(), w)
	return w, nil
}

// warnOfProblems tells what in the policies could not be understood or is not supported.
func warnOfProblems(stderr io.Writer, w *manifest.World) {
	for _, o := range w.Objects {
		if o.Policy == nil {
			warnOfForeign(stderr, o)
			continue
		}
		for _, p := range o.Policy.Problems {
			fmt.Fprintf(stderr, "%s: warning: %s: %s\n", o.At(p.Field), o.Policy.Ref, p)
		}
	}
}

// warnOfForeign tells of policies of other systems: what they do is in no answer.
func warnOfForeign(stderr io.Writer, o *manifest.Object) {
	if o.Value == nil && strings.HasSuffix(o.Kind.Kind, "NetworkPolicy") {
		fmt.Fprintf(stderr, "%s: warning: %s of %s is a policy of another system and is not looked at\n", o.Position, o, o.Kind.GroupVersion())
	}
}
