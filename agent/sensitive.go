package agent

import (
	"encoding/json"
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

// store keeps the sensitive outputs of an activity, and of those before it, in memory that outlives the agent.
func (j *job) store(activity string, outputs map[string]json.RawMessage) error {
	all := make(secrets)
	add := func(activity string, outputs map[string]json.RawMessage) {
		for _, name := range j.sensitive(activity) {
			if value, there := outputs[name]; there {
				if all[activity] == nil {
					all[activity] = make(map[string]json.RawMessage)
				}
				all[activity][name] = value
			}
		}
	}
	add(activity, outputs)
	if len(all) == 0 {
		return nil
	}
	j.mu.Lock()
	for _, a := range j.report.Activities {
		add(a.Name, a.Outputs)
	}
	j.mu.Unlock()
	return j.w.vault.put(j.claim, all)
}

// recollect adds to a report from the disk what was kept in memory.
func (j *job) recollect(r *wire.Report) {
	kept := j.w.vault.get(j.claim)
	for i, a := range r.Activities {
		for _, name := range j.sensitive(a.Name) {
			value, there := kept[a.Name][name]
			if !there {
				continue
			}
			if r.Activities[i].Outputs == nil {
				r.Activities[i].Outputs = make(map[string]json.RawMessage)
			}
			r.Activities[i].Outputs[name] = value
		}
	}
}

// withheld names a sensitive output that should be in a report and is not, if there is one.
func (j *job) withheld(r wire.Report) string {
	for _, a := range r.Activities {
		for _, name := range j.sensitive(a.Name) {
			if _, there := a.Outputs[name]; !there && a.Result == plan.Passed {
				return fmt.Sprintf("the sensitive output %q of %s", name, a.Name)
			}
		}
	}
	return ""
}
