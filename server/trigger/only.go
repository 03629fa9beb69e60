package trigger

import (
	"strings"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// only answers the part of a plan that some of its jobs and all that they need make up; the whole plan if none is named. With a
// matrix come all its instances, unless some of them are named.
func only(p *plan.Plan, names []string) (*plan.Plan, error) {
	if len(names) == 0 {
		return p, nil
	}
	wanted := make(map[string]bool)
	chosen := make(map[string]bool) // matrices of which instances are named
	for queue := names; len(queue) > 0; {
		name := queue[0]
		queue = queue[1:]
		if wanted[name] {
			continue
		}
		j, ok := p.Job(name)
		if !ok {
			return nil, noJob(p, name)
		}
		wanted[name] = true
		queue = append(queue, j.Needs...)
		if j.Of != "" {
			chosen[j.Of] = true
			queue = append(queue, j.Of)
		}
	}
	part := *p
	part.Jobs = nil
	for _, j := range p.Jobs {
		if wanted[j.Name] || j.Of != "" && wanted[j.Of] && !chosen[j.Of] {
			part.Jobs = append(part.Jobs, j)
		}
	}
	return &part, nil
}

func noJob(p *plan.Plan, name string) error {
	var names []string
	for _, j := range p.Jobs {
		if j.Of == "" {
			names = append(names, j.Name)
		}
	}
	return server.Errorf(server.Invalid, "pipeline %q has no job %q; it has %s", p.Pipeline, name, strings.Join(names, ", "))
}
