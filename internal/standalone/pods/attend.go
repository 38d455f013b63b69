package pods

import (
	"context"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/hedgerow-net/hedgerow/internal/standalone/container"
)

// attend does what goes on beside a running container: its postStart hook, then its startup probe, then its readiness and liveness
// probes. It keeps started and ready true, and says on unhealthy, at most once, why the container must end. It returns when ctx ends.
func (w *worker) attend(ctx context.Context, s *slot, c *container.Container, unhealthy chan<- string) {
	spec := containerOf(w.current(), s.name)
	if err := w.postStart(ctx, s, c); err != nil {
		if ctx.Err() == nil {
			w.event(v1.EventTypeWarning, eventHook, fmt.Sprintf("PostStartHook failed: %v", err))
			unhealthy <- fmt.Sprintf("Container %s failed its postStart hook, will be killed", s.name)
		}
		return
	}
	if spec.StartupProbe != nil && !w.untilStarted(ctx, s, c, spec.StartupProbe, unhealthy) {
		return
	}
	w.alter(func() {
		if s.running == c {
			s.started, s.ready = true, spec.ReadinessProbe == nil
		}
	})
	var group sync.WaitGroup
	if p := spec.ReadinessProbe; p != nil {
		group.Go(func() {
			w.probe(ctx, s, c, p, "Readiness", func(ok bool) bool {
				w.setReady(s, c, ok)
				return true
			})
		})
	}
	if p := spec.LivenessProbe; p != nil {
		group.Go(func() {
			w.probe(ctx, s, c, p, "Liveness", func(ok bool) bool {
				if !ok {
					unhealthy <- fmt.Sprintf("Container %s failed liveness probe, will be restarted", s.name)
				}
				return ok
			})
		})
	}
	group.Wait()
}

// untilStarted runs the startup probe until it has succeeded or given the container up.
func (w *worker) untilStarted(ctx context.Context, s *slot, c *container.Container, p *v1.Probe, unhealthy chan<- string) bool {
	started := false
	w.probe(ctx, s, c, p, "Startup", func(ok bool) bool {
		if !ok {
			unhealthy <- fmt.Sprintf("Container %s failed startup probe, will be restarted", s.name)
		}
		started = ok
		return false
	})
	return started
}

// setReady changes nothing, and wakes nobody, if the container is ready or unready already.
func (w *worker) setReady(s *slot, c *container.Container, ready bool) {
	w.mu.Lock()
	same := s.ready == ready
	w.mu.Unlock()
	if same {
		return
	}
	w.alter(func() {
		if s.running == c {
			s.ready = ready
		}
	})
}

// probe runs a probe again and again until ctx ends or decided, which is told each time a threshold is reached, returns false.
func (w *worker) probe(ctx context.Context, s *slot, c *container.Container, p *v1.Probe, name string, decided func(ok bool) bool) {
	period := secondsOr(p.PeriodSeconds, 10)
	if !sleep(ctx.Done(), time.Duration(p.InitialDelaySeconds)*time.Second) {
		return
	}
	var successes, failures int32
	for {
		err := w.probeOnce(ctx, s, c, p)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			successes, failures = successes+1, 0
		} else {
			successes, failures = 0, failures+1
			w.event(v1.EventTypeWarning, eventUnhealthy, fmt.Sprintf("%s probe failed: %v", name, err))
		}
		if successes >= max(1, p.SuccessThreshold) && !decided(true) {
			return
		}
		if failures >= orDefault(p.FailureThreshold, 3) && !decided(false) {
			return
		}
		if !sleep(ctx.Done(), period) {
			return
		}
	}
}

func (w *worker) probeOnce(ctx context.Context, s *slot, c *container.Container, p *v1.Probe) error {
	ctx, cancel := context.WithTimeout(ctx, secondsOr(p.TimeoutSeconds, 1))
	defer cancel()
	return w.act(ctx, s, c, &action{exec: p.Exec, http: p.HTTPGet, tcp: p.TCPSocket})
}

// secondsOr returns a number of seconds, or the API's default where the field is 0.
func secondsOr(n, otherwise int32) time.Duration {
	return time.Duration(orDefault(n, otherwise)) * time.Second
}

func orDefault(n, otherwise int32) int32 {
	if n == 0 {
		return otherwise
	}
	return n
}

func (w *worker) postStart(ctx context.Context, s *slot, c *container.Container) error {
	hooks := containerOf(w.current(), s.name).Lifecycle
	if hooks == nil || hooks.PostStart == nil {
		return nil
	}
	return w.act(ctx, s, c, hookAction(hooks.PostStart))
}

// preStop runs the container's preStop hook, until ctx ends. A failure is only reported.
func (w *worker) preStop(ctx context.Context, s *slot, c *container.Container) {
	hooks := containerOf(w.current(), s.name).Lifecycle
	if hooks == nil || hooks.PreStop == nil {
		return
	}
	if err := w.act(ctx, s, c, hookAction(hooks.PreStop)); err != nil && ctx.Err() == nil {
		w.event(v1.EventTypeWarning, eventHook, fmt.Sprintf("PreStopHook failed: %v", err))
	}
}

func hookAction(h *v1.LifecycleHandler) *action {
	return &action{exec: h.Exec, http: h.HTTPGet, tcp: h.TCPSocket, sleep: h.Sleep}
}
