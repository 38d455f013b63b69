package cni

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/podnet"
)

// add gives the pod its interface and returns when its policy is in the kernel. Repeated, it finds everything there and
// gives the same result. When it fails, nothing is left of what it made; only an interface that the agent knew before, from an
// earlier ADD that succeeded, stays as it is.
func (c *command) add() error {
	pod, err := loadPodArgs(c.args)
	if err != nil {
		return err
	}
	if c.conf.RawPrevResult != nil {
		return configError(errors.New("hedgerow-cni must be the first plugin of its list"))
	}
	if err := c.prepared(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.attachTimeout)
	defer cancel()
	before, err := c.known(ctx)
	if err != nil {
		return agentError("ask the agent about the pod", err)
	}
	steps := &addSteps{command: c, pod: pod}
	if err := steps.run(ctx); err != nil {
		if before != nil {
			return err
		}
		return withDetails(err, steps.undo())
	}
	return nil
}

// prepared tests what ADD needs before it makes anything.
func (c *command) prepared() error {
	if err := podnet.CheckNetns(c.args.Netns); err != nil {
		return interfaceError(err)
	}
	if err := podnet.CheckForwarding(c.families()); err != nil {
		return interfaceError(err)
	}
	return nil
}

// families returns an address of each family that the ranges have.
func (c *command) families() []netip.Addr {
	var list []netip.Addr
	for _, r := range c.conf.ipam.Ranges {
		a, _ := netip.AddrFromSlice(r[0].RangeStart)
		list = append(list, a)
	}
	return list
}

// addSteps is one ADD and how far it came.
type addSteps struct {
	*command
	pod      *podArgs
	attached bool // the agent was asked to attach, whatever it answered
}

func (s *addSteps) run(ctx context.Context) error {
	addresses, err := s.pool.Reserve(s.owner())
	if err != nil {
		return fail(codeAddresses, err, "delete pods that are not needed, or give the node a larger range")
	}
	pod := s.podnet(addresses)
	pair, err := podnet.Setup(pod)
	if err != nil {
		return interfaceError(err)
	}
	s.attached = true
	if err := s.attach(ctx, s.attachment(pod, pair)); err != nil {
		return agentError("wait for the pod's network policy", err)
	}
	return s.print(pod, pair)
}

func (s *addSteps) podnet(addresses []netip.Addr) *podnet.Pod {
	return &podnet.Pod{
		Owner:     s.owner(),
		Netns:     s.args.Netns,
		Network:   s.conf.Name,
		Label:     string(s.pod.K8S_POD_NAMESPACE + "/" + s.pod.K8S_POD_NAME),
		MTU:       s.conf.MTU,
		Addresses: addresses,
	}
}

func (s *addSteps) attachment(pod *podnet.Pod, pair *podnet.Pair) *agentapi.Attachment {
	return &agentapi.Attachment{
		ContainerID:   pod.Container,
		PodInterface:  pod.Interface,
		Netns:         pod.Netns,
		HostInterface: pair.HostName,
		HostIndex:     pair.HostIndex,
		Addresses:     pod.Addresses,
		Namespace:     string(s.pod.K8S_POD_NAMESPACE),
		Pod:           string(s.pod.K8S_POD_NAME),
		UID:           string(s.pod.K8S_POD_UID),
	}
}

func (s *addSteps) print(pod *podnet.Pod, pair *podnet.Pair) error {
	r, err := newResult(pod, pair, s.conf.DNS).GetAsVersion(s.conf.CNIVersion)
	if err != nil {
		return fail(codeVersion, fmt.Errorf("convert the result: %w", err), "set cniVersion in the network configuration to 1.1.0")
	}
	if err := r.PrintTo(s.stdout); err != nil {
		return fail(codeIO, fmt.Errorf("write the result: %w", err), "the runtime closed the plugin's standard output")
	}
	return nil
}

// undo takes back what the steps made, in reverse, and says what it could not. Where the agent was asked to attach and cannot
// be asked to detach, the address stays reserved: it may be open in the kernel, and must not become another pod's. DEL or GC
// releases it.
func (s *addSteps) undo() (left []string) {
	closed := true
	if s.attached {
		if err := s.detach(s.args.ContainerID, s.args.IfName); err != nil {
			closed = false
			left = append(left, fmt.Sprintf("the pod's address stays reserved until DEL, because the agent did not confirm that it is closed: %v", err))
		}
	}
	if err := podnet.Remove(s.owner()); err != nil {
		left = append(left, err.Error())
	}
	if !closed {
		return left
	}
	if err := s.pool.Release(s.owner()); err != nil {
		left = append(left, err.Error())
	}
	return left
}
