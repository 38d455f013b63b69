package pods

import (
	"context"
	"sync"
	"time"
)

// stopper ends a pod in two steps: first its life, which asks the containers to end, then, a grace period later, their patience. A later
// stop can shorten the grace period, never lengthen it.
type stopper struct {
	life   context.Context // ends with the first stop
	end    context.CancelFunc
	killed chan struct{} // closed when the grace period is over

	mu       sync.Mutex
	timer    *time.Timer
	deadline time.Time
}

func newStopper() *stopper {
	s := &stopper{killed: make(chan struct{})}
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// stop ends the pod's life at once and its grace period after grace.
func (s *stopper) stop(grace time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	deadline := time.Now().Add(grace)
	if s.timer == nil {
		s.deadline = deadline
		s.timer = time.AfterFunc(grace, func() { close(s.killed) })
		s.end()
		return
	}
	// A timer that has fired or is firing cannot be stopped, and needs not be.
	if deadline.Before(s.deadline) && s.timer.Stop() {
		s.deadline = deadline
		s.timer.Reset(grace)
	}
}
