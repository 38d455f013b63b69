package cni

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/agentapi/agenttest"
	"github.com/hedgerow-net/hedgerow/internal/podnet/netnstest"
)

// inProcess is the plugin without its process, so that its deadlines can be short.
type inProcess struct {
	t     *testing.T
	agent *agenttest.Server
	node  *netnstest.NS
	data  string
	args  *skel.CmdArgs
}

func newInProcess(t *testing.T) *inProcess {
	i := &inProcess{t: t, agent: agenttest.Start(t), node: netnstest.New(t), data: t.TempDir()}
	i.node.Sysctl("ipv4/ip_forward", "1")
	conf, err := json.Marshal(map[string]any{
		"cniVersion": "1.1.0", "name": "hedgerow", "type": "hedgerow-cni", "socket": i.agent.Socket,
		"ipam": map[string]any{"type": "host-local", "dataDir": i.data, "ranges": [][]map[string]string{{{"subnet": "10.244.1.0/24"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	i.args = &skel.CmdArgs{
		ContainerID: "a", IfName: "eth0", Netns: netnstest.New(t).Path(), StdinData: conf,
		Args: "K8S_POD_NAMESPACE=tenant-a;K8S_POD_NAME=a",
	}
	return i
}

// run runs one command with that time for the agent.
func (i *inProcess) run(f func(*command) error, timeout time.Duration) (stdout string, err *types.Error) {
	i.t.Helper()
	var out bytes.Buffer
	var got error
	p := &plugin{stdout: &out, attachTimeout: timeout, detachTimeout: timeout}
	i.node.Do(func() { got = p.run(f)(i.args) })
	if got != nil && !errors.As(got, &err) {
		i.t.Fatalf("error %v is not one of the plugin's", got)
	}
	return out.String(), err
}

func (i *inProcess) addresses() (names []string) {
	i.t.Helper()
	files, err := filepath.Glob(filepath.Join(i.data, "hedgerow", "10.*"))
	if err != nil {
		i.t.Fatal(err)
	}
	for _, f := range files {
		names = append(names, filepath.Base(f))
	}
	return names
}

func (i *inProcess) interfaces() (n int) {
	i.t.Helper()
	i.node.Do(func() {
		list, err := netlink.LinkList()
		if err != nil {
			i.t.Error(err)
		}
		for _, l := range list {
			if l.Type() == "veth" {
				n++
			}
		}
	})
	return n
}

const (
	shortly = time.Second // for requests that are never answered
	long    = time.Minute
)

func TestAddGivesUp(t *testing.T) {
	t.Parallel()
	i := newInProcess(t)
	i.agent.Hold(t, http.MethodPut)
	stdout, err := i.run((*command).add, shortly)
	if err == nil || err.Code != codeTryAgain || !strings.Contains(err.Error(), "took too long") {
		t.Errorf("got error %v", err)
	}
	if stdout != "" || i.interfaces() != 0 || len(i.addresses()) != 0 {
		t.Errorf("left: output %q, %d interfaces, addresses %v", stdout, i.interfaces(), i.addresses())
	}
}

// When the agent may have opened the address, and does not say that it closed it again, nobody else gets it.
func TestAddGivesUpOnAnAgentThatHangs(t *testing.T) {
	t.Parallel()
	i := newInProcess(t)
	put, del := i.agent.Hold(t, http.MethodPut), i.agent.Hold(t, http.MethodDelete)
	_, err := i.run((*command).add, shortly)
	if err == nil || err.Code != codeTryAgain || !strings.Contains(err.Error(), "stays reserved until DEL") {
		t.Errorf("got error %v", err)
	}
	if diff := cmp.Diff([]string{"10.244.1.2"}, i.addresses()); diff != "" || i.interfaces() != 0 {
		t.Errorf("%d interfaces, addresses (-want +got):\n%s", i.interfaces(), diff)
	}
	put.Release()
	del.Release()
	if _, err := i.run((*command).del, long); err != nil {
		t.Fatal(err)
	}
	if len(i.addresses()) != 0 {
		t.Errorf("addresses left after DEL: %v", i.addresses())
	}
}

func TestDelGivesUp(t *testing.T) {
	t.Parallel()
	i := newInProcess(t)
	if _, err := i.run((*command).add, long); err != nil {
		t.Fatal(err)
	}
	i.agent.Hold(t, http.MethodDelete)
	if _, err := i.run((*command).del, shortly); err == nil || err.Code != codeTryAgain {
		t.Errorf("got error %v", err)
	}
	if i.interfaces() != 1 || len(i.addresses()) != 1 {
		t.Errorf("%d interfaces, addresses %v", i.interfaces(), i.addresses())
	}
}

func TestAddWaitsUntilTheAgentIsReady(t *testing.T) {
	t.Parallel()
	i := newInProcess(t)
	notReady := &agentapi.Error{Message: "the world is not complete", Code: "not-ready"}
	i.agent.Refuse(http.MethodGet, notReady)
	_, err := i.run((*command).add, shortly)
	if err == nil || err.Code != codeTryAgain || !strings.Contains(err.Error(), "the world is not complete") {
		t.Errorf("got error %v", err)
	}
	asked := i.agent.Hold(t, http.MethodGet)
	done := make(chan *types.Error, 1)
	go func() {
		_, err := i.run((*command).add, long)
		done <- err
	}()
	asked.Wait(t) // refused below, once
	asked.Release()
	asked.Wait(t) // asks again
	i.agent.Refuse(http.MethodGet, nil)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// What cannot be printed does not exist for the runtime.
func TestAddThatCannotPrintIsUndone(t *testing.T) {
	t.Parallel()
	i := newInProcess(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	w.Close()
	p := &plugin{stdout: w, attachTimeout: long, detachTimeout: long}
	i.node.Do(func() { err = p.run((*command).add)(i.args) })
	var e *types.Error
	if !errors.As(err, &e) || e.Code != codeIO {
		t.Errorf("got error %v", err)
	}
	if i.interfaces() != 0 || len(i.addresses()) != 0 || i.agent.Dump() != "" {
		t.Errorf("left: %d interfaces, addresses %v, attachments %s", i.interfaces(), i.addresses(), i.agent.Dump())
	}
}
