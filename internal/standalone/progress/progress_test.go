package progress

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// clock makes every look at it a second and a tenth later.
func clock() func() time.Time {
	now := time.Unix(0, 0)
	return func() time.Time {
		now = now.Add(1100 * time.Millisecond)
		return now
	}
}

func script(r *Reporter) {
	p := r.Start("etcd ready")
	q := r.Start("network ready")
	p.Done()
	p.Fail() // too late to count
	r.Line("a note about %s", "something")
	_ = q.End(errors.New("no"))
}

func TestPlain(t *testing.T) {
	var b bytes.Buffer
	r := New(&b)
	r.now = clock()
	script(r)
	want := "✓ etcd ready (2.2 s)\na note about something\n✗ network ready (2.2 s)\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestTerminal(t *testing.T) {
	var b bytes.Buffer
	r := New(&b)
	r.now, r.terminal = clock(), true
	script(r)
	const clear = "\r\033[K"
	want := clear + "… etcd ready" + clear + "… etcd ready" +
		clear + "\033[32m✓\033[0m etcd ready (2.2 s)\n" + clear + "… network ready" +
		clear + "a note about something\n" + clear + "… network ready" +
		clear + "\033[31m✗\033[0m network ready (2.2 s)\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestNilReportsNothing(t *testing.T) {
	var r *Reporter
	script(r)
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                       "0 ms",
		7400 * time.Microsecond: "7 ms",
		340 * time.Millisecond:  "0.3 s",
		62 * time.Second:        "62.0 s",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
}
