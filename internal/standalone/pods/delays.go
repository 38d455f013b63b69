package pods

import "time"

// delays are the waiting times of a node, as a kubelet has them.
type delays struct {
	// firstRestart follows the second end of a container, each further end twice the last, up to maxRestart. A container that ran for
	// resetRestart starts over: its next restart is immediate.
	firstRestart, maxRestart, resetRestart time.Duration
	// firstRetry follows the first failure of anything else, up to maxRetry.
	firstRetry, maxRetry time.Duration
}

var defaultDelays = delays{
	firstRestart: 10 * time.Second, maxRestart: 5 * time.Minute, resetRestart: 10 * time.Minute,
	firstRetry: 200 * time.Millisecond, maxRetry: 10 * time.Second,
}

// restartBackoff says how long to wait before a container is started again. The zero value is ready.
type restartBackoff struct{ next time.Duration }

// after returns the delay for a container that ran for the given time.
func (b *restartBackoff) after(ran time.Duration, d *delays) time.Duration {
	if ran >= d.resetRestart {
		b.next = 0
	}
	delay := b.next
	switch {
	case b.next == 0:
		b.next = d.firstRestart
	default:
		b.next = min(2*b.next, d.maxRestart)
	}
	return delay
}

// retry calls f until it succeeds or stop is closed, and returns f's last error.
func (d *delays) retry(stop <-chan struct{}, f func() error) error {
	wait := d.firstRetry
	for {
		err := f()
		if err == nil || !sleep(stop, wait) {
			return err
		}
		wait = min(2*wait, d.maxRetry)
	}
}

// sleep waits and reports whether the time passed before stop was closed.
func sleep(stop <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-stop:
		return false
	case <-timer.C:
		return true
	}
}
