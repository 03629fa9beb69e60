package dsl

import (
	"github.com/tutti-ci/tutti/dsl/plan"
)

// A sizer keeps plans within what a run may have, and what one message to an agent may hold.
type sizer struct {
	ps        *problems
	pipeline  *pipeline
	instances int
	bytes     int
}

// add counts the nodes of one job, and says whether there may be more.
func (s *sizer) add(j *job, jobs []plan.Job) bool {
	for i := range jobs {
		size := jobBytes(&jobs[i])
		if size > maxJobBytes {
			s.ps.add(codePlanSize, j.at, "Job too large", "The plan of this job would have %d KiB, and %d KiB is what one message to an agent can hold. "+
				"Keep long scripts in files of the repository, and run those.", size>>10, maxJobBytes>>10)
			return false
		}
		s.bytes += size
	}
	s.instances += max(1, len(jobs)-1)
	switch {
	case s.instances > maxInstances:
		s.ps.add(codeTooMany, j.at, "Too many jobs", "A run has at most %d jobs, the combinations of each matrix included.", maxInstances)
		return false
	case s.bytes > maxPlanBytes:
		s.ps.add(codePlanSize, j.at, "Plan too large", "The plan of a run has at most %d MiB, and with this job it would have more.", maxPlanBytes>>20)
		return false
	}
	return true
}

// jobBytes is about the length of a job's JSON, at a tenth of the cost of writing it.
func jobBytes(j *plan.Job) int {
	n := 400
	for _, a := range j.Activities {
		n += 150 + textBytes(a.Script) + textBytes(a.Image) + mapBytes(a.Env) + listBytes(a.Command) + len(a.Outputs)*100
	}
	for _, s := range j.Services {
		n += 100 + mapBytes(s.Env) + listBytes(s.Command) + listBytes(s.Ready)
	}
	for _, l := range j.Late {
		n += 100 + textBytes(l.Source) + textBytes(l.Where)
	}
	for _, a := range j.Artifacts {
		n += 100 + listBytes(a.Paths)
	}
	for _, c := range j.Caches {
		n += 100 + textBytes(c.Key) + textBytes(c.Path) + listBytes(c.Restore)
	}
	for _, v := range j.Matrix {
		n += 30 + len(v.Value)
	}
	if j.Approval != nil {
		n += textBytes(j.Approval.Message) + listBytes(j.Approval.Approvers)
	}
	return n + listBytes(j.Labels) + listBytes(j.Needs) + listBytes(j.Secrets) + textBytes(j.Skip)
}

func mapBytes(m map[string]string) int {
	n := 0
	for k, v := range m {
		n += len(k) + textBytes(v) + 6
	}
	return n
}

func listBytes(list []string) int {
	n := 0
	for _, text := range list {
		n += textBytes(text) + 3
	}
	return n
}

// textBytes is the length of a text in JSON, but for its quotes.
func textBytes(text string) int {
	n := len(text)
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\' || c == '\n' || c == '\t':
			n++
		case c < ' ' || c == '<' || c == '>' || c == '&':
			n += len(`\u003c`) - 1
		}
	}
	return n
}
