package simulator

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// The answers of a guard that refuses.
var (
	errStale    = errors.New("the epoch is over")
	errConflict = errors.New("somebody was faster")
)

// A row is what the database holds of a job.
type row struct {
	run      int64
	place    protocol.Place
	epoch    int64
	agent    string
	revision int64
	cancel   protocol.Level
	retries  int // after losses
	result   plan.Result
	attempts []attempt // that were lost
	last     string    // the agent that lost it
	before   bool      // it was in the backup, and may run somewhere: see store.restore
}

// An attempt is a try that was lost and followed by another.
type attempt struct {
	epoch    int64
	agent    string
	revision int64
}

// A model is one of the server's database: each method is a transaction, and guarded as the real one is. What it answered is
// durable.
type model struct {
	w        *world
	rows     []*row
	sessions map[string]int64
	floor    int64
	last     int64 // number of the last run
}

func newModel(w *world) *model { return &model{w: w, sessions: map[string]int64{}} }

const jobName = "job"

func (s *model) row(run int64) *row {
	for _, r := range s.rows {
		if r.run == run {
			return r
		}
	}
	return nil
}

// create makes a run with one job, which may be lost a number of times.
func (s *model) create(retries int) int64 {
	s.last++
	r := &row{run: s.last, place: protocol.Free, retries: retries}
	s.rows = append(s.rows, r)
	return r.run
}

// current answers the row of a claim if that is its last one; broken stores do not look.
func (s *model) current(c wire.Claim) *row {
	r := s.row(c.Run)
	if r == nil || r.epoch != c.Epoch && (s.w == nil || !s.w.broken.ignoreEpoch) {
		return nil
	}
	return r
}

func (s *model) offer(run int64, agent string) (int64, error) {
	r := s.row(run)
	if r == nil || r.place != protocol.Free || r.before {
		return 0, errConflict
	}
	r.place, r.epoch, r.revision, r.agent = protocol.Offered, max(r.epoch, s.floor)+1, 0, agent
	return r.epoch, nil
}

func (s *model) accept(c wire.Claim) error {
	r := s.current(c)
	switch {
	case r != nil && r.place == protocol.Offered:
		r.place = protocol.Running
		return nil
	case r != nil && r.place == protocol.Running:
		return nil
	}
	return errStale
}

func (s *model) giveBack(c wire.Claim) error {
	r := s.current(c)
	switch {
	case r != nil && r.place == protocol.Offered:
		r.place, r.agent = protocol.Free, ""
		return nil
	case r != nil && r.place == protocol.Free:
		return nil
	}
	return errStale
}

// report stores what an agent says; a result ends the job, or has it begin anew.
func (s *model) report(agent string, c wire.Claim, revision int64, result plan.Result) error {
	r := s.current(c)
	if r == nil {
		return s.wasLost(agent, c, revision, result)
	}
	if s.w != nil && s.w.broken.overwriteEnd && r.place == protocol.Done && result != "" {
		r.result = result
		return nil
	}
	switch {
	case r.agent != agent && (s.w == nil || !s.w.broken.ignoreEpoch):
		return s.wasLost(agent, c, revision, result)
	case r.place == protocol.Running && revision <= r.revision && result == "":
		return nil // no news
	case r.place == protocol.Running:
		r.revision = max(r.revision, revision)
		if result != "" {
			s.finish(r, result)
		}
		return nil
	case r.place == protocol.Offered && result == "":
		return nil
	case r.place == protocol.Offered:
		return errConflict
	case r.place == protocol.Done && revision <= r.revision && (result == "" || result == r.result):
		return nil
	}
	return s.wasLost(agent, c, revision, result)
}

// wasLost says whether a report is the repetition of one on a try that was lost, and followed by another.
func (s *model) wasLost(agent string, c wire.Claim, revision int64, result plan.Result) error {
	r := s.row(c.Run)
	if r != nil && (result == "" || result == plan.Lost) && slices.ContainsFunc(r.attempts, func(a attempt) bool {
		return a.epoch == c.Epoch && a.agent == agent && a.revision >= revision
	}) {
		return nil
	}
	return errStale
}

func (s *model) lose(c wire.Claim) error {
	r := s.current(c)
	if r == nil || r.place != protocol.Running {
		return errStale
	}
	s.finish(r, plan.Lost)
	return nil
}

func (s *model) finish(r *row, result plan.Result) {
	if result == plan.Lost && len(r.attempts) < r.retries && r.cancel == protocol.None {
		r.keep()
		r.place, r.last, r.agent = protocol.Free, r.agent, ""
		return
	}
	r.place, r.result = protocol.Done, result
}

// keep notes that the try that runs was lost.
func (r *row) keep() { r.attempts = append(r.attempts, attempt{r.epoch, r.agent, r.revision}) }

// cancel asks for the end of a job; a second time, for that of what cleans up.
func (s *model) cancel(run int64) error {
	r := s.row(run)
	switch {
	case r == nil || r.place == protocol.Done:
		return errConflict
	case r.place != protocol.Running:
		r.place, r.result, r.cancel = protocol.Done, plan.Canceled, protocol.Hard
	case r.cancel < protocol.Hard:
		r.cancel++
	}
	return nil
}

// take makes a try current that an agent has, and that was given out after the backup.
func (s *model) take(agent string, c wire.Claim) error {
	r := s.row(c.Run)
	if r == nil || r.place == protocol.Done || c.Epoch <= r.epoch || c.Epoch > s.floor {
		return errStale
	}
	if r.place == protocol.Running {
		r.keep()
	}
	r.place, r.epoch, r.agent, r.revision = protocol.Running, c.Epoch, agent, 0
	return nil
}

// welcome counts the sessions of an agent.
func (s *model) welcome(agent string) int64 {
	s.sessions[agent]++
	return s.sessions[agent]
}

func (s *model) held(agent string) []*row {
	var held []*row
	for _, r := range s.rows {
		if (r.place == protocol.Offered || r.place == protocol.Running) && (agent == "" || r.agent == agent) {
			held = append(held, r)
		}
	}
	return held
}

// standing answers what is known of the job of a claim.
func (s *model) standing(agent string, c wire.Claim) protocol.Standing {
	r := s.row(c.Run)
	if r == nil {
		return protocol.Standing{}
	}
	known := protocol.Standing{Place: r.place, Agent: r.agent, Epoch: r.epoch, Floor: s.floor, Cancel: r.cancel, Reason: "canceled"}
	switch {
	case s.w.broken.overwriteEnd && r.place == protocol.Done:
		known.Place = protocol.Running
	case s.w.broken.ignoreEpoch && r.place == protocol.Running:
		known.Agent, known.Epoch = agent, c.Epoch
	}
	return known
}

func (r *row) claim() wire.Claim { return wire.Claim{Run: r.run, Job: jobName, Epoch: r.epoch} }

func (r *row) String() string {
	where := [...]string{"unknown", "queued", "offered to", "running on", "done on"}[r.place]
	return strings.TrimSpace(fmt.Sprintf("%s %s#%d (revision %d, cancel %d) %s; lost were %v", where, r.agent, r.epoch, r.revision, r.cancel, r.result, r.attempts))
}

// backup copies the store.
func (s *model) backup() *model {
	twin := &model{w: s.w, floor: s.floor, last: s.last, sessions: maps.Clone(s.sessions)}
	for _, r := range s.rows {
		copied := *r
		copied.attempts = slices.Clone(r.attempts)
		twin.rows = append(twin.rows, &copied)
	}
	return twin
}

// generation is the distance between the epochs of one life of the database and of the next.
const generation = 1 << 20

// restored is the store as it begins after it was restored: whatever is not done may run somewhere, and is not given out before
// that is over. What was offered is so no more, and all new epochs are above all that ever were, as are the numbers of new runs.
func (s *model) restored(now *model) *model {
	next := s.backup()
	next.floor, next.last = now.floor+generation, now.last+1000
	for _, r := range next.rows {
		if r.place == protocol.Offered {
			r.place, r.agent = protocol.Free, ""
		}
		r.before = r.place != protocol.Done && (s.w == nil || !s.w.broken.grantsAfterRestore)
	}
	return next
}
