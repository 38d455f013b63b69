// Package e2e tests the binaries as a person uses them: it starts hedgerow-standalone on this machine, talks to its API with client-go, and
// looks at processes, mounts and packets from outside. Binaries come from the folder that HEDGEROW_BIN names. One instance is
// shared by all tests that do not harm it; the others start their own.
package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// shared is an ephemeral instance with two nodes that runs as long as the tests. Use namespaces of your own in it.
var shared *instance

// untouched is the machine before anything was started.
var untouched machine

// Times that nothing here comes near on a healthy machine.
const (
	startTime = 2 * time.Minute
	stopTime  = 20 * time.Second
	waitTime  = time.Minute
)

// The first thread must never enter another namespace, because /proc/self shows its namespaces: the main goroutine keeps it.
func init() { lockThread() }

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "test/e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func runTests(m *testing.M) (code int, err error) {
	if err := checkBinaries(); err != nil {
		return 1, err
	}
	if untouched, err = lookAtMachine(); err != nil {
		return 1, err
	}
	if shared, err = launch("--ephemeral", "--nodes", "2"); err != nil {
		return 1, err
	}
	defer os.Remove(shared.log)
	code = m.Run()
	if err := shared.interrupt(); err != nil {
		return 1, err
	}
	if diff := untouched.await(); diff != "" {
		return 1, fmt.Errorf("the machine is not as before the tests (-before +after):\n%s", diff)
	}
	return code, nil
}

func checkBinaries() error {
	if os.Geteuid() != 0 {
		return errors.New("run as root: the tests make namespaces")
	}
	if os.Getenv("HEDGEROW_BIN") == "" {
		return errors.New("HEDGEROW_BIN does not name the folder of the binaries: run make build, then test/run")
	}
	for _, name := range []string{"hedgerow-standalone", "hedgerow-agent", "hedgerow-cni", "hedgerow-toolbox"} {
		if _, err := os.Stat(binary(name)); err != nil {
			return fmt.Errorf("%w: run make build, or set HEDGEROW_BIN to the folder of the binaries", err)
		}
	}
	return nil
}

// binary is the path of one of the binaries.
func binary(name string) string { return filepath.Join(os.Getenv("HEDGEROW_BIN"), name) }

// instance is a running hedgerow-standalone.
type instance struct {
	cmd        *exec.Cmd
	log        string // what it wrote
	kubeconfig string
	dataDir    string
	exited     chan struct{}
	waitErr    error // after exited is closed
}

// startInstance starts a private instance with arguments for "up"; it is stopped at the end of the test.
func startInstance(t *testing.T, args ...string) *instance {
	t.Helper()
	i, err := launch(args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.interrupt(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			i.dump(t)
		}
		_ = os.Remove(i.log)
	})
	return i
}

// kubeconfigLine is the line of the closing message that is meant for programs.
var kubeconfigLine = regexp.MustCompile(`(?m)^  export KUBECONFIG=(.+)$`)

// launch starts "up" and returns when it says that it is ready.
func launch(args ...string) (*instance, error) {
	out, err := os.CreateTemp("", "hedgerow-e2e-*.log")
	if err != nil {
		return nil, err
	}
	defer out.Close()
	i := &instance{log: out.Name(), exited: make(chan struct{})}
	i.cmd = exec.Command(binary("hedgerow-standalone"), append([]string{"up"}, args...)...)
	i.cmd.Stdout, i.cmd.Stderr = out, out
	// A test binary that is killed must not leave it running.
	i.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	started := make(chan error)
	go i.keep(started)
	if err := <-started; err != nil {
		return nil, err
	}
	for end := time.Now().Add(startTime); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if m := kubeconfigLine.FindStringSubmatch(i.output()); m != nil {
			i.kubeconfig, i.dataDir = m[1], filepath.Dir(m[1])
			return i, nil
		}
		select {
		case <-i.exited:
			return nil, fmt.Errorf("up %s ended: %v\n%s", strings.Join(args, " "), i.waitErr, i.output())
		default:
		}
	}
	return nil, errors.Join(fmt.Errorf("up %s is not ready in time:\n%s", strings.Join(args, " "), i.output()), i.interrupt())
}

// keep starts the process and waits for it, all on one thread: the parent-death signal is bound to it.
func (i *instance) keep(started chan<- error) {
	lockThread()
	err := i.cmd.Start()
	started <- err
	if err == nil {
		i.waitErr = i.cmd.Wait()
	}
	close(i.exited)
}

// output is everything that the process wrote.
func (i *instance) output() string {
	text, err := os.ReadFile(i.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// interrupt stops the instance as Ctrl-C does and returns an error unless it ends well. Repeating it does nothing.
func (i *instance) interrupt() error {
	select {
	case <-i.exited:
		return nil
	default:
	}
	_ = i.cmd.Process.Signal(os.Interrupt)
	select {
	case <-i.exited:
	case <-time.After(stopTime):
		_ = i.cmd.Process.Kill()
		<-i.exited
		return fmt.Errorf("instance does not stop:\n%s", i.output())
	}
	if i.waitErr != nil {
		return fmt.Errorf("instance ended with %w:\n%s", i.waitErr, i.output())
	}
	return nil
}

// kill ends the instance's process with kill -9 and returns when it is gone. Its children may live a moment longer.
func (i *instance) kill(t *testing.T) {
	t.Helper()
	if err := i.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-i.exited
}

// dump shows what the instance and its parts wrote last.
func (i *instance) dump(t *testing.T) {
	t.Helper()
	t.Logf("instance said:\n%s", i.output())
	logs, _ := filepath.Glob(i.file("run", "log", "*")) // the pattern is well-formed
	for _, path := range logs {
		t.Logf("%s ends with:\n%s", filepath.Base(path), tail(path, 20))
	}
}

func tail(path string, n int) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	var last []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if last = append(last, lines.Text()); len(last) > n {
			last = last[1:]
		}
	}
	return strings.Join(last, "\n")
}

// file is the path of something in the data folder.
func (i *instance) file(elem ...string) string {
	return filepath.Join(append([]string{i.dataDir}, elem...)...)
}

// inside turns a path of the instance's own mount namespace, such as that of a bound network namespace, into one that works outside.
func (i *instance) inside(path string) string {
	return fmt.Sprintf("/proc/%d/root%s", i.cmd.Process.Pid, path)
}

// nodeNetns is a path of the network namespace of a node.
func (i *instance) nodeNetns(node string) string { return i.inside(i.file("run", "netns", node)) }

// agentSocket is the unix socket of a node's agent.
func (i *instance) agentSocket(node string) string { return i.file("run", node, "agent.sock") }

// config is a client configuration that may do everything.
func (i *instance) config(t *testing.T) *rest.Config {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", i.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	return config
}

func (i *instance) client(t *testing.T) kubernetes.Interface {
	t.Helper()
	c, err := kubernetes.NewForConfig(i.config(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (i *instance) dynamic(t *testing.T) dynamic.Interface {
	t.Helper()
	c, err := dynamic.NewForConfig(i.config(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually repeats check until it returns nil, and fails the test with its last error after a time that is never needed.
func eventually(t *testing.T, what string, check func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitTime)
	defer cancel()
	var last error
	for ctx.Err() == nil {
		err := check(ctx)
		if err == nil {
			return
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s: %v", what, last)
}

// run runs one of the binaries to its end and returns its exit code and what it wrote.
func run(t *testing.T, cmd *exec.Cmd) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(startTime, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errOut.String()
}

// standalone is a command of hedgerow-standalone.
func standalone(args ...string) *exec.Cmd {
	return exec.Command(binary("hedgerow-standalone"), args...)
}
