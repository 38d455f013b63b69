package cli

import (
	"errors"
	"fmt"
	"io"
)

// The exit codes of every verb.
const (
	exitYes   = 0 // yes, pass, no difference, no finding
	exitNo    = 1 // no, fail, a difference, a finding
	exitWrong = 2 // the command line or the input is wrong
)

// errNo is what a verb returns when its answer, already printed, is no: the exit code is 1 and nothing more is said. Every other error is about
// the command line or the input: it is printed to stderr and the exit code is 2.
var errNo = errors.New("the answer is no")

// Run runs the command line with these arguments, without the program's name, and returns the exit code.
func Run(in io.Reader, out, err io.Writer, args ...string) int {
	root := New(in, out, err)
	root.SetArgs(append([]string{}, args...)) // never nil: cobra would then take those of the process
	return exitCode(root.Execute(), err)
}

func exitCode(got error, stderr io.Writer) int {
	switch {
	case got == nil:
		return exitYes
	case errors.Is(got, errNo):
		return exitNo
	}
	fmt.Fprintf(stderr, "hedgerow: %v\n", got)
	return exitWrong
}

// answer returns what a verb returns whose answer is yes or no.
func answer(yes bool) error {
	if yes {
		return nil
	}
	return errNo
}
