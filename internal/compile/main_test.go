package compile

import (
	"flag"
	"os"
	"testing"
)

// TestMain keeps rapid from writing files into the source tree: what it prints is enough to reproduce a failure.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("rapid.nofailfile", "true"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
