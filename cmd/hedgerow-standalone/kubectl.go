package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"

	"github.com/hedgerow-net/hedgerow/internal/standalone/datadir"
)

func kubectlCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "kubectl [--data-dir FOLDER] COMMAND …",
		Short: "Run kubectl, linked in, against an instance",
		Long: `Run kubectl, which is linked in. Unless KUBECONFIG or --kubeconfig says otherwise, it talks to the instance in --data-dir; without
that flag to the one in the default data folder or, if none is up there, to the only ephemeral instance that is up.`,
		Example: `  hedgerow-standalone kubectl get pods -A
  hedgerow-standalone kubectl --data-dir /srv/other apply -f policy.yaml`,
		DisableFlagParsing: true,
		Run: func(_ *cobra.Command, args []string) {
			os.Exit(kubectl(args))
		},
	}
}

// kubectl runs kubectl as a program of that name would and returns its exit code.
func kubectl(args []string) int {
	dir, args := takeDataDir(args)
	if file := kubeconfig(dir, args); file != "" {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintf(os.Stderr, "hedgerow-standalone: no instance found: start one with up, or name one with --data-dir or KUBECONFIG\n")
		}
		// As a flag, a file that is missing is an error. In the environment it would be ignored, and another cluster taken.
		args = append([]string{"--kubeconfig=" + file}, args...)
	}
	inner := cmd.NewKubectlCommand(cmd.KubectlOptions{
		Arguments: append([]string{"kubectl"}, args...),
		IOStreams: genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
	})
	inner.SetArgs(args)
	if err := cli.RunNoErrOutput(inner); err != nil {
		util.CheckErr(err) // prints and exits as kubectl does
	}
	return 0
}

// takeDataDir takes --data-dir out of kubectl's arguments, up to "--".
func takeDataDir(args []string) (dir string, rest []string) {
	for i := 0; i < len(args); i++ {
		value, joined := strings.CutPrefix(args[i], "--data-dir=")
		switch {
		case args[i] == "--":
			return dir, append(rest, args[i:]...)
		case joined:
			dir = value
		case args[i] == "--data-dir" && i+1 < len(args):
			i++
			dir = args[i]
		default:
			rest = append(rest, args[i])
		}
	}
	return dir, rest
}

// kubeconfig returns the kubeconfig of the instance that is meant, which may be missing, or "" when the person named another one.
func kubeconfig(dir string, args []string) string {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	named := slices.ContainsFunc(args, func(a string) bool { return a == "--kubeconfig" || strings.HasPrefix(a, "--kubeconfig=") })
	if named || dir == "" && os.Getenv("KUBECONFIG") != "" {
		return ""
	}
	if dir == "" {
		dir = findInstance()
	}
	return filepath.Join(dir, "kubeconfig")
}

// findInstance returns the data folder of the instance that is up, if there is one to choose.
func findInstance() string {
	if !datadir.Live(datadir.Default) {
		if live := datadir.Ephemerals(datadir.EphemeralRoot); len(live) == 1 {
			return live[0]
		}
	}
	return datadir.Default
}
