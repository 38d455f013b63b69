package compile

import "github.com/hedgerow-net/hedgerow/internal/datapath"

// Options are the limits of a compiler. The zero value means the limits of the tables.
type Options struct {
	// MaxLocalPods bounds profile indices (at most 65535). Attachments beyond it stay closed, with a problem.
	MaxLocalPods int
	// MaxRules is the number of rule ids that have counters. Ids up to it are used first, and again when they are free.
	MaxRules datapath.RuleID
}

// Compiler remembers what the kernel holds, as far as it was told by Commit, and plans the way to new worlds. It starts with empty
// tables. It is not safe for concurrent use.
type Compiler struct {
	options Options
}

// New returns a compiler for empty tables.
func New(options Options) *Compiler { return &Compiler{options: options} }

// Update plans the way from the committed state to the world. Nothing of it is taken as done before Commit; a plan that was not
// committed is forgotten by the next Update or Sweep.
func (c *Compiler) Update(w *World) *Plan { return &Plan{} }

// Sweep plans the removal of what the committed state no longer needs: entries of old profiles and groups, distinctions that no selector
// makes any more. Call it when nothing else is to do, apply and Commit it like an Update, and go on until it is empty. Between the
// application of any plan and that of a Sweep made after it, a grace period (RCU) must pass: packets may still hold what is removed.
func (c *Compiler) Sweep() *Plan { return &Plan{} }

// Commit says that the first applied changes of the last plan are in the kernel and the others are not. After a failure, commit what
// succeeded; then Sweep, to make room, or Update again. An error that leaves open what was applied calls for a new Compiler and new
// tables.
func (c *Compiler) Commit(applied int) {}
