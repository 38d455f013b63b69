package standalone

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/hedgerow-net/hedgerow/internal/standalone/pods"
)

// makeImages makes the built-in image, which all nodes share.
func (i *Instance) makeImages() (*pods.Images, error) {
	return pods.NewImages(i.dir.Run("image"), i.program(toolboxProgram))
}

// startPods starts running the pods that are bound to the node.
func (n *node) startPods(images *pods.Images) error {
	netns := n.i.NodeNetns(n.Name)
	list, err := n.networkConfig()
	if err != nil {
		return err
	}
	network, err := pods.NewCNI(list, []string{n.i.options.BinDir}, n.i.dir.Run(n.Name, "cni"), netns, n.i.spawner)
	if err != nil {
		return err
	}
	var addresses []netip.Addr
	for _, a := range n.Addresses {
		addresses = append(addresses, a.Addr())
	}
	manager, err := pods.New(pods.Config{
		NodeName: n.Name, NodeAddresses: addresses, NodeNetns: netns, Client: n.i.client, Network: network, Images: images,
		Spawner: n.i.spawner, RunDir: n.i.dir.Run(n.Name, "pods"), Logger: n.i.log,
	})
	if err != nil {
		return err
	}
	n.i.background("pods of "+n.Name, manager.Run)
	return nil
}

// networkConfig is the CNI configuration list of the node.
func (n *node) networkConfig() ([]byte, error) {
	type subnet struct {
		Subnet netip.Prefix `json:"subnet"`
	}
	var ranges [][]subnet
	for _, p := range n.PodCIDRs {
		ranges = append(ranges, []subnet{{p}})
	}
	list, err := json.Marshal(map[string]any{
		"cniVersion": "1.1.0",
		"name":       "hedgerow",
		"plugins": []any{map[string]any{
			"type":   cniProgram,
			"socket": n.i.AgentSocket(n.Name),
			"ipam":   map[string]any{"type": "host-local", "dataDir": n.i.dir.Run(n.Name, "ipam"), "ranges": ranges},
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("make CNI configuration: %w", err)
	}
	return list, nil
}
