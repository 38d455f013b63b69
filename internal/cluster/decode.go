package cluster

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/hedgerow-net/hedgerow/policy"
)

// decoder reads cluster policies of type T with rules of types In and Out. It is strict, because a field that is passed over could be the one that makes a
// rule narrow. A rule with anything in it that its type does not have becomes one with an empty peer, which the API says fails closed
// (ClusterNetworkPolicyIngressPeer: Accept matches nothing, Deny and Pass deny all). With anything else that is not understood, Deny rules hold, Pass
// rules deny, and the others match nothing, as package policy has it for a broken subject.
func decoder[In, Out, T any](convert func(*T) *policy.Policy) func(*unstructured.Unstructured) *policy.Policy {
	return func(o *unstructured.Unstructured) *policy.Policy {
		d := decoding{spec: map[string]any{}}
		d.takeHead(o.Object["spec"], func(field string, value any) error {
			return strictly(map[string]any{"spec": map[string]any{field: value}}, new(T))
		})
		takeRules[In](&d, o.Object["spec"], "ingress", "from")
		takeRules[Out](&d, o.Object["spec"], "egress", "to")
		object := new(T)
		meta := map[string]any{"name": o.GetName()}
		if err := strictly(map[string]any{"metadata": meta, "spec": d.spec}, object); err != nil {
			d.problem("spec", err)
		}
		p := convert(object)
		p.Problems = append(d.problems, p.Problems...)
		return p
	}
}

// decoding is the state of reading one object: the part of its spec that is understood, and what is wrong with the rest.
type decoding struct {
	spec     map[string]any
	problems []policy.Problem
	unclear  bool // something outside of the rules is not understood
}

func (d *decoding) problem(field string, err error) {
	d.problems = append(d.problems, policy.Problem{Field: field, Message: err.Error()})
}

// unclearHead notes a problem outside of the rules.
func (d *decoding) unclearHead(field string, err error) {
	d.unclear = true
	d.problem(field, fmt.Errorf("%w; until that is changed the policy's Deny rules hold, its Pass rules deny, and its other rules match nothing", err))
}

// takeHead takes over all fields of the spec but the rules.
func (d *decoding) takeHead(spec any, check func(field string, value any) error) {
	fields, ok := spec.(map[string]any)
	if !ok {
		d.unclearHead("spec", errNoObject)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name == "ingress" || name == "egress" {
			continue
		}
		if err := check(name, fields[name]); err != nil {
			d.unclearHead("spec."+name, err)
			continue
		}
		d.spec[name] = fields[name]
	}
}

// takeRules takes over the rules of one direction, those that are not understood as rules with an empty peer.
func takeRules[R any](d *decoding, spec any, direction, peers string) {
	fields, _ := spec.(map[string]any)
	if fields[direction] == nil {
		return
	}
	list, ok := fields[direction].([]any)
	if !ok {
		d.problem("spec."+direction, errors.New("not a list"))
		list = []any{nil}
	}
	rules := make([]any, len(list))
	for i, rule := range list {
		err := strictly(rule, new(R))
		if err != nil && ok {
			d.problem(fmt.Sprintf("spec.%s[%d]", direction, i), err)
		}
		switch fields, _ := rule.(map[string]any); {
		case err != nil:
			rules[i] = ruleWith(fields, peers, []any{map[string]any{}})
		case d.unclear && fields["action"] == "Pass":
			denies := maps.Clone(fields)
			denies["action"] = "Deny"
			rules[i] = denies
		case d.unclear && fields["action"] != "Deny":
			rules[i] = ruleWith(fields, peers, []any{})
		default:
			rules[i] = rule
		}
	}
	d.spec[direction] = rules
}

// ruleWith is a rule with the name and action of another and these peers. Without a known action it denies.
func ruleWith(rule map[string]any, field string, peers []any) map[string]any {
	with := map[string]any{"action": "Deny", field: peers}
	for _, name := range []string{"name", "action"} {
		if text, ok := rule[name].(string); ok {
			with[name] = text
		}
	}
	return with
}

var errNoObject = errors.New("not an object")

// strictly reads a value into its type; a field that the type does not have is an error.
func strictly(value, into any) error {
	fields, ok := value.(map[string]any)
	if !ok {
		return errNoObject
	}
	err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(fields, into, true)
	if strict, ok := runtime.AsStrictDecodingError(err); ok {
		texts := make([]string, len(strict.Errors()))
		for i, e := range strict.Errors() {
			texts[i] = e.Error()
		}
		return errors.New(strings.Join(texts, ", "))
	}
	return err
}
