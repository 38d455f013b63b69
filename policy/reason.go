package policy

// Reason is why one direction of a flow was decided as it was.
type Reason struct {
	Action    Action // Accept or Deny
	Direction Direction
	Cause     Cause
	// Tier, Policy and Rule (the rule's index in its object) are set for CauseRule.
	Tier   Tier
	Policy Ref
	Rule   int
	// Isolating are the policies that isolate the pod, for CauseIsolated.
	Isolating []Ref
}

// Cause is the kind of a Reason.
type Cause uint8

// The causes.
const (
	// CauseNotIsolated: no rule decided and nothing isolates the pod in this direction.
	CauseNotIsolated Cause = iota
	// CauseRule: a rule decided.
	CauseRule
	// CauseIsolated: no rule decided and policies isolate the pod.
	CauseIsolated
	// CauseNoPod: this end is no pod, so no policy looks at this direction.
	CauseNoPod
	// CauseNode: a node always reaches its own pods.
	CauseNode
	// CauseSelf: a pod always reaches itself.
	CauseSelf
	// CauseClosed: an end is an address that must not be used: in the node's pod range without a pod, or claimed by two pods.
	CauseClosed
)
