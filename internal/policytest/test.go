package policytest

import (
	"fmt"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
)

// The API of PolicyTest. A new field comes with a new version, because an old reader must refuse it.
const (
	APIVersion = "hedgerow.dev/v1alpha1"
	Kind       = "PolicyTest"
)

// Test is one PolicyTest.
type Test struct {
	Position manifest.Position
	Name     string
	// Manifests are the files and folders that make the world, as paths that can be opened. With none of them the world is empty.
	Manifests []string
	Cases     []Case
}

// Case is one expectation.
type Case struct {
	Position manifest.Position
	// Name is the author's, or made of the rest.
	Name     string
	From, To Text
	// Port is a number or a name; Protocol is TCP unless written otherwise.
	Port, Protocol Text
	Expect         Verdict
}

// Text is a value as it was written, and where.
type Text struct {
	Value    string
	Position manifest.Position
	// Number: it was written as a number.
	Number bool
}

// Verdict is what a case expects, or what it came to.
type Verdict string

// The verdicts. Reject is never expected: policies drop in silence, so a refusal is a failure of its own.
const (
	Allow  Verdict = "allow"
	Deny   Verdict = "deny"
	Reject Verdict = "reject"
)

// title is what a case without a name is called.
func (c *Case) title() string {
	to := c.To.Value
	if c.Port.Value != "" {
		to += ":" + c.Port.Value
	}
	return fmt.Sprintf("%s to %s/%s: %s", c.From.Value, to, c.Protocol.Value, c.Expect)
}
