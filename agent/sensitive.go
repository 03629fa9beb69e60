package agent

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// sensitive answers the names of the sensitive outputs of an activity.
func (j *job) sensitive(activity string) (names []string) {
	i := slices.IndexFunc(j.plan.Activities, func(a plan.Activity) bool { return a.Name == activity })
	if i < 0 {
		return nil
	}
	for _, o := range j.plan.Activities[i].Outputs {
		if o.Sensitive {
			names = append(names, o.Name)
		}
	}
	return names
}

// forDisk answers a report without what must not be on the agent's disk: the journal holds no secret.
func (j *job) forDisk(r wire.Report) wire.Report {
	r.Activities = slices.Clone(r.Activities)
	for i, a := range r.Activities {
		for _, name := range j.sensitive(a.Name) {
			if _, there := a.Outputs[name]; there {
				a.Outputs = maps.Clone(a.Outputs)
				delete(a.Outputs, name)
				r.Activities[i].Outputs = a.Outputs
			}
		}
	}
	return r
}

// forgotten says which sensitive output of a report the journal did not keep, if there was one.
func (j *job) forgotten(r wire.Report) string {
	for _, a := range r.Activities {
		for _, name := range j.sensitive(a.Name) {
			if _, there := a.Outputs[name]; !there && a.Result == plan.Passed {
				return fmt.Sprintf("the agent was restarted before it could hand over the sensitive output %q of %s", name, a.Name)
			}
		}
	}
	return ""
}
