package cli

import (
	"github.com/hedgerow-net/hedgerow/policy"
)

// explainedJudgement is what one direction says, with the places where it is written; explain and diff print it.
type explainedJudgement struct {
	Verdict   string            `json:"verdict"`
	Cause     string            `json:"cause"`
	Tier      string            `json:"tier,omitempty"`
	Fault     string            `json:"fault,omitempty"`
	Policy    *explainedPolicy  `json:"policy,omitempty"`
	Rule      *explainedRule    `json:"rule,omitempty"`
	Isolating []explainedPolicy `json:"isolating,omitempty"`
	Nearest   *explainedMiss    `json:"nearest,omitempty"`
}

type explainedPolicy struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	File      string `json:"file,omitempty"`
	Line      int    `json:"line,omitempty"`

	ref policy.Ref
}

type explainedRule struct {
	Index int    `json:"index"`
	Name  string `json:"name,omitempty"`
	Words string `json:"words"`
	Field string `json:"field"`
	File  string `json:"file,omitempty"`
	Line  int    `json:"line,omitempty"`
}

// explainedMiss is the rule that came closest, and what it lacked.
type explainedMiss struct {
	Message string          `json:"message"`
	Policy  explainedPolicy `json:"policy"`
	Field   string          `json:"field,omitempty"`
	File    string          `json:"file,omitempty"`
	Line    int             `json:"line,omitempty"`
}

func (e *explainer) judgement(j policy.Judgement) explainedJudgement {
	x := explainedJudgement{Verdict: j.Action.String(), Cause: causes[j.Cause]}
	if j.Cause == policy.CauseRule || j.Cause == policy.CauseIsolated {
		x.Tier = j.Tier.String()
	}
	if j.Cause == policy.CauseRule {
		p := e.policy(j.Policy)
		x.Policy = &p
		x.Rule = &explainedRule{Index: j.Rule, Name: j.RuleName, Words: j.Words, Field: j.Field}
		x.Rule.File, x.Rule.Line = e.at(j.Policy, j.Field)
		x.Fault = j.Fault
	}
	for _, ref := range j.Isolating {
		x.Isolating = append(x.Isolating, e.policy(ref))
	}
	if j.Miss != "" {
		x.Nearest = e.miss(j)
	}
	return x
}

func (e *explainer) miss(j policy.Judgement) *explainedMiss {
	x := &explainedMiss{Message: j.Miss, Policy: e.policy(j.MissRef), Field: j.MissField}
	x.File, x.Line = e.at(j.MissRef, j.MissField)
	return x
}

// at is where a field of a policy's object was written.
func (e *explainer) at(ref policy.Ref, field string) (file string, line int) {
	o := e.world.ObjectOf(ref)
	if o == nil {
		return "", 0
	}
	p := o.At(field)
	return p.File, p.Line
}

// causes are the names of causes in JSON.
var causes = map[policy.Cause]string{
	policy.CauseNotIsolated: "notIsolated", policy.CauseRule: "rule", policy.CauseIsolated: "isolated", policy.CauseNoPod: "noPod",
	policy.CauseNode: "node", policy.CauseSelf: "self", policy.CauseClosed: "closed",
	policy.CauseFamilies: "families",
}

func (e *explainer) policy(ref policy.Ref) explainedPolicy {
	field := ""
	if ref.Kind == policy.KindNamespaceIsolation {
		field = "metadata.annotations[" + policy.IsolationAnnotation + "]"
	}
	x := explainedPolicy{Kind: string(ref.Kind), Namespace: ref.Namespace, Name: ref.Name, ref: ref}
	x.File, x.Line = e.at(ref, field)
	return x
}
