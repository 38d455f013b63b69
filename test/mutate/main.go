// Command mutate checks the tests: it breaks the evaluator, the compiler and the kernel program, one small way at a time, and requires that a test
// notices. The tree is never touched: the go command reads the broken file from elsewhere (its -overlay flag). What it found is the table in
// docs/testing.md.
//
//	go run ./test/mutate                    every mutation, about ten minutes; exit code 1 if one goes unnoticed
//	go run ./test/mutate -run endPort       those whose name matches the regular expression
//	go run ./test/mutate -share 3/10        the third of ten equal shares
//	go run ./test/mutate -write             every mutation, and the table in docs/testing.md
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"time"
)

func main() {
	pattern := flag.String("run", "", "only mutations whose name matches this regular expression")
	part := flag.String("share", "", "only the i-th of n equal shares, as i/n")
	write := flag.Bool("write", false, "write the table into docs/testing.md")
	list := flag.Bool("list", false, "list the mutations and end")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	chosen, err := choose(*pattern, *part)
	if err == nil && *list {
		for _, m := range chosen {
			fmt.Printf("%-16s %-60s %s\n", m.leg, m.name, m.file)
		}
		return
	}
	if err == nil && *write && (*pattern != "" || *part != "") {
		err = fmt.Errorf("-write needs every mutation: leave out -run and -share")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	}
	results, unnoticed := runAll(ctx, chosen)
	if *write && ctx.Err() == nil {
		if err := writeTable(results); err != nil {
			fmt.Fprintln(os.Stderr, "mutate:", err)
			os.Exit(2)
		}
	}
	if unnoticed > 0 {
		os.Exit(1)
	}
}

// choose returns the mutations that were asked for.
func choose(pattern, part string) ([]mutation, error) {
	match, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("-run: %w", err)
	}
	i, n := 1, 1
	if part != "" {
		if _, err := fmt.Sscanf(part, "%d/%d", &i, &n); err != nil || i < 1 || i > n {
			return nil, fmt.Errorf("-share: %q is not of the form 3/10", part)
		}
	}
	var chosen []mutation
	for at, m := range mutations {
		if match.MatchString(m.name) && at%n == i-1 {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no mutation is called like %q", pattern)
	}
	return chosen, nil
}

// runAll tries the mutations one after the other, and counts those that nobody noticed.
func runAll(ctx context.Context, chosen []mutation) (results []result, unnoticed int) {
	for i, m := range chosen {
		begin := time.Now()
		r := m.try(ctx)
		if ctx.Err() != nil {
			return results, unnoticed + 1
		}
		results = append(results, r)
		verdict := "noticed by " + r.noticed
		if r.noticed == "" {
			unnoticed++
			verdict = "NOT NOTICED: " + r.trouble
		}
		fmt.Printf("%2d/%d %-12s %-62s %s (%.1f s)\n", i+1, len(chosen), m.leg, m.name, verdict, time.Since(begin).Seconds())
	}
	fmt.Printf("%d mutations, %d not noticed\n", len(chosen), unnoticed)
	return results, unnoticed
}
