package dsl

// check evaluates everything with unknown values of the right types, once for each kind of event that starts a pipeline.
// So a mistake in what only a tag runs is found before there ever is a tag.
func (c *Config) check(ps *problems) {
	c.mu.Lock()
	defer c.mu.Unlock()
	roots, _ := unknownRoots(variant{branch: true, tag: true}, nil)
	c.m.reset()
	all := &evaluator{config: c, ps: ps, roots: roots}
	for _, name := range c.order { // also those that no pipeline uses
		all.local(name)
	}
	total := c.m.steps
	for _, p := range c.pipelines {
		bad := map[*value]bool{}
		for i, v := range p.variants() {
			e := &evaluator{config: c, ps: ps, bad: bad, variant: i > 0}
			e.roots, e.absent = unknownRoots(v, p.inputs)
			c.m.reset()
			e.plan(p)
			total += c.m.steps
			if all.stop || e.stop {
				return // hostile, or a loop gone wild: further words would cost as much again
			}
			if total > maxCheckSteps {
				ps.add(codeExpensive, p.at, "Too expensive", "To check all pipelines takes more than %d steps. Loop over less.", maxCheckSteps)
				return
			}
		}
	}
}

// maxCheckSteps is what all pipelines may cost together, each checked for several kinds of events.
const maxCheckSteps = 5 * maxSteps
