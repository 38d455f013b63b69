// Payload is the program that the tests of package container run inside containers: small commands that say what a
// process sees there.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	commands := map[string]func(args []string) error{
		"pid": func([]string) error { fmt.Println(os.Getpid()); return nil },
		"hostname": func([]string) error {
			name, err := os.Hostname()
			fmt.Println(name)
			return err
		},
		"env":  func([]string) error { fmt.Println(strings.Join(os.Environ(), "\n")); return nil },
		"pwd":  func([]string) error { dir, err := os.Getwd(); fmt.Println(dir); return err },
		"link": func(a []string) error { l, err := os.Readlink(a[0]); fmt.Println(l); return err },
		"cat":  func(a []string) error { b, err := os.ReadFile(a[0]); fmt.Print(string(b)); return err },
		"copy": func([]string) error { _, err := os.Stdout.ReadFrom(os.Stdin); return err },
		"ls":   list,
		"write": func(a []string) error {
			return os.WriteFile(a[0], []byte(a[1]), 0o644)
		},
		"id": func([]string) error {
			groups, err := os.Getgroups()
			fmt.Println(os.Getuid(), os.Getgid(), groups)
			return err
		},
		"exit":   func(a []string) error { code, err := strconv.Atoi(a[0]); os.Exit(code); return err },
		"raise":  func([]string) error { return syscall.Kill(os.Getpid(), syscall.SIGKILL) },
		"wait":   wait,
		"ignore": ignore,
		"device": device,
		"mount":  func(a []string) error { return syscall.Mount("none", a[0], "tmpfs", 0, "") },
	}
	command, ok := commands[os.Args[1]]
	if !ok {
		fmt.Fprintln(os.Stderr, "unknown command", os.Args[1])
		os.Exit(99)
	}
	if err := command(os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(98)
	}
}

// device makes another /dev/zero in a directory and opens it.
func device(args []string) error {
	file := args[0] + "/device"
	if err := syscall.Mknod(file, syscall.S_IFCHR|0o600, 1<<8|5); err != nil {
		fmt.Println(err) // not what is tried here, and no output is expected
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	return f.Close()
}

// list prints the names in a directory, sorted.
func list(args []string) error {
	entries, err := os.ReadDir(args[0])
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	sort.Strings(names)
	fmt.Println(strings.Join(names, " "))
	return err
}

// wait says that it runs and ends with 7 at SIGTERM.
func wait([]string) error {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	fmt.Println("ready")
	<-c
	os.Exit(7)
	return nil
}

// ignore says that it runs and survives SIGTERM.
func ignore([]string) error {
	signal.Ignore(syscall.SIGTERM)
	fmt.Println("ready")
	time.Sleep(time.Hour)
	return nil
}
