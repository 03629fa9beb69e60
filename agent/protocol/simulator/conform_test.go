package simulator

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/protocol"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	nouns "github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/store"
)

// TestTheStoreIsLikeItsModel does random things, sensible and not, to the server's database and to the model of it that the simulator
// trusts: both have to answer the same, and to be the same afterwards.
func TestTheStoreIsLikeItsModel(t *testing.T) {
	t.Parallel()
	answers := map[string]int{}
	seeds := uint64(25)
	if slow {
		seeds = 3
	}
	for seed := range seeds {
		c := newComparison(t, seed)
		c.answers = answers
		for range 100 {
			if c.step(); t.Failed() {
				t.Fatalf("seed %d; what was done:\n%s", seed, strings.Join(c.done, "\n"))
			}
		}
		c.compare(c.model.rows...)
	}
	for _, often := range []string{
		"offer: yes", "offer: conflict", "accept: yes", "accept: stale", "return: yes", "return: stale", "report: yes", "report: stale", "report: conflict",
		"lose: yes", "lose: stale", "cancel: yes", "cancel: conflict", "take: yes", "take: stale", "restore: yes",
	} {
		if answers[often] < 10 && !slow {
			t.Errorf("%q was answered %d times only: the comparison is worth little", often, answers[often])
		}
	}
}

type comparison struct {
	t     *testing.T
	rng   *rand.Rand
	db    *store.DB
	model *model
	now   time.Time
	done  []string
	// answers counts what was answered to what.
	answers map[string]int
}

var agents = []string{"a1", "a2"}

const fenced = time.Hour // how long a restore holds back what may run

func newComparison(t *testing.T, seed uint64) *comparison {
	t.Helper()
	c := &comparison{t: t, rng: rand.New(rand.NewPCG(seed, 0xc0)), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	c.model = newModel(nil)
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tutti.db"), func() time.Time { return c.now })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	c.db = db
	c.must(db.CreateProject(t.Context(), nouns.Project{Name: "app", URL: "/srv/app.git"}))
	for _, a := range agents {
		_, err := db.UpsertAgent(t.Context(), nouns.Agent{ID: nouns.AgentID(a), Name: a, Capacity: 2})
		c.must(err)
	}
	return c
}

func (c *comparison) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// create makes a run in both.
func (c *comparison) create() {
	retries := c.rng.IntN(3)
	job := plan.Job{Name: jobName, Activities: []plan.Activity{{Name: "s0", Image: "alpine", Script: "true"}}}
	if retries > 0 {
		job.Retries = plan.Retries{By: map[plan.Cause]int{plan.CauseLost: retries}}
	}
	run, err := c.db.CreateRun(c.t.Context(), nouns.NewRun{
		Run:  nouns.Run{Project: "app", Event: nouns.Event{Kind: "push", Branch: "main", Commit: "c0ffee"}},
		Plan: &plan.Plan{Version: plan.Version, Pipeline: "ci", Jobs: []plan.Job{job}},
	})
	c.must(err)
	c.model.last = int64(run.ID) - 1
	c.model.create(retries)
	c.done = append(c.done, fmt.Sprintf("create %d, which may be lost %d times", run.ID, retries))
}

// step does one thing to both, and compares.
func (c *comparison) step() {
	var open []*row
	for _, r := range c.model.rows {
		if r.place != protocol.Done {
			open = append(open, r)
		}
	}
	if len(open) < 2 || c.rng.IntN(30) == 0 {
		c.create()
		return
	}
	r := c.model.rows[c.rng.IntN(len(c.model.rows))]
	if c.rng.IntN(5) > 0 {
		r = open[c.rng.IntN(len(open))]
	}
	claim := c.claim(r)
	agent := agents[c.rng.IntN(len(agents))]
	if r.agent != "" && c.rng.IntN(5) > 0 {
		agent = r.agent
	}
	what, model, real := c.choose(r, claim, agent)
	c.done = append(c.done, fmt.Sprintf("%s: %s", what, answer(model)))
	c.answers[strings.Fields(what)[0]+": "+answer(model)]++
	if answer(model) != answer(real) {
		c.t.Errorf("%s: the model says %s, the store says %s (%v)", what, answer(model), answer(real), real)
	}
	rows := []*row{c.model.row(r.run)}
	if what == "restore" {
		rows = c.model.rows
	}
	c.compare(rows...)
}

// claim names the job under its epoch, or one near it.
func (c *comparison) claim(r *row) wire.Claim {
	claim := r.claim()
	switch c.rng.IntN(6) {
	case 0:
		claim.Epoch += int64(c.rng.IntN(3)) - 1
	case 1:
		if len(r.attempts) > 0 {
			claim.Epoch = r.attempts[c.rng.IntN(len(r.attempts))].epoch
		}
	}
	return claim
}

// choose does something and answers what, and both answers.
func (c *comparison) choose(r *row, claim wire.Claim, agent string) (what string, model, real error) {
	ctx, at := c.t.Context(), nouns.Claim{Run: nouns.RunID(claim.Run), Job: claim.Job, Epoch: claim.Epoch}
	said := fmt.Sprintf("%d#%d by %s", claim.Run, claim.Epoch, agent)
	thing := c.rng.IntN(16)
	if c.rng.IntN(2) == 0 {
		switch r.place { // what moves it on
		case protocol.Free:
			thing = 0
		case protocol.Offered:
			thing = 3
		case protocol.Running:
			thing = 7 + c.rng.IntN(5)
		}
	}
	if r.epoch < c.model.floor && r.place != protocol.Done && c.rng.IntN(4) == 0 {
		thing = 14
	}
	switch thing {
	case 0, 1, 2:
		epoch, model := c.model.offer(r.run, agent)
		given, real := c.db.Offer(ctx, at.Run, at.Job, nouns.AgentID(agent))
		if epoch != given {
			c.t.Errorf("offer %s: the model gives out epoch %d, the store %d", said, epoch, given)
		}
		return "offer " + said, model, real
	case 3, 4, 5:
		return "accept " + said, c.model.accept(claim), c.db.Accept(ctx, at, time.Minute)
	case 6:
		return "return " + said, c.model.giveBack(claim), c.db.Return(ctx, at, "why not")
	case 7, 8, 9, 10:
		revision := int64(c.rng.IntN(6) + 1)
		result := []plan.Result{"", "", "", plan.Passed, plan.Failed, plan.Canceled, plan.Lost, plan.Lost}[c.rng.IntN(8)]
		return fmt.Sprintf("report %s, revision %d, %q", said, revision, result), c.model.report(agent, claim, revision, result),
			c.db.Report(ctx, nouns.AgentID(agent), nouns.JobReport{Claim: at, Revision: revision, Result: result, Cause: "because"})
	case 11:
		return "lose " + said, c.model.lose(claim), c.db.Lose(ctx, at, "gone")
	case 12:
		return "cancel " + said, c.model.cancel(r.run), c.db.Cancel(ctx, at.Run, "canceled")
	case 13:
		if c.rng.IntN(3) > 0 {
			return "nothing happens", nil, nil
		}
		c.model = c.model.restored(c.model)
		return "restore", nil, c.db.Renew(ctx, store.Renewal{Backup: c.now, GiveUp: func(time.Duration) time.Duration { return fenced }})
	case 14:
		claim.Epoch = r.epoch + int64(c.rng.IntN(4)) - 1
		if c.rng.IntN(4) == 0 {
			claim.Epoch = c.model.floor + int64(c.rng.IntN(2))
		}
		at.Epoch = claim.Epoch
		return fmt.Sprintf("take %d#%d by %s", claim.Run, claim.Epoch, agent), c.model.take(agent, claim), c.db.AdoptClaim(ctx, nouns.AgentID(agent), at, time.Minute)
	}
	c.now = c.now.Add(fenced + time.Second)
	for _, r := range c.model.rows {
		r.before = false
	}
	return "an hour passes", nil, nil
}

// answer puts an error into the model's words.
func answer(err error) string {
	switch {
	case err == nil:
		return "yes"
	case errors.Is(err, nouns.ErrStale), errors.Is(err, errStale):
		return "stale"
	case errors.Is(err, errConflict), nouns.KindOf(err) == nouns.Conflict:
		return "conflict"
	}
	return err.Error()
}

// compare looks whether jobs are the same in both.
func (c *comparison) compare(rows ...*row) {
	var refs []nouns.JobRef
	for _, r := range rows {
		refs = append(refs, nouns.JobRef{Run: nouns.RunID(r.run), Job: jobName})
	}
	standings, err := c.db.Standings(c.t.Context(), refs)
	c.must(err)
	for i, r := range rows {
		if model, real := c.model.summary(r), summaryOf(standings[refs[i]]); model != real {
			c.t.Errorf("run %d: the model has %s, the store %s", r.run, model, real)
		}
		c.compareJob(r)
	}
}

// compareJob compares what people see.
func (c *comparison) compareJob(r *row) {
	run, err := c.db.Run(c.t.Context(), nouns.RunID(r.run))
	c.must(err)
	var model, real []int64
	for _, a := range r.attempts {
		model = append(model, a.epoch)
	}
	for _, a := range run.Jobs[0].Attempts {
		real = append(real, a.Epoch)
	}
	if slices.Sort(model); !slices.Equal(model, real) {
		c.t.Errorf("run %d: the model lost the tries %v, the store %v", r.run, model, real)
	}
	if run.Jobs[0].Result != r.result {
		c.t.Errorf("run %d: the model has the result %q, the store %q", r.run, r.result, run.Jobs[0].Result)
	}
}

// summary is what a standing says, in words.
func (s *model) summary(r *row) string {
	agent, level := r.agent, r.cancel
	if r.place != protocol.Offered && r.place != protocol.Running {
		agent, level = "", 0 // what a job that is over was asked does not matter
	}
	return fmt.Sprintf("place %d, agent %q, epoch %d, floor %d, cancel %d", r.place, agent, r.epoch, s.floor, level)
}

func summaryOf(j nouns.JobStanding) string {
	place, level := protocol.Free, protocol.LevelOf(j.Cancel, j.Hard)
	switch {
	case j.Offered:
		place = protocol.Offered
	case j.Running:
		place = protocol.Running
	case j.Done:
		place = protocol.Done
	}
	if place != protocol.Offered && place != protocol.Running {
		level = 0
	}
	return fmt.Sprintf("place %d, agent %q, epoch %d, floor %d, cancel %d", place, string(j.Agent), j.Epoch, j.Floor, level)
}
