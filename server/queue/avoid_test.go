package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/queue"
	"github.com/tutti-ci/tutti/server/store"
)

// shunned is a store whose jobs should not go to one agent.
type shunned struct {
	*store.DB
	agent     server.AgentID
	notBefore time.Time
}

func (s *shunned) QueuedJobs(ctx context.Context) ([]server.QueuedJob, error) {
	jobs, err := s.DB.QueuedJobs(ctx)
	for i := range jobs {
		jobs[i].Avoid, jobs[i].NotBefore = s.agent, s.notBefore
	}
	return jobs, err
}

// nothing checks that an agent gets no job.
func nothing(t *testing.T, q *queue.Queue, agent func() server.Agent) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if job, _, err := q.Next(ctx, agent); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("agent %s got %+v (%v)", agent().Name, job, err)
	}
}

func TestAnotherAgent(t *testing.T) {
	db, _ := setUp(t) // a0 to a15 are connected
	enqueue(t, db, 1)
	q := &queue.Queue{Store: &shunned{DB: db, agent: "a1"}, Log: slog.New(slog.DiscardHandler)}
	nothing(t, q, agent(1))
	if _, _, err := q.Next(t.Context(), agent(2)); err != nil {
		t.Error(err)
	}
	t.Run("NoneElse", func(t *testing.T) {
		enqueue(t, db, 1)
		for i := range 16 {
			if i == 1 {
				continue
			}
			a := agent(i)()
			if i%2 == 0 {
				must(t, db.AgentOffline(t.Context(), a.ID, 1))
			} else {
				must(t, db.AgentStatus(t.Context(), a.ID, 1, server.AgentStatus{Capacity: 1, Problem: "Docker does not answer"}))
			}
		}
		if _, _, err := q.Next(t.Context(), agent(1)); err != nil {
			t.Error(err)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestHalt(t *testing.T) {
	db, q := setUp(t)
	var halted atomic.Bool
	halted.Store(true)
	q.Halted = func() (server.Trouble, bool) { return server.Trouble{Text: "the disk is full"}, halted.Load() }
	run := enqueue(t, db, 1)
	nothing(t, q, agent(1))
	jobs, err := db.QueuedJobs(t.Context())
	must(t, err)
	if why := q.Explain(jobs, nil)[server.JobRef{Run: run.ID, Job: "j0"}]; why != "no job starts: the disk is full" {
		t.Errorf("people are told %q", why)
	}
	halted.Store(false)
	q.Wake()
	if _, _, err := q.Next(t.Context(), agent(1)); err != nil {
		t.Error(err)
	}
}

// TestNotBefore has a job that may be given out in a moment only: somebody who waits gets it then.
func TestNotBefore(t *testing.T) {
	db, _ := setUp(t)
	run := enqueue(t, db, 1)
	at := time.Now().Add(200 * time.Millisecond)
	q := &queue.Queue{Store: &shunned{DB: db, notBefore: at}, Log: slog.New(slog.DiscardHandler)}
	jobs, err := q.Store.QueuedJobs(t.Context())
	must(t, err)
	if why := q.Explain(jobs, nil)[server.JobRef{Run: run.ID, Job: "j0"}]; !strings.Contains(why, "given out again in 1 s") {
		t.Errorf("people are told %q", why)
	}
	if _, _, err := q.Next(t.Context(), agent(1)); err != nil {
		t.Error(err)
	}
	if early := time.Until(at); early > 0 {
		t.Errorf("it was given out %v too early", early)
	}
}

func TestTraps(t *testing.T) {
	for _, point := range []string{"server.before_offer_tx", "server.after_offer_tx"} {
		t.Run(point, func(t *testing.T) {
			db, q := setUp(t)
			enqueue(t, db, 1)
			var passed atomic.Bool
			q.Trap = func(at string) error {
				if at == point && !passed.Swap(true) {
					return errors.New("trapped")
				}
				return nil
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, epoch, err := q.Next(ctx, agent(1))
			if held, _ := db.AllHeldJobs(t.Context()); point == "server.before_offer_tx" && (err != nil || epoch != 1) || len(held) != 1 {
				t.Errorf("epoch %d, error %v, held %+v", epoch, err, held)
			}
		})
	}
}

// crowd are 500 agents that wait for work, and 10,000 jobs, of which a part asks for what nobody has.
func crowd(tb testing.TB, db *store.DB, hopeless int) {
	p := &plan.Plan{Version: plan.Version, Pipeline: "ci"}
	for i := range 10_000 {
		job := plan.Job{Name: fmt.Sprintf("j%d", i), Labels: []string{fmt.Sprintf("pool=%d", i%20)}}
		if i < hopeless {
			job.Labels = append(job.Labels, fmt.Sprintf("gpu=%d", i%100))
		}
		p.Jobs = append(p.Jobs, job)
	}
	if _, err := db.CreateRun(tb.Context(), server.NewRun{Run: server.Run{Project: "app"}, Plan: p}); err != nil {
		tb.Fatal(err)
	}
}

// TestManyJobs has 500 agents take from a queue of 10,000 jobs that is led by thousands which nobody can take.
func TestManyJobs(t *testing.T) {
	const agents = 500
	db, q := setUp(t)
	crowd(t, db, 5000)
	for i := range agents {
		_, err := db.UpsertAgent(t.Context(), agent(i)())
		must(t, err)
	}
	began := time.Now()
	got := make(chan error, agents)
	for i := range agents {
		go func() {
			_, _, err := q.Next(t.Context(), agent(i, fmt.Sprintf("pool=%d", i%20)))
			got <- err
		}()
	}
	for range agents {
		if err := <-got; err != nil {
			t.Error(err)
		}
	}
	t.Logf("500 agents had a job each after %v", time.Since(began))
}

// BenchmarkDeal is one look at 10,000 jobs for 500 agents that can take none of them.
func BenchmarkDeal(b *testing.B) {
	db, err := store.Open(b.Context(), b.TempDir()+"/tutti.db", time.Now)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := db.CreateProject(b.Context(), server.Project{Name: "app", URL: "/srv/app.git"}); err != nil {
		b.Fatal(err)
	}
	crowd(b, db, 10_000)
	looked := make(chan struct{}, 1)
	q := &queue.Queue{Store: counting{db, looked}, Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	for i := range 500 {
		go func() {
			q.Next(ctx, agent(i, fmt.Sprintf("pool=%d", i%20)))
			ended <- struct{}{}
		}()
	}
	for b.Loop() {
		q.Wake()
		<-looked
	}
	cancel()
	for range 500 {
		select {
		case <-ended:
		case <-looked:
		}
	}
}

// counting tells of each look.
type counting struct {
	*store.DB
	looked chan struct{}
}

func (c counting) QueuedJobs(ctx context.Context) ([]server.QueuedJob, error) {
	defer func() {
		select {
		case c.looked <- struct{}{}:
		default:
		}
	}()
	return c.DB.QueuedJobs(ctx)
}
