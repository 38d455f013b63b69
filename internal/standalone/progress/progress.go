// Package progress tells a person what a long operation is at: one line per phase, ticked when it is done, with the time it took. On
// a terminal the running phase is shown too and replaced; elsewhere only finished lines are written. It is talk, so it belongs on
// stderr; nothing parses it.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Reporter writes the lines. The zero value and nil report nothing. It is safe for concurrent use; phases may overlap.
type Reporter struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	now      func() time.Time
	running  []*Phase
}

// New returns a Reporter that writes to out, plainly unless out is a terminal.
func New(out io.Writer) *Reporter {
	r := &Reporter{out: out, now: time.Now}
	if f, ok := out.(*os.File); ok {
		_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
		r.terminal = err == nil && os.Getenv("TERM") != "dumb"
	}
	return r
}

// Phase is one running step.
type Phase struct {
	r     *Reporter
	name  string
	start time.Time
	ended bool
}

// Start begins a phase. The name is what the line says when it is done, such as "API server ready".
func (r *Reporter) Start(name string) *Phase {
	p := &Phase{r: r, name: name}
	if r == nil || r.out == nil {
		return p
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p.start = r.now()
	r.running = append(r.running, p)
	r.show()
	return p
}

// Done ends the phase with its line. Only the first of Done and Fail counts.
func (p *Phase) Done() { p.end("✓", "\033[32m") }

// Fail ends the phase with a cross. The error itself is for the caller to report.
func (p *Phase) Fail() { p.end("✗", "\033[31m") }

// End calls Done or Fail as err says, and returns err.
func (p *Phase) End(err error) error {
	if err != nil {
		p.Fail()
	} else {
		p.Done()
	}
	return err
}

func (p *Phase) end(mark, color string) {
	r := p.r
	if r == nil || r.out == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.ended {
		return
	}
	p.ended = true
	for i, q := range r.running {
		if q == p {
			r.running = append(r.running[:i], r.running[i+1:]...)
			break
		}
	}
	if r.terminal {
		mark = color + mark + "\033[0m"
	}
	r.clear()
	fmt.Fprintf(r.out, "%s %s (%s)\n", mark, p.name, Duration(r.now().Sub(p.start)))
	r.show()
}

// Line writes one line of its own, without a tick.
func (r *Reporter) Line(format string, args ...any) {
	if r == nil || r.out == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clear()
	fmt.Fprintf(r.out, format+"\n", args...)
	r.show()
}

// clear removes the line of the running phase from a terminal.
func (r *Reporter) clear() {
	if r.terminal {
		fmt.Fprint(r.out, "\r\033[K")
	}
}

// show writes the oldest running phase on a terminal, without a line end.
func (r *Reporter) show() {
	if r.terminal && len(r.running) > 0 {
		fmt.Fprintf(r.out, "\r\033[K… %s", r.running[0].name)
	}
}

// Duration writes a time for people: milliseconds below a tenth of a second, else seconds with one decimal.
func Duration(d time.Duration) string {
	if d < 100*time.Millisecond {
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
