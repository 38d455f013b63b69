package cli

import (
	"github.com/hedgerow-net/hedgerow/policy/analysis"
)

// diffAnswer is the answer of diff.
type diffAnswer struct {
	Different bool            `json:"different"`
	Isolation []isolationDiff `json:"isolation"`
	Changes   []reachDiff     `json:"changes"`
	Added     []comer         `json:"added"`
	Removed   []comer         `json:"removed"`
}

// isolationDiff is pods that have become isolated, or are so no longer.
type isolationDiff struct {
	Who       string            `json:"who"`
	Namespace string            `json:"namespace"`
	Direction string            `json:"direction"`
	Lost      bool              `json:"lost"`
	Whole     bool              `json:"whole"`
	Pods      []string          `json:"pods"`
	By        []explainedPolicy `json:"by"`
}

// reachDiff is ports that were opened or closed.
type reachDiff struct {
	From     string       `json:"from"`
	To       string       `json:"to"`
	Opened   bool         `json:"opened"`
	Words    string       `json:"words"`
	Ports    portsJSON    `json:"ports"`
	Families []string     `json:"families"`
	Before   *diffVerdict `json:"before,omitempty"`
	After    *diffVerdict `json:"after,omitempty"`
}

// diffVerdict is why it is open or closed on one side.
type diffVerdict struct {
	Egress  explainedJudgement `json:"egress"`
	Ingress explainedJudgement `json:"ingress"`
}

// comer is a group that is on one side only.
type comer struct {
	Group     groupJSON    `json:"group"`
	Reaches   []comerReach `json:"reaches"`
	ReachedBy []comerReach `json:"reachedBy"`
}

// comerReach is what may pass between a comer and another group.
type comerReach struct {
	Group string               `json:"group"`
	Words string               `json:"words"`
	Ports map[string]portsJSON `json:"ports"`
}

// newDiffAnswer collects what differs; the explainers know where the policies of their side were written.
func newDiffAnswer(c *analysis.Comparison, sides [2]explainer) *diffAnswer {
	a := &diffAnswer{Isolation: []isolationDiff{}, Changes: []reachDiff{}, Added: []comer{}, Removed: []comer{}}
	for _, change := range c.IsolationChanges() {
		a.Isolation = append(a.Isolation, newIsolationDiff(change, sides))
	}
	for _, change := range c.Changes() {
		a.Changes = append(a.Changes, newReachDiff(change, sides))
	}
	for _, g := range c.Groups() {
		switch {
		case !c.Has(analysis.Before, g):
			a.Added = append(a.Added, newComer(c, analysis.After, g))
		case !c.Has(analysis.After, g):
			a.Removed = append(a.Removed, newComer(c, analysis.Before, g))
		}
	}
	a.Different = len(a.Isolation)+len(a.Changes)+len(a.Added)+len(a.Removed) > 0
	return a
}

func newIsolationDiff(change analysis.IsolationChange, sides [2]explainer) isolationDiff {
	d := isolationDiff{
		Who: change.Who(), Namespace: change.Namespace, Direction: change.Direction.String(), Lost: change.Lost, Whole: change.Whole,
		Pods: []string{}, By: []explainedPolicy{},
	}
	for _, pod := range change.Pods {
		d.Pods = append(d.Pods, pod.String())
	}
	side := analysis.After
	if change.Lost {
		side = analysis.Before
	}
	for _, ref := range change.By {
		d.By = append(d.By, sides[side].policy(ref))
	}
	return d
}

func newReachDiff(change analysis.Change, sides [2]explainer) reachDiff {
	d := reachDiff{
		From: change.Src.Name, To: change.Dst.Name, Opened: change.Opened,
		Words: change.Ports.String(), Ports: newPortsJSON(change.Ports), Families: familiesJSON(change.Families),
		Before: newDiffVerdict(change.Before, &sides[analysis.Before]), After: newDiffVerdict(change.After, &sides[analysis.After]),
	}
	if len(change.Families) < len(change.Common) {
		d.Words += " (" + change.Families[0].String() + ")"
	}
	return d
}

func newDiffVerdict(v *analysis.Verdict, e *explainer) *diffVerdict {
	if v == nil {
		return nil
	}
	return &diffVerdict{Egress: e.judgement(v.Egress), Ingress: e.judgement(v.Ingress)}
}

func newComer(c *analysis.Comparison, side analysis.Side, g *analysis.Group) comer {
	n := comer{Group: newGroupJSON(g), Reaches: []comerReach{}, ReachedBy: []comerReach{}}
	for _, other := range c.Groups() {
		if !c.ArePods(side, g) && !c.ArePods(side, other) {
			continue
		}
		n.Reaches = appendReach(n.Reaches, other, c.Reach(side, g, other))
		n.ReachedBy = appendReach(n.ReachedBy, other, c.Reach(side, other, g))
	}
	return n
}

func appendReach(list []comerReach, other *analysis.Group, r analysis.Reach) []comerReach {
	if r.Any().IsEmpty() {
		return list
	}
	entry := comerReach{Group: other.Name, Words: r.String(), Ports: map[string]portsJSON{}}
	for _, f := range r.Families {
		entry.Ports[f.String()] = newPortsJSON(r.Ports[f])
	}
	return append(list, entry)
}
