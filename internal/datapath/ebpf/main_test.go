package ebpf

import (
	"fmt"
	"os"
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/lab"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(agentDir); dir != "" {
		fmt.Fprintln(os.Stderr, "agent:", agent(dir))
		os.Exit(1)
	}
	lab.Main(m)
}
