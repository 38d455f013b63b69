package policytest

import (
	"fmt"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy"
)

// ask finds the flows of a case and has them evaluated.
func (r *run) ask(c *Case) error {
	from, err := r.end(c.From)
	if err != nil {
		return err
	}
	to, err := r.end(c.To)
	if err != nil {
		return err
	}
	port, err := manifest.ParsePort(c.Port.Value, c.Protocol.Value)
	if err != nil {
		return &manifest.Error{Position: c.Port.Position, Message: err.Error()}
	}
	flows, _, err := r.world.Flows(from, to, port)
	if err != nil {
		return &manifest.Error{Position: c.To.Position, Message: err.Error()}
	}
	a := asked{Case: c}
	for _, f := range flows {
		for _, one := range r.world.ByFamily(f) {
			d := policy.Evaluate(r.set, one.Flow)
			if err := checkEnds(d.Flow); err != nil {
				return &manifest.Error{Position: c.Position, Message: err.Error()}
			}
			a.flows = append(a.flows, answer{decision: d})
		}
	}
	r.asked = append(r.asked, a)
	return nil
}

// checkEnds refuses a flow that no packet could belong to: an answer about it would test nothing.
func checkEnds(f policy.Flow) error {
	source, destination := f.Source.Address, f.Destination.Address
	switch {
	case !source.IsValid():
		return noAddress(f.Source)
	case !destination.IsValid():
		return noAddress(f.Destination)
	case source.Is4() != destination.Is4():
		return fmt.Errorf("%s (%s) and %s (%s) have no address family in common", f.Source, source, f.Destination, destination)
	}
	return nil
}

// noAddress says what the manifests lack.
func noAddress(e policy.End) error {
	switch {
	case e.Node != nil:
		return fmt.Errorf("node %s has no address: write it into status.addresses of the Node", e.Node.Name)
	case e.Pod != nil:
		return fmt.Errorf("%s has no address", e.Pod)
	}
	return fmt.Errorf("%s has no address", e)
}
