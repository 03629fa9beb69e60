package simulator

import (
	"fmt"
	"slices"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// A journal is the agent's: records, the last of which may not be on the disk yet.
type journal struct {
	w       *world
	records []record
	synced  int
}

// A record is one line of the journal.
type record struct {
	kind   string // "hold", "start", "ticket", "report", "ended", "result", "keep", "forget"
	claim  wire.Claim
	boot   int
	token  string
	step   int
	report wire.Report
	result plan.Result
}

// powerLoss takes what was not synced, from any byte on: a record that is cut is none.
func (j *journal) powerLoss() {
	j.records = j.records[:j.synced+j.w.rng.IntN(len(j.records)-j.synced+1)]
	j.synced = len(j.records)
}

func (j *journal) write(r record) { j.records = append(j.records, r) }
func (j *journal) sync()          { j.synced = len(j.records) }

// has says whether something is on the disk, whatever happens.
func (j *journal) has(kind string, c wire.Claim) bool {
	return slices.ContainsFunc(j.records[:j.synced], func(r record) bool { return r.kind == kind && r.claim == c })
}

// An entry is what a journal says of a job.
type entry struct {
	claim   wire.Claim
	boot    int
	started bool
	token   string // of the last ticket
	step    int    // that it is of
	report  wire.Report
	ended   plan.Result
	kept    bool
}

// read answers what the journal says, in the order of the jobs' first records.
func (j *journal) read() []*entry {
	var entries []*entry
	for _, r := range j.records {
		i := slices.IndexFunc(entries, func(e *entry) bool { return e.claim == r.claim })
		if i < 0 {
			if r.kind != "hold" {
				continue
			}
			entries = append(entries, &entry{claim: r.claim})
			i = len(entries) - 1
		}
		e := entries[i]
		switch r.kind {
		case "hold":
			e.kept = false
		case "start":
			e.started, e.boot = true, r.boot
		case "ticket":
			e.token, e.step = r.token, r.step
		case "ended":
			e.ended = r.result
		case "report", "result":
			e.report = r.report
		case "keep":
			e.kept = true
		case "forget":
			entries = slices.Delete(entries, i, i+1)
		}
	}
	return entries
}

func token(h *host, c wire.Claim, step int) string {
	return fmt.Sprintf("%s.%d/%d#%d.%d", h.name, h.starts, c.Run, c.Epoch, step)
}
