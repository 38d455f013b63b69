package cli

import (
	"github.com/hedgerow-net/hedgerow/policy"
	"github.com/hedgerow-net/hedgerow/policy/analysis"
)

// matrixJSON is the answer of matrix -o json; docs/json.md describes it.
type matrixJSON struct {
	Groups []groupJSON `json:"groups"`
	Reach  []cellJSON  `json:"reach"`
}

// groupJSON is a group in answers.
type groupJSON struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`
	Pods     []string `json:"pods"`
	Nodes    []string `json:"nodes"`
	Networks []string `json:"networks"`
}

// cellJSON is what one group reaches of another one.
type cellJSON struct {
	From  string               `json:"from"`
	To    string               `json:"to"`
	Words string               `json:"words"`
	Ports map[string]portsJSON `json:"ports"`
	Asked map[string][]string  `json:"asked,omitempty"`
}

// portsJSON is a set of ports: of every protocol ports and ranges, "80" and "8000-8010".
type portsJSON struct {
	TCP   []string `json:"TCP"`
	UDP   []string `json:"UDP"`
	SCTP  []string `json:"SCTP"`
	Other bool     `json:"other"`
}

func newMatrixJSON(m *matrix) matrixJSON {
	answer := matrixJSON{Groups: []groupJSON{}, Reach: []cellJSON{}}
	for _, g := range m.groups {
		answer.Groups = append(answer.Groups, newGroupJSON(g))
	}
	for _, c := range m.cells {
		if c.shown {
			answer.Reach = append(answer.Reach, m.cellJSON(c))
		}
	}
	return answer
}

func newGroupJSON(g *analysis.Group) groupJSON {
	j := groupJSON{Name: g.Name, Kind: g.Kind.String(), Pods: []string{}, Nodes: []string{}, Networks: []string{}}
	for _, pod := range g.Pods {
		j.Pods = append(j.Pods, pod.String())
	}
	for _, n := range g.Nodes {
		j.Nodes = append(j.Nodes, n.Name)
	}
	for _, p := range g.Networks {
		j.Networks = append(j.Networks, p.String())
	}
	return j
}

func (m *matrix) cellJSON(c cell) cellJSON {
	j := cellJSON{From: c.src.Name, To: c.dst.Name, Words: c.reach.String(), Ports: reachJSON(c.reach)}
	for _, p := range m.ports {
		if j.Asked == nil {
			j.Asked = map[string][]string{}
		}
		j.Asked[p.String()] = familiesJSON(c.open(p))
	}
	return j
}

func familiesJSON(families []analysis.Family) []string {
	names := []string{}
	for _, f := range families {
		names = append(names, f.String())
	}
	return names
}

// reachJSON is what may pass, by family.
func reachJSON(r analysis.Reach) map[string]portsJSON {
	ports := map[string]portsJSON{}
	for _, f := range r.Families {
		ports[f.String()] = newPortsJSON(r.Ports[f])
	}
	return ports
}

func newPortsJSON(p analysis.Ports) portsJSON {
	return portsJSON{
		TCP: rangesJSON(p, policy.TCP), UDP: rangesJSON(p, policy.UDP), SCTP: rangesJSON(p, policy.SCTP),
		Other: p.Contains(policy.OtherProtocols, 0),
	}
}

func rangesJSON(p analysis.Ports, protocol policy.Protocol) []string {
	ranges := []string{}
	for _, r := range p.Ranges(protocol) {
		ranges = append(ranges, r.String())
	}
	return ranges
}
