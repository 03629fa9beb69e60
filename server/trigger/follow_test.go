package trigger_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

const small = "  job \"test\" {\n    image = \"alpine\"\n    activity \"do\" { script = \"true\" }\n  }\n}\n"

// end lets an agent end the run's only job so.
func (s *scene) end(run server.RunID, result plan.Result) {
	s.t.Helper()
	_, err := s.db.UpsertAgent(s.t.Context(), server.Agent{ID: "a1", Name: "a1", OS: "linux", Arch: "amd64", Capacity: 4})
	if err == nil {
		var epoch int64
		if epoch, err = s.db.Offer(s.t.Context(), run, "test", "a1"); err == nil {
			c := server.Claim{Run: run, Job: "test", Epoch: epoch}
			err = errors.Join(s.db.Accept(s.t.Context(), c, 0), s.db.Report(s.t.Context(), "a1", server.JobReport{Claim: c, Revision: 1, Result: result}))
		}
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// runs answers all runs that are stored, the oldest first, as brief does.
func (s *scene) runs() []string {
	s.t.Helper()
	runs, err := s.db.Runs(s.t.Context(), server.RunFilter{})
	if err != nil {
		s.t.Fatal(err)
	}
	all := make([]string, len(runs))
	for i, r := range runs {
		all[len(runs)-1-i] = r.Pipeline + " by " + r.Event.Kind
	}
	return all
}

func (s *scene) follow() {
	s.t.Helper()
	if err := s.FollowEnds(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func TestFollow(t *testing.T) {
	s := registered(t)
	commit := s.commit(".tutti/ci.hcl", "pipeline \"build\" {\n on \"push\" {}\n"+small+
		"pipeline \"deploy\" {\n on \"pipeline\" { source = \"build\" }\n"+small+
		"pipeline \"report\" {\n on \"pipeline\" { source = \"build\" }\n on \"pipeline\" { source = \"deploy\" }\n"+small)
	s.git("tag", "v1")
	s.git("checkout", "--quiet", "-b", "side")
	s.push() // main, side and the tag
	s.follow()
	want(t, s.runs(), "build by push", "build by push", "build by push")
	s.end(1, plan.Failed)
	s.follow()
	s.end(2, plan.Passed)
	s.follow()
	s.follow()
	want(t, s.runs(), "build by push", "build by push", "build by push", "deploy by pipeline", "report by pipeline")
	s.end(4, plan.Warned)
	s.end(5, plan.Passed)
	s.follow()
	want(t, s.runs()[5:], "report by pipeline")
	s.end(3, plan.Passed)
	s.follow()
	r, err := s.db.Run(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	event := server.Event{Kind: "pipeline", Ref: "refs/tags/v1", Tag: "v1", Commit: commit, Title: "Change .tutti/ci.hcl", Actor: "Dana", Source: "build"}
	if diff := cmp.Diff(event, r.Event); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

// TestFollowIsNeitherLostNorDoubled has a compiler that does not answer, a commit that is gone, and two servers' worth of calls.
func TestFollowIsNeitherLostNorDoubled(t *testing.T) {
	s := registered(t)
	s.commit(".tutti/ci.hcl", "pipeline \"build\" {\n on \"push\" {}\n"+small+"pipeline \"deploy\" {\n on \"pipeline\" { source = \"build\" }\n"+small)
	s.push()
	gone := server.Run{Project: "app", Pipeline: "build", State: plan.Done, Result: plan.Passed, Event: server.Event{Kind: "push", Commit: "0123456789012345678901234567890123456789"}}
	if _, err := s.db.CreateRun(t.Context(), server.NewRun{Run: gone}); err != nil {
		t.Fatal(err)
	}
	s.end(1, plan.Passed)
	s.compiler.err = errors.New("no process can be started")
	wantError(t, s.FollowEnds(t.Context()), server.Unavailable, "cannot be compiled now")
	s.compiler.err = nil
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := s.FollowEnds(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	want(t, s.runs(), "build by push", "build by push", "deploy by pipeline")
}

func TestFollowWakesUp(t *testing.T) {
	s := registered(t)
	bell := &server.Bell{}
	s.db.OnChange = bell.Ring
	s.commit(".tutti/ci.hcl", "pipeline \"build\" {\n on \"push\" {}\n"+small+"pipeline \"deploy\" {\n on \"pipeline\" { source = \"build\" }\n"+small)
	s.push()
	heard, stop := bell.Listen(server.AllRuns)
	defer stop()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { s.Follow(ctx, heard) })
	s.end(1, plan.Passed)
	for deadline := time.Now().Add(20 * time.Second); len(s.runs()) < 2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing followed within 20 seconds")
		}
	}
}
