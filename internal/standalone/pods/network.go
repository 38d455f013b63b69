package pods

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/hedgerow-net/hedgerow/internal/standalone/container"
)

// Sandbox is a pod's network namespace as a Network sees it.
type Sandbox struct {
	ID    string // unique on the machine, ever
	Netns string // path
	// Namespace, Pod and UID name the pod.
	Namespace, Pod, UID string
}

// Network connects sandboxes. Each method may be repeated.
type Network interface {
	// Add gives the sandbox its interface and returns its addresses. When it returns, the pod's policies are in force.
	Add(ctx context.Context, s *Sandbox) ([]netip.Addr, error)
	// Remove takes the interface and the addresses back. That there is nothing to take back is a success.
	Remove(ctx context.Context, s *Sandbox) error
	// Clean takes back what is held for any sandbox. It is called while there is none.
	Clean(ctx context.Context) error
}

// podInterface is the name of the interface inside the sandbox.
const podInterface = "eth0"

// CNI is a Network of CNI plugins, which are executed in a node's network namespace.
type CNI struct {
	cni  *libcni.CNIConfig
	list *libcni.NetworkConfigList
}

var _ Network = (*CNI)(nil)

// NewCNI returns a Network for a CNI configuration list. Plugins are looked for in pluginDirs; cacheDir keeps what libcni must remember.
func NewCNI(confList []byte, pluginDirs []string, cacheDir, nodeNetns string, spawner container.Spawner) (*CNI, error) {
	list, err := libcni.NetworkConfFromBytes(confList)
	if err != nil {
		return nil, fmt.Errorf("read CNI configuration: %w", err)
	}
	run := &pluginRunner{spawner: spawner, netns: nodeNetns}
	return &CNI{cni: libcni.NewCNIConfigWithCacheDir(pluginDirs, cacheDir, run), list: list}, nil
}

func runtimeConf(s *Sandbox) *libcni.RuntimeConf {
	return &libcni.RuntimeConf{
		ContainerID: s.ID, NetNS: s.Netns, IfName: podInterface,
		Args: [][2]string{
			{"IgnoreUnknown", "1"},
			{"K8S_POD_NAMESPACE", s.Namespace},
			{"K8S_POD_NAME", s.Pod},
			{"K8S_POD_INFRA_CONTAINER_ID", s.ID},
			{"K8S_POD_UID", s.UID},
		},
	}
}

// Add implements Network.
func (c *CNI) Add(ctx context.Context, s *Sandbox) ([]netip.Addr, error) {
	result, err := c.cni.AddNetworkList(ctx, c.list, runtimeConf(s))
	if err != nil {
		return nil, fmt.Errorf("add sandbox to the network: %w", err)
	}
	addresses, err := addressesOf(result)
	if err != nil {
		return nil, fmt.Errorf("add sandbox to the network: %w", err)
	}
	return addresses, nil
}

// addressesOf returns the addresses that a CNI plugin's result holds; none is an error.
func addressesOf(result types.Result) ([]netip.Addr, error) {
	converted, err := types100.NewResultFromResult(result)
	if err != nil {
		return nil, fmt.Errorf("read the CNI plugin's result: %w", err)
	}
	var addresses []netip.Addr
	for _, ip := range converted.IPs {
		if ip == nil {
			continue
		}
		if a, ok := netip.AddrFromSlice(ip.Address.IP); ok {
			addresses = append(addresses, a.Unmap())
		}
	}
	if len(addresses) == 0 {
		return nil, errors.New("the CNI plugin gave no address")
	}
	return addresses, nil
}

// Remove implements Network.
func (c *CNI) Remove(ctx context.Context, s *Sandbox) error {
	if err := c.cni.DelNetworkList(ctx, c.list, runtimeConf(s)); err != nil {
		return fmt.Errorf("remove sandbox from the network: %w", err)
	}
	return nil
}

// Clean implements Network.
func (c *CNI) Clean(ctx context.Context) error {
	if err := c.cni.GCNetworkList(ctx, c.list, &libcni.GCArgs{ValidAttachments: []types.GCAttachment{}}); err != nil {
		return fmt.Errorf("collect what the network holds for sandboxes that are gone: %w", err)
	}
	return nil
}

// pluginRunner executes CNI plugins as children that die with this process, in the node's network namespace.
type pluginRunner struct {
	spawner container.Spawner
	netns   string
	version.PluginDecoder
}

var _ invoke.Exec = (*pluginRunner)(nil)

// ExecPlugin implements invoke.Exec.
func (r *pluginRunner) ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := &exec.Cmd{Path: path, Args: []string{path}, Env: environ, Stdin: bytes.NewReader(stdin), Stdout: &stdout, Stderr: &stderr}
	if err := r.spawner.Start(cmd, r.netns); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("plugin %s: %w", path, ctx.Err())
		}
		return nil, pluginError(path, err, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.Bytes(), nil
}

// pluginError makes one error of what a failed plugin said: an error object on stdout, or anything on stderr.
func pluginError(path string, err error, stdout, stderr []byte) error {
	said := types.Error{}
	if json.Unmarshal(stdout, &said) == nil && said.Msg != "" {
		return &said
	}
	return fmt.Errorf("plugin %s: %w: %s", path, err, bytes.TrimSpace(stderr))
}

// FindInPath implements invoke.Exec.
func (r *pluginRunner) FindInPath(plugin string, paths []string) (string, error) {
	return invoke.FindInPath(plugin, paths)
}
