package pods

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hedgerow-net/hedgerow/internal/standalone/container"
)

// vanishedGrace is what containers get between SIGTERM and SIGKILL when their pod's object is gone.
const vanishedGrace = time.Second

// tearDownTime bounds the removal of a sandbox when the node is shut down.
const tearDownTime = 5 * time.Second

// finishTime bounds how long an API server that does not answer delays the removal of a sandbox.
const finishTime = 2 * time.Second

// worker does everything for one pod, identified by UID, from its sandbox to the removal of its object.
type worker struct {
	m               *Manager
	uid             types.UID
	namespace, name string
	dir             string
	log             *slog.Logger
	stopper         *stopper
	ended           chan struct{} // closed when run returns
	startTime       metav1.Time
	// written is the status as the server has it. Only the reporter touches it, and run once the reporter has ended.
	written *v1.PodStatus

	mu       sync.Mutex
	pod      *v1.Pod // as last seen
	slots    []*slot
	sandbox  *sandbox
	up       bool // the sandbox is connected
	failure  *failure
	over     bool
	vanished bool
	changed  chan struct{} // closed and replaced whenever anything above changes
}

func newWorker(m *Manager, pod *v1.Pod, status *v1.PodStatus) *worker {
	w := &worker{
		m: m, uid: pod.UID, namespace: pod.Namespace, name: pod.Name, dir: filepath.Join(m.podsDir(), string(pod.UID)),
		log:     m.cfg.Logger.With("node", m.cfg.NodeName, "pod", podName(pod)),
		stopper: newStopper(), ended: make(chan struct{}), startTime: seconds(time.Now()), written: status.DeepCopy(),
		pod: pod, changed: make(chan struct{}), sandbox: newSandbox(m, pod),
	}
	if status.StartTime != nil {
		w.startTime = *status.StartTime
	}
	w.slots = newSlots(pod, status, w.dir)
	w.update(pod)
	return w
}

// update takes note of a changed object.
func (w *worker) update(pod *v1.Pod) {
	w.alter(func() { w.pod = pod })
	if pod.DeletionTimestamp == nil {
		return
	}
	grace := v1.DefaultTerminationGracePeriodSeconds
	if g := pod.DeletionGracePeriodSeconds; g != nil {
		grace = int(*g)
	}
	w.stopper.stop(time.Duration(grace) * time.Second)
}

// vanish takes note that the object is gone, and reports whether the worker has nothing left to do.
func (w *worker) vanish() (done bool) {
	w.alter(func() { w.vanished = true })
	w.stopper.stop(vanishedGrace)
	select {
	case <-w.ended:
		return true
	default:
		return false
	}
}

// alter changes guarded fields and wakes whoever waits for a change.
func (w *worker) alter(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	close(w.changed)
	w.changed = make(chan struct{})
}

// change returns a channel that is closed at the next change.
func (w *worker) change() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// await waits until the condition holds, checked under the mutex, and reports false if ctx ended first.
func (w *worker) await(ctx context.Context, condition func() bool) bool {
	for {
		w.mu.Lock()
		changed, ok := w.changed, condition()
		w.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// current returns the pod as last seen. It must not be changed.
func (w *worker) current() *v1.Pod {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pod
}

// run runs the pod until its object is gone or ctx, the node's, ends.
func (w *worker) run(ctx context.Context) {
	reporting, stopReporting := context.WithCancel(ctx)
	reported := make(chan struct{})
	go func() {
		defer close(reported)
		w.report(reporting)
	}()
	if err := w.live(); err != nil {
		w.log.Error("pod cannot run", "error", err)
		w.event(v1.EventTypeWarning, eventFailed, err.Error())
		w.alter(func() { w.failure = &failure{reasonError, err.Error()} })
	}
	stopReporting()
	<-reported
	w.finish(ctx)
	w.tearDown(ctx)
	_ = w.flush(ctx) // an error means that nobody wants to know any more
	w.await(ctx, func() bool { return w.pod.DeletionTimestamp != nil || w.vanished })
	w.remove(ctx)
	close(w.ended)
	w.mu.Lock()
	vanished := w.vanished
	w.mu.Unlock()
	if vanished {
		w.m.forget(w)
	}
}

// finish says, while the pod still has its addresses, that nothing of it runs any more: two pods must never claim the same.
func (w *worker) finish(ctx context.Context) {
	w.alter(func() {
		w.over = true
		for _, s := range w.slots {
			s.settle()
		}
	})
	limited, cancel := context.WithTimeout(ctx, finishTime)
	defer cancel()
	if err := w.flush(limited); err != nil && ctx.Err() == nil {
		w.log.Warn("cannot say that the pod has ended", "error", err)
	}
}

// live is the pod's life: it returns when all containers have ended for good or have been stopped.
func (w *worker) live() error {
	life := w.stopper.life
	if life.Err() != nil {
		return nil
	}
	if problems := unsupported(w.current()); len(problems) > 0 {
		w.refuse(problems)
		<-life.Done()
		return nil
	}
	defer w.limitTime()()
	if err := w.makeDirectories(); err != nil {
		return err
	}
	if w.connect(life) {
		w.runContainers(life)
	}
	return nil
}

// limitTime ends the pod when its activeDeadlineSeconds are over. The returned function calls that off.
func (w *worker) limitTime() (cancel func()) {
	limit := w.current().Spec.ActiveDeadlineSeconds
	if limit == nil {
		return func() {}
	}
	left := time.Until(w.startTime.Add(time.Duration(*limit) * time.Second))
	timer := time.AfterFunc(left, func() {
		message := "Pod was active on the node longer than the specified deadline"
		w.event(v1.EventTypeNormal, eventDeadline, message)
		w.alter(func() { w.failure = &failure{"DeadlineExceeded", message} })
		w.stopper.stop(graceOf(w.current()))
	})
	return func() { timer.Stop() }
}

// graceOf is the grace period of a pod that nobody has deleted.
func graceOf(pod *v1.Pod) time.Duration {
	if g := pod.Spec.TerminationGracePeriodSeconds; g != nil {
		return time.Duration(*g) * time.Second
	}
	return v1.DefaultTerminationGracePeriodSeconds * time.Second
}

// refuse shows what keeps the pod from running.
func (w *worker) refuse(problems []string) {
	message := refusal(problems)
	w.event(v1.EventTypeWarning, eventUnsupported, message)
	w.alter(func() {
		for _, s := range w.slots {
			s.wait(eventUnsupported, message)
		}
	})
}

func (w *worker) makeDirectories() error {
	for _, s := range w.slots {
		if err := os.MkdirAll(s.dir, 0o700); err != nil {
			return fmt.Errorf("make directories of the pod: %w", err)
		}
	}
	return makeVolumes(w.current(), w.dir)
}

// connect connects the sandbox. It tries again until it can or life ends.
func (w *worker) connect(life context.Context) bool {
	err := w.m.delays.retry(life.Done(), func() error {
		addresses, err := w.sandbox.add(life, w.m.cfg.Network)
		if err == nil {
			w.alter(func() { w.sandbox.addresses, w.up = addresses, true })
		} else if life.Err() == nil {
			w.log.Warn("cannot connect pod; trying again", "error", err)
			w.event(v1.EventTypeWarning, eventSandbox, err.Error())
			w.alter(func() {
				for _, s := range w.slots {
					s.wait(reasonCreating, err.Error())
				}
			})
		}
		return err
	})
	return err == nil
}

// tearDown removes the sandbox and everything on disk but the logs. When the node is shut down it gives up after a while.
func (w *worker) tearDown(ctx context.Context) {
	limit, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(tearDownTime, cancel) })
	defer stop()
	err := w.m.delays.retry(limit.Done(), func() error {
		err := w.sandbox.remove(limit, w.m.cfg.Network)
		if err == nil {
			err = removeVolumes(w.current(), w.dir)
		}
		if err != nil {
			w.log.Warn("cannot tear down pod; trying again", "error", err)
			w.event(v1.EventTypeWarning, eventTearDown, err.Error())
		}
		return err
	})
	if err != nil {
		w.log.Error("pod is not torn down", "error", err)
	}
	w.alter(func() { w.up = false })
}

// remove removes the pod's directory and, if that was asked for, its object.
func (w *worker) remove(ctx context.Context) {
	if err := os.RemoveAll(w.dir); err != nil {
		w.log.Warn("cannot remove the pod's directory", "error", err)
	}
	w.mu.Lock()
	deleted := w.pod.DeletionTimestamp != nil && !w.vanished
	w.mu.Unlock()
	if !deleted || ctx.Err() != nil || w.flush(ctx) != nil {
		return
	}
	err := w.m.delays.retry(ctx.Done(), func() error {
		err := w.m.cfg.Client.CoreV1().Pods(w.namespace).Delete(ctx, w.name, metav1.DeleteOptions{
			GracePeriodSeconds: new(int64),
			Preconditions:      metav1.NewUIDPreconditions(string(w.uid)),
		})
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil
		}
		return err
	})
	if err != nil {
		w.log.Warn("cannot delete the pod's object", "error", err)
	}
}

// status computes the pod's status. The caller is the reporter, or run after it.
func (w *worker) status() (*v1.Pod, *v1.PodStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := &view{
		pod: w.pod, nodeAddresses: w.m.cfg.NodeAddresses, startTime: w.startTime, sandbox: w.up, failure: w.failure, over: w.over,
	}
	if w.up || w.written.PodIP != "" {
		v.addresses = w.sandbox.addresses // an ended pod keeps showing the address it had
	}
	for _, s := range w.slots {
		status := s.status(containerOf(w.pod, s.name))
		if s.kind == appContainer {
			v.apps = append(v.apps, status)
		} else {
			v.inits = append(v.inits, status)
		}
	}
	return w.pod, v.status(w.written, seconds(time.Now()))
}

// container returns a running container, or nil. "" is the first of the pod's containers.
func (w *worker) container(name string) *container.Container {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.slots {
		if s.name == name || name == "" && s.kind == appContainer {
			return s.running
		}
	}
	return nil
}

func (w *worker) event(kind, reason, message string) {
	w.m.events.Event(w.current(), kind, reason, message)
}
