package store_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/store"
)

// A world is a random run, with what will become of each of its nodes if it runs.
type world struct {
	random *rand.Rand
	blocks [][]plan.Job           // nodes as they are stored at first, each with its instances
	late   map[string][]plan.Job  // of each deferred node: what the compiler will answer; nil for a failure
	fate   map[string]plan.Result // of each job that runs, and of each approval
	fails  map[string]bool        // jobs whose outputs cannot be computed
	final  map[string]plan.Job    // all nodes as they will be in the end
	parts  map[string][]string    // the instances of each matrix
	edges  map[string]plan.Job    // all nodes but instances
	names  []string               // of edges, each after those that it needs
	memo   map[string]plan.Result
}

func newWorld(random *rand.Rand) *world {
	w := &world{
		random: random, late: map[string][]plan.Job{}, fate: map[string]plan.Result{}, fails: map[string]bool{}, final: map[string]plan.Job{},
		parts: map[string][]string{}, edges: map[string]plan.Job{}, memo: map[string]plan.Result{},
	}
	for i := range 3 + random.IntN(7) {
		w.add(fmt.Sprintf("n%d", i))
	}
	random.Shuffle(len(w.blocks), func(i, k int) { w.blocks[i], w.blocks[k] = w.blocks[k], w.blocks[i] })
	return w
}

func pick[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }

// add adds a random node.
func (w *world) add(name string) {
	var edges plan.Job
	edges.Name = name
	for _, before := range w.names {
		if w.random.IntN(3) == 0 {
			edges.Needs = append(edges.Needs, before)
			if w.random.IntN(3) == 0 {
				edges.Optional = append(edges.Optional, before)
			}
		}
	}
	edges.RunOn = pick(w.random, "", plan.OnPassed, plan.OnPassed, plan.OnFailed, plan.OnAlways)
	made := w.make(name)
	made[0].Needs, made[0].Optional, made[0].RunOn = edges.Needs, edges.Optional, edges.RunOn
	edges.Kind = made[0].Kind
	w.names, w.edges[name] = append(w.names, name), edges
	if len(edges.Needs) == 0 || w.random.IntN(3) > 0 {
		w.blocks = append(w.blocks, made)
		w.remember(made)
		return
	}
	edges.Deferred = true
	w.blocks = append(w.blocks, []plan.Job{edges})
	w.late[name] = made
	if w.random.IntN(5) == 0 {
		w.late[name] = nil
		made = []plan.Job{edges}
	}
	w.remember(made)
}

func (w *world) remember(made []plan.Job) {
	for _, j := range made {
		w.final[j.Name] = j
		if j.Of != "" {
			w.parts[j.Of] = append(w.parts[j.Of], j.Name)
		}
	}
}

// make makes a node without its edges.
func (w *world) make(name string) []plan.Job {
	var made []plan.Job
	switch w.random.IntN(6) {
	case 0:
		made = []plan.Job{{Name: name, Kind: plan.KindApproval, Approval: &plan.Approval{Timeout: plan.Duration(time.Hour)}}}
		w.fate[name] = pick(w.random, plan.Passed, plan.Failed)
	case 1, 2:
		made = matrix(name, w.random.IntN(5))
		made[0].MaxParallel = w.random.IntN(3)
		for i := range made[1:] {
			w.decide(&made[i+1])
		}
	default:
		made = []plan.Job{job(name)}
		w.decide(&made[0])
	}
	if w.random.IntN(6) == 0 {
		made[0].Skip = "when is false"
	}
	return made
}

// decide draws the fate of a job.
func (w *world) decide(j *plan.Job) {
	w.fate[j.Name] = pick(w.random, plan.Passed, plan.Passed, plan.Passed, plan.Warned, plan.Failed, plan.Lost)
	if w.random.IntN(3) == 0 {
		j.Outputs = []plan.Output{{Name: "x", Type: plan.Type{Kind: plan.TypeString}}}
		w.fails[j.Name] = w.random.IntN(4) == 0
	}
	if j.Of != "" && w.random.IntN(6) == 0 {
		j.Skip = "when is false"
	}
}

// end is the model: how a node ends, by the words of the language and nothing else.
func (w *world) end(name string) plan.Result {
	if r, ok := w.memo[name]; ok {
		return r
	}
	r := w.endOf(name)
	w.memo[name] = r
	return r
}

func (w *world) endOf(name string) plan.Result {
	e := w.edges[name]
	satisfied, failed := true, false
	for _, need := range e.Needs {
		r := w.end(need)
		failed = failed || r == plan.Failed || r == plan.Lost
		satisfied = satisfied && (r == plan.Passed || r == plan.Warned || r == plan.Skipped && slices.Contains(e.Optional, need))
	}
	runs := satisfied
	switch e.RunOn {
	case plan.OnFailed:
		runs = failed
	case plan.OnAlways:
		runs = true
	}
	late, deferred := w.late[name]
	switch {
	case !runs:
		return plan.Skipped
	case deferred && late == nil:
		return plan.Failed
	case w.final[name].Skip != "":
		return plan.Skipped
	case e.Kind != plan.KindMatrix:
		return w.jobEnd(name)
	}
	results := []plan.Result{}
	for _, part := range w.parts[name] {
		results = append(results, w.partEnd(part))
	}
	if len(results) == 0 {
		return plan.Skipped
	}
	return plan.Worst(results...)
}

func (w *world) partEnd(name string) plan.Result {
	if w.final[name].Skip != "" {
		return plan.Skipped
	}
	return w.jobEnd(name)
}

func (w *world) jobEnd(name string) plan.Result {
	if r := w.fate[name]; !w.fails[name] || !r.Satisfies() {
		return r
	}
	return plan.Failed
}

// step does one of the things that can be done now, and answers which; empty if there is nothing to do.
func (w *world) step(t *testing.T, db *store.DB, run server.RunID) (what string, err error) {
	r, ctx := read(t, db, run), t.Context()
	type act struct {
		what string
		do   func() error
	}
	var acts []act
	can := func(what string, do func() error) { acts = append(acts, act{what, do}) }
	pending, err := db.Pending(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pending {
		switch late := w.late[p.Job]; {
		case p.Concluding && w.fails[p.Job]:
			can("conclude "+p.Job, func() error { return db.Conclude(ctx, p.JobRef, nil, "no value") })
		case p.Concluding:
			can("conclude "+p.Job, func() error {
				return db.Conclude(ctx, p.JobRef, map[string]json.RawMessage{"x": json.RawMessage(`"1"`)}, "")
			})
		case late == nil:
			can("fail "+p.Job, func() error { return db.FailNode(ctx, p.JobRef, "no plan") })
		default:
			can("expand "+p.Job, func() error { return db.Expand(ctx, p.JobRef, late) })
		}
	}
	for _, j := range r.Jobs {
		c := server.Claim{Run: run, Job: j.Name, Epoch: j.Epoch}
		switch {
		case j.Approval != nil && j.Approval.AskedAt != nil && j.State == plan.Waiting:
			can("decide "+j.Name, func() error {
				return db.Decide(ctx, run, j.Name, server.Decision{Approve: w.fate[j.Name] == plan.Passed, By: "dana"})
			})
		case j.Kind == plan.KindJob && j.State == plan.Queued:
			can("offer "+j.Name, func() error { _, err := db.Offer(ctx, run, j.Name, "a1"); return err })
			can("accept "+j.Name, func() error { return db.Accept(ctx, c, 0) })
			can("return "+j.Name, func() error { return db.Return(ctx, c, "declined") })
		case j.Kind == plan.KindJob && j.State == plan.Running:
			can("end "+j.Name, func() error { return db.Report(ctx, "a1", end(c, 1000, w.fate[j.Name], "because")) })
		}
	}
	if len(acts) == 0 {
		return "", nil
	}
	a := acts[w.random.IntN(len(acts))]
	err = a.do()
	if w.random.IntN(8) == 0 { // again, as after an answer that was lost
		if again := a.do(); again != nil && server.KindOf(again) != server.Conflict {
			t.Fatalf("%s again: %v", a.what, again)
		}
	}
	return a.what, err
}

// TestAnyGraph plays random runs in random order, with restarts in between, and compares how they end with a model.
func TestAnyGraph(t *testing.T) {
	for seed := range uint64(25) {
		t.Run(fmt.Sprintf("Seed%d", seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(rand.New(rand.NewPCG(seed, 7)))
			path := fresh(t)
			db := mustOpen(t, path)
			defer func() { mustClose(t, db) }()
			prepare(t, db)
			id := create(t, db, slices.Concat(w.blocks...)...).ID
			for n := 0; ; n++ {
				what, err := w.step(t, db, id)
				if err != nil && server.KindOf(err) != server.Conflict {
					t.Fatalf("step %d, %s: %v", n, what, err)
				}
				w.check(t, read(t, db, id))
				if what == "" {
					break
				}
				if w.random.IntN(40) == 0 {
					mustClose(t, db)
					db = mustOpen(t, path)
				}
			}
			r := read(t, db, id)
			if r.State != plan.Done {
				t.Fatalf("nothing is left to do, but the run is %s", states(r))
			}
			var results []plan.Result
			for _, name := range w.names {
				results = append(results, w.end(name))
				if got := node(t, r, name).Result; got != w.end(name) {
					t.Errorf("%s is %s, want %s", name, got, w.end(name))
				}
			}
			if want := plan.Worst(results...); r.Result != want {
				t.Errorf("run is %s, want %s", r.Result, want)
			}
			checkHistory(t, changes(t.Context(), t, db, id), facts(r))
		})
	}
}

// check looks for what must never be, whatever happened.
func (w *world) check(t *testing.T, r server.Run) {
	t.Helper()
	active := map[string]int{}
	for _, j := range r.Jobs {
		top := j.Name
		if j.Of != "" {
			top = j.Of
		}
		began := j.State == plan.Running || j.State == plan.Queued || j.StartedAt != nil
		if began && w.end(top) == plan.Skipped && len(w.parts[top]) == 0 {
			t.Errorf("%s began, but its edges forbid it", j.Name)
		}
		if began && j.State != plan.Done && j.Of != "" {
			active[j.Of]++
		}
		if (j.State == plan.Waiting) == (j.WaitsFor == "") && j.State == plan.Waiting {
			t.Errorf("%s waits, and does not say for what", j.Name)
		}
	}
	for name, n := range active {
		if most := w.final[name].MaxParallel; most > 0 && n > most {
			t.Errorf("%d instances of %s are active, at most %d may", n, name, most)
		}
	}
}

func mustOpen(t *testing.T, path string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func mustClose(t *testing.T, db *store.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
