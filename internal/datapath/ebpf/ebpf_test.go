package ebpf

import (
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/lab"
)

func TestOpen(t *testing.T) {
	if err := CheckKernel(); err != nil {
		t.Fatal(err)
	}
	d, err := Open(Options{Dir: lab.BPFFS(t)})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	defer d.Close()
	if err := d.Attach(); err != nil {
		t.Fatal(err)
	}
}
