package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// clusterRule is a rule of any of the APIs for the whole cluster, as it was written.
type clusterRule struct {
	name, action string
	peers        []clusterPeer
	ports        []clusterPort
	hasPorts     bool // there is a list of ports, even an empty one
}

func clusterRules[R any](rules []R, read func(*R) clusterRule) []clusterRule {
	all := make([]clusterRule, len(rules))
	for i := range rules {
		all[i] = read(&rules[i])
	}
	return all
}

// clusterPort is a set of ports as one of the APIs writes it.
type clusterPort interface {
	// convert returns the ports, and notes what is wrong with them.
	convert(path *field.Path, found *problems) []Port
}

// clusterConverter converts the parts of one policy for the whole cluster. The APIs differ in words only, and those are its fields.
type clusterConverter struct {
	actions   map[string]Action
	portsName string // the name of a rule's list of ports
	problems  []Problem
	// unclear: whom the policy is about, or when it is evaluated, is not known for sure.
	unclear bool
}

// peerLists are the names of a rule's list of peers, by Direction.
var peerLists = [2]string{Ingress: "from", Egress: "to"}

// rules converts the rules of one direction, in order: "a rule that appears at the top ... would take the highest precedence".
func (c *clusterConverter) rules(d Direction, rules []clusterRule) []Rule {
	path := field.NewPath("spec", d.String())
	var converted []Rule
	for i := range rules {
		rule := c.rule(path.Index(i), d, &rules[i])
		rule.Index = i
		converted = append(converted, rule)
	}
	return converted
}

// rule converts one rule. What is wrong with it concerns it alone: the others hold.
func (c *clusterConverter) rule(path *field.Path, d Direction, r *clusterRule) Rule {
	var found problems
	rule := Rule{Name: r.name, Field: path.String()}
	action, known := c.actions[r.action]
	if !known {
		found.add(path.Child("action"), fmt.Errorf("%q is none of %s", r.action, c.actionNames()))
	}
	rule.Action = action
	peers := path.Child(peerLists[d])
	rule.Peers = clusterPeers(peers, action, r.peers, &found)
	rule.Ports = c.ports(path.Child(c.portsName), r, &found)
	if len(r.peers) == 0 {
		// "This field must be defined and contain at least one item."
		found.add(peers, errors.New("needs at least one item"))
	}
	if len(found) > 0 {
		c.failClosed(&rule, found)
	}
	return rule
}

// failClosed is what the comments of the APIs' peers say: 'For "Accept" rules, "fail closed" means: "treat the rule as matching no traffic". For
// "Deny" and "Pass" rules, "fail closed" means: "treat the rule as a 'Deny all' rule".' An action that is not known is like the latter.
func (c *clusterConverter) failClosed(rule *Rule, found problems) {
	if rule.Action == Accept {
		rule.Peers, rule.Ports = []Peer{}, nil
		c.problems = append(c.problems, found.followedBy("until that is changed the rule matches nothing")...)
		return
	}
	rule.Action, rule.Peers, rule.Ports = Deny, nil, nil
	c.problems = append(c.problems, found.followedBy("until that is changed the rule denies everything")...)
}

func (c *clusterConverter) actionNames() string {
	names := make([]string, 0, len(c.actions))
	for name := range c.actions {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// ports converts the ports. Without a list the rule is about everything ("If unspecified, protocol-specific attributes will not be used to match
// traffic"; "If Ports is not set then the rule does not filter traffic via port"); a list without an item is invalid (minItems 1).
func (c *clusterConverter) ports(path *field.Path, r *clusterRule, found *problems) []Port {
	if !r.hasPorts {
		return nil
	}
	if len(r.ports) == 0 {
		found.add(path, errors.New("needs at least one item: leave it out to mean every port and protocol"))
	}
	addresses := slices.ContainsFunc(r.peers, clusterPeer.isAddresses)
	var converted []Port
	for i, port := range r.ports {
		ports := port.convert(path.Index(i), found)
		if addresses && len(ports) > 0 && ports[0].Name != "" {
			// "You can't use this in a rule that targets resources without named ports (e.g. Nodes or Networks)."
			found.add(path.Index(i), fmt.Errorf("the name %q cannot stand beside peers that are networks, nodes or domainNames, which name no ports", ports[0].Name))
		}
		converted = append(converted, ports...)
	}
	return converted
}

// policy finishes the policy. Where its subject or tier is unclear its Deny rules hold, for everybody whom it may mean, its Pass rules deny, since what they would
// pass must not fall to a later Accept, and its Accept rules match nothing: so it lets nothing through that it was written to forbid, and opens nothing for
// pods that it does not mean.
func (c *clusterConverter) policy(p *Policy) *Policy {
	p.Problems = c.problems
	if more := len(c.problems) - maxProblems; more > 0 {
		p.Problems = append(c.problems[:maxProblems:maxProblems], Problem{Message: fmt.Sprintf("%d more problems are not listed", more)})
	}
	if !c.unclear {
		return p
	}
	for _, d := range Directions {
		for i := range p.Rules[d] {
			switch rule := &p.Rules[d][i]; rule.Action {
			case Pass:
				rule.Action = Deny
			case Accept:
				rule.Peers, rule.Ports = []Peer{}, nil
			}
		}
	}
	return p
}

// named returns the ports of that name: it has no protocol, so it is the port of each protocol that the destination calls so.
func named(name string, path *field.Path) []Port {
	at := path.String()
	return []Port{{Protocol: TCP, Name: name, Field: at}, {Protocol: UDP, Name: name, Field: at}, {Protocol: SCTP, Name: name, Field: at}}
}

// portRange converts a range: "the Start value must be less than End".
func portRange(path *field.Path, protocol Protocol, start, end int32, field string, found *problems) []Port {
	from, err := portNumber(start)
	if err != nil {
		found.add(path.Child("start"), err)
	}
	to, err := portNumber(end)
	switch {
	case err != nil:
		found.add(path.Child("end"), err)
	case start >= end:
		found.add(path, fmt.Errorf("the start, %d, is not less than the end, %d", start, end))
	}
	return []Port{{Protocol: protocol, Number: from, End: to, Field: field}}
}

// oneOf notes that not exactly one of an object's fields is set. None means, most probably, that this is a field of a newer version of the API.
func oneOf(path *field.Path, set int, names string, found *problems) bool {
	switch {
	case set == 0:
		found.add(path, fmt.Errorf("has none of the fields %s that are known here", names))
	case set > 1:
		found.add(path, fmt.Errorf("has more than one of the fields %s", names))
	}
	return set == 1
}

// count returns how many of the conditions hold.
func count(conditions ...bool) int {
	n := 0
	for _, holds := range conditions {
		if holds {
			n++
		}
	}
	return n
}
