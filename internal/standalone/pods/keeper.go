package pods

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/hedgerow-net/hedgerow/internal/standalone/container"
)

// runContainers runs the init containers in order, then all others until the last has ended for good, then ends the sidecars.
func (w *worker) runContainers(life context.Context) {
	sidecars, stopSidecars := w.startSidecarGroup()
	defer stopSidecars()
	for _, s := range w.slots {
		switch s.kind {
		case initContainer:
			if !w.keep(life, s, initPolicy(w.current())) {
				return
			}
		case sidecar:
			sidecars(s)
			if !w.await(life, func() bool { return s.started }) {
				return
			}
		}
	}
	var group sync.WaitGroup
	for _, s := range w.slots {
		if s.kind == appContainer {
			w.alter(func() {
				if s.state.Waiting != nil && s.state.Waiting.Reason == reasonInitializing {
					s.wait(reasonCreating, "")
				}
			})
			group.Go(func() { w.keep(life, s, w.current().Spec.RestartPolicy) })
		}
	}
	group.Wait()
}

// startSidecarGroup returns a function that starts a sidecar and one that ends all of them, the last one first.
func (w *worker) startSidecarGroup() (start func(*slot), stop func()) {
	var stops []func()
	start = func(s *slot) {
		life, end := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.keep(life, s, v1.RestartPolicyAlways)
		}()
		stops = append(stops, func() {
			end()
			<-done
		})
	}
	stop = func() {
		for i := len(stops) - 1; i >= 0; i-- {
			stops[i]()
		}
	}
	return start, stop
}

// initPolicy is the restart policy of init containers, which always end.
func initPolicy(pod *v1.Pod) v1.RestartPolicy {
	if pod.Spec.RestartPolicy == v1.RestartPolicyNever {
		return v1.RestartPolicyNever
	}
	return v1.RestartPolicyOnFailure
}

// keep runs a container again and again as the policy asks, and reports whether its last run succeeded. It returns early when life ends, after the
// container has ended.
func (w *worker) keep(life context.Context, s *slot, policy v1.RestartPolicy) (succeeded bool) {
	if w.hasSucceeded(s) {
		return true // in an earlier run of the node
	}
	log, err := openLog(s.log)
	if err != nil {
		w.log.Error("container has no log", "container", s.name, "error", err)
	} else {
		defer log.Close()
	}
	var backoff restartBackoff
	for life.Err() == nil {
		began := time.Now()
		end := w.runOnce(life, s, log)
		if end == neverStarted || life.Err() != nil {
			break
		}
		if policy == v1.RestartPolicyNever || policy == v1.RestartPolicyOnFailure && w.hasSucceeded(s) {
			break
		}
		if end == replaced {
			continue
		}
		if !w.backOff(life, s, backoff.after(time.Since(began), &w.m.delays)) {
			break
		}
	}
	return w.hasSucceeded(s)
}

func (w *worker) hasSucceeded(s *slot) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return s.succeeded()
}

// backOff waits before a restart, and says so.
func (w *worker) backOff(life context.Context, s *slot, delay time.Duration) bool {
	if delay == 0 {
		return true
	}
	message := fmt.Sprintf("back-off %s restarting failed container=%s pod=%s_%s(%s)", delay, s.name, w.name, w.namespace, w.uid)
	w.event(v1.EventTypeWarning, eventBackOff, message)
	w.alter(func() { s.wait(reasonCrashLoop, message) })
	return sleep(life.Done(), delay)
}

// ending is how one run of a container ended.
type ending int

const (
	ran          ending = iota // it ran, or its program could not be executed
	replaced                   // it was ended to run another image
	neverStarted               // life ended before it could be started
)

// runOnce runs a container once.
func (w *worker) runOnce(life context.Context, s *slot, log *logFile) ending {
	spec, image, ok := w.prepare(life, s)
	if !ok {
		return neverStarted
	}
	if log != nil {
		spec.Stdout, spec.Stderr = log, log
	}
	w.alter(func() { s.begin(image.id) })
	c, err := w.startContainer(s, spec)
	if err != nil {
		w.failStart(s, err)
		return ran
	}
	w.alter(func() { s.run(c) })
	w.event(v1.EventTypeNormal, eventStarted, "Started container "+s.name)
	end := w.watch(life, s, c)
	w.alter(func() {
		started := s.state.Running.StartedAt
		s.terminate(c.Exit(), started, w.terminationMessage(s, c.Exit().Code))
	})
	return end
}

func (w *worker) startContainer(s *slot, spec *container.Spec) (*container.Container, error) {
	if err := os.WriteFile(s.terminationFile(), nil, 0o666); err != nil {
		return nil, fmt.Errorf("make termination message file: %w", err)
	}
	return container.Start(w.m.cfg.Spawner, spec)
}

// failStart shows a container that could not be started as one that ended at once.
func (w *worker) failStart(s *slot, err error) {
	w.log.Warn("cannot start container", "container", s.name, "error", err)
	w.event(v1.EventTypeWarning, eventFailed, "Error: "+err.Error())
	now := seconds(time.Now())
	reason := reasonStart
	if !errors.Is(err, container.ErrNotStarted) {
		reason = reasonError
	}
	w.alter(func() {
		s.end(&v1.ContainerStateTerminated{
			ExitCode: startErrorCode, Reason: reason, Message: err.Error(), StartedAt: now, FinishedAt: now, ContainerID: s.id,
		})
	})
}

// prepare makes the specification of a run. What is wrong with the image or the container's configuration is shown until the pod's object changes.
func (w *worker) prepare(life context.Context, s *slot) (*container.Spec, *image, bool) {
	for {
		changed := w.imageChange(s)
		pod := w.current()
		image, err := w.m.cfg.Images.find(containerOf(pod, s.name).Image)
		reason, next := reasonImagePull, reasonImageBackOff
		if err == nil {
			spec, specErr := w.containerSpec(pod, s, image)
			if specErr == nil {
				return spec, image, true
			}
			err, reason, next = specErr, reasonConfig, reasonConfig
		}
		w.event(v1.EventTypeWarning, eventFailed, err.Error())
		w.alter(func() { s.wait(reason, err.Error()) })
		if !changed(life, w.m.delays.firstRestart) {
			w.alter(func() { s.wait(next, err.Error()) })
			if !changed(life, 0) {
				return nil, nil, false
			}
		}
	}
}

// imageChange returns a function that waits until the container's image is another one than now. It reports false when life ends
// or the time, unless 0, is over.
func (w *worker) imageChange(s *slot) func(life context.Context, limit time.Duration) bool {
	before := containerOf(w.current(), s.name).Image
	return func(life context.Context, limit time.Duration) bool {
		if limit > 0 {
			var cancel context.CancelFunc
			life, cancel = context.WithTimeout(life, limit)
			defer cancel()
		}
		return w.await(life, func() bool { return containerOf(w.pod, s.name).Image != before })
	}
}

// watch waits for the end of a running container, and brings it about when life ends, a probe or hook says so, or the image changes.
func (w *worker) watch(life context.Context, s *slot, c *container.Container) ending {
	running, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	unhealthy := make(chan string, 1)
	group.Go(func() { w.attend(running, s, c, unhealthy) })
	replacing := make(chan struct{})
	changed := w.imageChange(s)
	group.Go(func() {
		if changed(running, 0) {
			close(replacing)
		}
	})
	select {
	case <-c.Done():
	case <-life.Done():
		var patience <-chan time.Time // usually the whole pod's
		if s.kind == sidecar {
			patience = time.After(graceOf(w.current())) // nobody need have stopped the pod: its other containers are done
		}
		w.end(s, c, patience)
	case why := <-unhealthy:
		w.event(v1.EventTypeNormal, eventKilling, why)
		w.end(s, c, time.After(w.livenessGrace(s)))
	case <-replacing:
		w.event(v1.EventTypeNormal, eventKilling, fmt.Sprintf("Container %s has another image now, will be restarted", s.name))
		w.end(s, c, time.After(graceOf(w.current())))
		return replaced
	}
	return ran
}

// livenessGrace is the grace period of a container that its probe has given up.
func (w *worker) livenessGrace(s *slot) time.Duration {
	pod := w.current()
	if p := containerOf(pod, s.name).LivenessProbe; p != nil && p.TerminationGracePeriodSeconds != nil {
		return time.Duration(*p.TerminationGracePeriodSeconds) * time.Second
	}
	return graceOf(pod)
}

// end ends a container: hook, SIGTERM, and, when the pod's grace period or patience is over, SIGKILL. It returns when the container has ended.
func (w *worker) end(s *slot, c *container.Container, patience <-chan time.Time) {
	over, cancel := context.WithCancel(context.Background())
	defer cancel()
	hooked := make(chan struct{})
	go func() {
		defer close(hooked)
		w.preStop(over, s, c)
		w.signal(s, c, syscall.SIGTERM)
	}()
	select {
	case <-c.Done():
	case <-w.stopper.killed:
	case <-patience:
	}
	cancel()
	w.signal(s, c, syscall.SIGKILL)
	<-hooked
	<-c.Done()
}

func (w *worker) signal(s *slot, c *container.Container, sig syscall.Signal) {
	if err := c.Signal(sig); err != nil {
		w.log.Error("cannot end container", "container", s.name, "error", err)
	}
}
