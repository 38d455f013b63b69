package compile

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// TestMain keeps rapid from writing files into the source tree (what it prints is enough to reproduce a failure), and has it try more worlds
// than it would by itself: the transitions that are hard to get right are rare.
func TestMain(m *testing.M) {
	flag.Parse()
	settings := map[string]string{"rapid.nofailfile": "true", "rapid.checks": "400"}
	flag.Visit(func(f *flag.Flag) { delete(settings, f.Name) })
	for name, value := range settings {
		if err := flag.Set(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}
