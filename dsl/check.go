package dsl

import "slices"

// check evaluates everything with unknown values of the right types, once for each kind of event that starts a pipeline.
// So a mistake in what only a tag runs is found before there ever is a tag.
func (c *Config) check(ps *problems) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m.reset()
	all := &evaluator{config: c, ps: ps, commit: unknownTree{}, bad: map[*value]bool{}}
	all.roots, _ = unknownRoots(variant{branch: true, tag: true, pullRequest: true, changed: true})
	for _, name := range c.order { // also those that no pipeline uses
		all.local(name)
	}
	sparse := *all
	sparse.sparse, sparse.locals = true, nil
	for _, e := range []*evaluator{all, &sparse} {
		for _, v := range c.variableOrder {
			e.hold(v.checks, v.at)
		}
		for _, d := range c.defined {
			e.definition(d)
		}
	}
	total := c.m.steps
	for _, p := range c.pipelines {
		bad, looks := map[*value]bool{}, map[look]bool{}
		for i, v := range p.variants() {
			e := &evaluator{config: c, ps: ps, commit: unknownTree{}, bad: bad, variant: v, looks: looks}
			e.roots, e.absent = unknownRoots(v)
			e.roots["input of "+p.name] = e.unknownInputs(p.inputs)
			c.m.reset()
			e.plan(p)
			if i == 0 {
				e.checkLacks(p)
			}
			if i == 0 && c.mayLack(p) {
				e.checkSparse(p)
			}
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
const maxCheckSteps = 8 * maxSteps

// checkLacks evaluates each job once more where something that it refers to may have no values.
func (e *evaluator) checkLacks(p *pipeline) {
	for _, j := range p.jobs {
		lack := e.config.lackOf(j)
		if len(lack.why) == 0 && !j.lacksInside() {
			continue
		}
		missing := *e
		missing.lack = lack
		missing.node(j)
		e.stop = e.stop || missing.stop
	}
}

// lacksInside says whether activities of a job may miss what earlier ones should have put out.
func (j *job) lacksInside() bool {
	for _, a := range j.activities {
		if a.mayNotRun() != "" {
			return true
		}
	}
	return false
}

// varies says whether anything in a job depends on the kind of event.
func (j *job) varies() bool {
	return slices.ContainsFunc(j.values, func(v *value) bool { return v.varies != 0 })
}
