package compile

// Commit says that the first applied changes of the last plan are in the kernel and the others are not. After a failure, commit what
// succeeded; then Sweep, to make room, or Update again. An error that leaves open what was applied calls for a new Compiler and new
// tables.
func (c *Compiler) Commit(applied int) {
	p := c.pending
	if p == nil {
		return
	}
	c.pending = nil
	for _, s := range p.steps[:min(applied, len(p.steps))] {
		c.install(s)
		c.unswept++
	}
	if applied >= p.settled {
		for g, s := range p.next {
			g.signature, g.exact = s, true
		}
	}
}
