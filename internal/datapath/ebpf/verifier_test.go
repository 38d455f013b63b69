package ebpf

import (
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// TestVerifierHasRoom: the verifier gives up after a million instructions, and kernels differ in how many they need.
func TestVerifierHasRoom(t *testing.T) {
	if err := CheckKernel(); err != nil {
		t.Fatal(err)
	}
	d, err := Open(Options{Dir: lab.BPFFS(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	info, err := d.objects.Hedgerow.Info()
	if err != nil {
		t.Fatal(err)
	}
	n, ok := info.VerifiedInstructions()
	t.Logf("%d instructions verified", n)
	if !ok || n > 100_000 {
		t.Errorf("the verifier walked %d instructions, want at most 100,000", n)
	}
}
