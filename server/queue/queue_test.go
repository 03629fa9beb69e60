package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/queue"
	"github.com/tutti-ci/tutti/server/store"
)

// setUp answers a queue over a real database with a project "app" and agents a0 to a15, each of which can take any job.
func setUp(t *testing.T) (*store.DB, *queue.Queue) {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tutti.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.CreateProject(t.Context(), server.Project{Name: "app", URL: "/srv/app.git"}); err != nil {
		t.Fatal(err)
	}
	for i := range 16 {
		if _, err := db.UpsertAgent(t.Context(), agent(i)()); err != nil {
			t.Fatal(err)
		}
	}
	q := &queue.Queue{Store: db, Log: slog.New(slog.DiscardHandler)}
	db.OnChange = func(server.RunID) { q.Wake() }
	return db, q
}

func agent(i int, labels ...string) func() server.Agent {
	a := server.Agent{ID: server.AgentID(fmt.Sprintf("a%d", i)), Name: fmt.Sprintf("host-%d", i), Labels: labels, Capacity: 1, Online: true}
	return func() server.Agent { return a }
}

// enqueue stores a run of n jobs "j0", "j1", … that ask for labels.
func enqueue(t *testing.T, db *store.DB, n int, labels ...string) server.Run {
	t.Helper()
	p := &plan.Plan{Version: plan.Version, Pipeline: "ci"}
	for i := range n {
		p.Jobs = append(p.Jobs, plan.Job{Name: fmt.Sprintf("j%d", i), Labels: labels})
	}
	r, err := db.CreateRun(t.Context(), server.NewRun{Run: server.Run{Project: "app"}, Plan: p})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNext(t *testing.T) {
	t.Run("OldestFirst", func(t *testing.T) {
		db, q := setUp(t)
		enqueue(t, db, 2)
		enqueue(t, db, 1)
		for _, want := range []server.JobRef{{Run: 1, Job: "j0"}, {Run: 1, Job: "j1"}, {Run: 2, Job: "j0"}} {
			job, epoch, err := q.Next(t.Context(), agent(1))
			if err != nil || job.Ref() != want || epoch != 1 {
				t.Errorf("got %v under epoch %d, error %v, want %v", job.Ref(), epoch, err, want)
			}
		}
	})
	t.Run("PassesByWhatItCannotTake", func(t *testing.T) {
		db, q := setUp(t)
		enqueue(t, db, 1, "gpu=h100")
		enqueue(t, db, 1)
		job, _, err := q.Next(t.Context(), agent(1))
		if err != nil || job.Run != 2 {
			t.Errorf("got %+v, error %v", job, err)
		}
		job, _, err = q.Next(t.Context(), agent(1, "gpu=h100", "os=linux"))
		if err != nil || job.Run != 1 {
			t.Errorf("got %+v, error %v", job, err)
		}
	})
	t.Run("OSAndArch", func(t *testing.T) {
		db, q := setUp(t)
		p := &plan.Plan{Version: plan.Version, Pipeline: "ci", Jobs: []plan.Job{{Name: "arm", OS: "linux", Arch: "arm64"}, {Name: "any"}}}
		if _, err := db.CreateRun(t.Context(), server.NewRun{Run: server.Run{Project: "app"}, Plan: p}); err != nil {
			t.Fatal(err)
		}
		of := func(arch string) func() server.Agent {
			a := agent(1)()
			a.OS, a.Arch = "linux", arch
			return func() server.Agent { return a }
		}
		for _, test := range []struct{ arch, want string }{{"amd64", "any"}, {"arm64", "arm"}} {
			if job, _, err := q.Next(t.Context(), of(test.arch)); err != nil || job.Job != test.want {
				t.Errorf("agent with %s got %+v, error %v", test.arch, job, err)
			}
		}
	})
	t.Run("WaitsForAJob", func(t *testing.T) {
		db, q := setUp(t)
		got := make(chan server.JobRef, 1)
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			job, _, err := q.Next(t.Context(), agent(1))
			if err != nil {
				t.Error(err)
			}
			got <- job.Ref()
		})
		want := enqueue(t, db, 1).ID
		if ref := <-got; ref.Run != want {
			t.Errorf("got %v", ref)
		}
	})
	t.Run("AsksTheAgentAnew", func(t *testing.T) {
		db, q := setUp(t)
		var mu sync.Mutex
		problem := "Docker does not answer"
		asked := make(chan struct{}, 1000)
		sick := func() server.Agent {
			mu.Lock()
			defer mu.Unlock()
			asked <- struct{}{}
			a := agent(1)()
			a.Problem = problem
			return a
		}
		enqueue(t, db, 1)
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			if _, _, err := q.Next(t.Context(), sick); err != nil {
				t.Error(err)
			}
		})
		<-asked // it was passed by
		mu.Lock()
		problem = ""
		mu.Unlock()
		q.Wake()
	})
	t.Run("EndsWithItsContext", func(t *testing.T) {
		_, q := setUp(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := q.Next(ctx, agent(1)); !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
	})
}

// TestNothingIsLost lets agents come, work and leave at random moments while jobs are queued: in the end each job was
// taken exactly once, and none hangs between the queue and an agent.
func TestNothingIsLost(t *testing.T) {
	const runs, perRun = 10, 10
	db, q := setUp(t)
	var mu sync.Mutex
	taken := make(map[server.JobRef]int)
	all := make(chan struct{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				stay := time.Minute
				if (i+n)%3 != 0 { // the others stay until they have a job
					stay = time.Duration(1+(i+n)%7) * time.Millisecond
				}
				patience, leave := context.WithTimeout(ctx, stay)
				job, _, err := q.Next(patience, agent(i))
				leave()
				if err != nil {
					continue
				}
				mu.Lock()
				taken[job.Ref()]++
				if len(taken) == runs*perRun {
					close(all)
				}
				mu.Unlock()
			}
		})
	}
	for range runs {
		enqueue(t, db, perRun)
	}
	select {
	case <-all:
	case <-ctx.Done():
		t.Error("not all jobs were taken within a minute")
	}
	cancel()
	wg.Wait()
	for ref, n := range taken {
		if n != 1 {
			t.Errorf("%v was taken %d times", ref, n)
		}
	}
	held, err := db.AllHeldJobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(held) != runs*perRun {
		t.Errorf("%d jobs are held, want %d", len(held), runs*perRun)
	}
}

// troubled is a store that fails at first, or whose claims are lost to somebody else.
type troubled struct {
	*store.DB
	mu        sync.Mutex
	readFails int
	conflicts int
}

func (s *troubled) QueuedJobs(ctx context.Context) ([]server.QueuedJob, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readFails > 0 {
		s.readFails--
		return nil, errors.New("disk full")
	}
	return s.DB.QueuedJobs(ctx)
}

func (s *troubled) Offer(ctx context.Context, run server.RunID, job string, a server.AgentID) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conflicts > 0 {
		s.conflicts--
		return 0, server.Errorf(server.Conflict, "somebody was faster")
	}
	return s.DB.Offer(ctx, run, job, a)
}

func TestNextSurvivesTheStore(t *testing.T) {
	db, _ := setUp(t)
	enqueue(t, db, 1)
	q := &queue.Queue{Store: &troubled{DB: db, readFails: 1, conflicts: 3}, Log: slog.New(slog.DiscardHandler)}
	if job, _, err := q.Next(t.Context(), agent(1)); err != nil || job.Run != 1 {
		t.Errorf("got %+v, error %v", job, err)
	}
}
