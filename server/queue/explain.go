package queue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tutti-ci/tutti/server"
)

// Explain says of each queued job what it waits for, in words that fit after "waits for: ". The jobs are in the order of
// the queue; agents that are not connected do not count.
func Explain(jobs []server.QueuedJob, agents []server.Agent) map[server.JobRef]string {
	agents = slices.DeleteFunc(slices.Clone(agents), func(a server.Agent) bool { return !a.Online })
	var kinds []*kind
	byWish := make(map[string]*kind) // most jobs of a server ask for the same few things
	why := make(map[server.JobRef]string, len(jobs))
	for _, j := range jobs {
		k := byWish[wish(j)]
		if k == nil {
			if k = newKind(j, agents, j.Avoid); k.able == 0 && j.Avoid != "" {
				k = newKind(j, agents, "") // the same again
			}
			k.meet(kinds)
			kinds, byWish[wish(j)] = append(kinds, k), k
		}
		why[j.Ref()] = k.explain(agents)
		k.jobs++
	}
	return why
}

// A kind is the jobs that ask for the same.
type kind struct {
	wish   server.QueuedJob // one of them
	serve  []int            // indexes of the connected agents that have it
	able   int              // how many of those take jobs at all
	free   int              // jobs that they could take now
	jobs   int              // of this kind so far
	rivals []*kind
}

// newKind makes the kind of a job, for the agents but one.
func newKind(wish server.QueuedJob, agents []server.Agent, avoid server.AgentID) *kind {
	k := &kind{wish: wish}
	for i, a := range agents {
		if !a.Serves(wish) || avoid != "" && a.ID == avoid {
			continue
		}
		k.serve = append(k.serve, i)
		if canWork(a) {
			k.able++
			k.free += max(0, a.Capacity-len(a.Jobs))
		}
	}
	return k
}

// meet finds out for which of the other kinds an agent of this one could also work.
func (k *kind) meet(others []*kind) {
	for _, o := range others {
		if overlap(k.serve, o.serve) {
			k.rivals, o.rivals = append(k.rivals, o), append(o.rivals, k)
		}
	}
}

// overlap says whether two ascending lists have a number in common.
func overlap(a, b []int) bool {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == b[0]:
			return true
		case a[0] < b[0]:
			a = a[1:]
		default:
			b = b[1:]
		}
	}
	return false
}

func (k *kind) explain(agents []server.Agent) string {
	switch {
	case len(agents) == 0:
		return "no agent is connected"
	case len(k.serve) == 0:
		return k.explainLack(agents)
	case k.able == 0:
		return k.explainTrouble(agents)
	}
	before := k.jobs
	for _, r := range k.rivals {
		before += r.jobs
	}
	if k.free > before {
		return "an agent is about to take it"
	}
	return busyText(k.able) + beforeText(before)
}

// explainLack names what is missing: what no agent has, or else what no agent has all of.
func (k *kind) explainLack(agents []server.Agent) string {
	lacks := func(has func(server.Agent) bool) bool { return !slices.ContainsFunc(agents, has) }
	var nowhere, labels []string
	if os := k.wish.OS; os != "" && lacks(func(a server.Agent) bool { return a.OS == os }) {
		nowhere = append(nowhere, "os "+os)
	}
	if arch := k.wish.Arch; arch != "" && lacks(func(a server.Agent) bool { return a.Arch == arch }) {
		nowhere = append(nowhere, "arch "+arch)
	}
	for _, l := range k.wish.Labels {
		if lacks(func(a server.Agent) bool { return slices.Contains(a.Labels, l) }) {
			labels = append(labels, l)
		}
	}
	if text := labelsText(labels); text != "" {
		nowhere = append(nowhere, text)
	}
	if len(nowhere) == 0 {
		return "no agent has all of " + wishText(k.wish)
	}
	return "no agent has " + strings.Join(nowhere, ", or ")
}

// wishText lists what a job asks of its agent.
func wishText(j server.QueuedJob) string {
	var parts []string
	if j.OS != "" {
		parts = append(parts, "os "+j.OS)
	}
	if j.Arch != "" {
		parts = append(parts, "arch "+j.Arch)
	}
	if text := labelsText(j.Labels); text != "" {
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func labelsText(labels []string) string {
	switch len(labels) {
	case 0:
		return ""
	case 1:
		return "the label " + labels[0]
	}
	return "the labels " + strings.Join(labels, ", ")
}

// explainTrouble says why none of the agents that have it takes jobs.
func (k *kind) explainTrouble(agents []server.Agent) string {
	first := agents[k.serve[0]]
	problem := first.Problem
	if problem == "" {
		problem = "it takes no jobs now"
	}
	if len(k.serve) == 1 {
		return fmt.Sprintf("agent %s could take it, but cannot work: %s", first.Name, problem)
	}
	return fmt.Sprintf("none of the %d agents that could take it can work; %s: %s", len(k.serve), first.Name, problem)
}

func busyText(able int) string {
	if able == 1 {
		return "the one agent that could take it is busy"
	}
	return fmt.Sprintf("all %d agents that could take it are busy", able)
}

func beforeText(n int) string {
	switch n {
	case 0:
		return "; it is the next"
	case 1:
		return "; 1 job is before it"
	}
	return fmt.Sprintf("; %d jobs are before it", n)
}
