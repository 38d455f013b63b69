package cli

import (
	"github.com/hedgerow-net/hedgerow/policy/analysis"
)

// diffAnswer is the answer of diff.
type diffAnswer struct {
	Different bool            `json:"different"`
	Isolation []isolationDiff `json:"isolation"`
	Changes   []reachDiff     `json:"changes"`
	Added     []groupDiff     `json:"added"`
	Removed   []groupDiff     `json:"removed"`
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

// groupDiff is a group that is on one side only.
type groupDiff struct {
	Group     groupJSON    `json:"group"`
	Reaches   []groupReach `json:"reaches"`
	ReachedBy []groupReach `json:"reachedBy"`
}

// groupReach is what may pass between it and another group.
type groupReach struct {
	Group string               `json:"group"`
	Words string               `json:"words"`
	Ports map[string]portsJSON `json:"ports"`
}

// newDiffAnswer collects what differs; the explainers know where the policies of their side were written.
func newDiffAnswer(c *analysis.Comparison, sides [2]explainer) *diffAnswer {
	a := &diffAnswer{Isolation: []isolationDiff{}, Changes: []reachDiff{}, Added: []groupDiff{}, Removed: []groupDiff{}}
	for _, change := range c.IsolationChanges() {
		a.Isolation = append(a.Isolation, newIsolationDiff(change, sides))
	}
	for _, change := range c.Changes() {
		a.Changes = append(a.Changes, newReachDiff(change, sides))
	}
	for _, g := range c.Groups() {
		switch {
		case !c.Has(analysis.Before, g):
			a.Added = append(a.Added, newGroupDiff(c, analysis.After, g))
		case !c.Has(analysis.After, g):
			a.Removed = append(a.Removed, newGroupDiff(c, analysis.Before, g))
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

func newGroupDiff(c *analysis.Comparison, side analysis.Side, g *analysis.Group) groupDiff {
	d := groupDiff{Group: newGroupJSON(g), Reaches: []groupReach{}, ReachedBy: []groupReach{}}
	for _, other := range c.Groups() {
		if !c.ArePods(side, g) && !c.ArePods(side, other) {
			continue
		}
		d.Reaches = appendReach(d.Reaches, other, c.Reach(side, g, other))
		d.ReachedBy = appendReach(d.ReachedBy, other, c.Reach(side, other, g))
	}
	return d
}

func appendReach(list []groupReach, other *analysis.Group, r analysis.Reach) []groupReach {
	if r.Any().IsEmpty() {
		return list
	}
	return append(list, groupReach{Group: other.Name, Words: r.String(), Ports: reachJSON(r)})
}
