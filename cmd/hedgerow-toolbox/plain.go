package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// newCat prints files.
func newCat() *cobra.Command {
	return &cobra.Command{
		Use:   "cat FILE...",
		Short: "Prints files",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range args {
				if err := printFile(cmd.OutOrStdout(), name); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func printFile(w io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

// newEnv prints the environment.
func newEnv() *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Prints the environment",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			for _, v := range os.Environ() {
				fmt.Fprintln(cmd.OutOrStdout(), v)
			}
		},
	}
}

// newExit ends with a given exit code.
func newExit() *cobra.Command {
	return &cobra.Command{
		Use:   "exit CODE",
		Short: "Ends with an exit code",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			code, err := strconv.ParseUint(args[0], 10, 8)
			if err != nil {
				return fmt.Errorf("exit code %q is not a number from 0 to 255", args[0])
			}
			os.Exit(int(code))
			return nil
		},
	}
}

// newSleep waits, and says what it does at SIGTERM.
func newSleep() *cobra.Command {
	var ignore bool
	cmd := &cobra.Command{
		Use:   "sleep DURATION",
		Short: "Prints a line and waits (seconds, or a duration such as 1m30s); SIGTERM ends it with exit code 143",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			d, err := parseDuration(args[0])
			if err != nil {
				return err
			}
			sleep(d, ignore)
			return nil
		},
	}
	cmd.Flags().BoolVar(&ignore, "ignore-sigterm", false, "go on at SIGTERM")
	return cmd
}

func parseDuration(s string) (time.Duration, error) {
	if seconds, err := strconv.ParseUint(s, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("duration %q is neither a number of seconds nor like 1m30s", s)
	}
	return d, nil
}

// sleep handles SIGTERM in either case: the first process of a container would otherwise ignore it by the kernel's rule. It prints a
// line once it does.
func sleep(d time.Duration, ignore bool) {
	if ignore {
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("sleeping")
		time.Sleep(d)
		return
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	fmt.Println("sleeping")
	select {
	case <-term:
		os.Exit(128 + int(syscall.SIGTERM))
	case <-time.After(d):
	}
}
