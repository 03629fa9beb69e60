package trigger_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/server"
)

// at puts the trigger's clock to a time of 2 November 2026, a Monday, and answers what starts.
func (s *scene) at(clock string) []string {
	s.t.Helper()
	now, err := time.Parse("2006-01-02 15:04", "2026-11-"+clock)
	if err != nil {
		s.t.Fatal(err)
	}
	s.now = now
	runs, err := s.Fire(s.t.Context(), "app")
	if err != nil {
		s.t.Fatal(err)
	}
	var all []string
	for _, r := range runs {
		all = append(all, brief(r))
	}
	return all
}

const nightly = "on \"schedule\" { cron = \"0 4 * * *\" }\n"

func TestSchedule(t *testing.T) {
	s := registered(t)
	want(t, s.at("02 03:00")) // a repository without a branch
	commit := s.commit(".tutti/ci.hcl", pipeline("nightly", nightly)+pipeline("ci", onPush))
	s.push()
	want(t, s.at("02 04:30")) // seen first: that 4:00 is over does not matter
	want(t, s.at("03 03:59"))
	want(t, s.at("03 04:00"), "nightly: queued")
	want(t, s.at("03 04:00"))
	want(t, s.at("03 04:01"))
	r, err := s.db.Run(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	event := server.Event{Kind: "schedule", Ref: "refs/heads/main", Branch: "main", Commit: commit, Title: "Change .tutti/ci.hcl", Actor: "schedule", Schedule: "0 4 * * *"}
	if diff := cmp.Diff(event, r.Event); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	want(t, s.at("09 12:00"), "nightly: queued") // six were missed
	want(t, s.at("09 12:01"))
	want(t, s.at("10 04:05"), "nightly: queued")
}

func TestScheduleFollowsTheMainBranch(t *testing.T) {
	s := registered(t)
	s.commit(".tutti/ci.hcl", pipeline("nightly", nightly))
	s.push()
	want(t, s.at("02 01:00"))
	s.git("checkout", "--quiet", "-b", "other")
	s.commit(".tutti/ci.hcl", pipeline("other", nightly))
	s.push()
	s.git("checkout", "--quiet", "main")
	want(t, s.at("02 04:00"), "nightly: queued")

	s.commit(".tutti/ci.hcl", pipeline("nightly", "on \"schedule\" {\n cron = \"*/10 * * * *\"\n timezone = \"Europe/Berlin\"\n}\n"))
	s.push()
	want(t, s.at("02 04:15")) // another schedule begins anew
	want(t, s.at("02 04:20"), "nightly: queued")

	s.commit(".tutti/ci.hcl", "pipelin {}")
	s.push()
	want(t, s.at("02 04:30")) // mistakes: nothing is known
	s.commit(".tutti/ci.hcl", pipeline("nightly", "on \"schedule\" {\n cron = \"*/10 * * * *\"\n timezone = \"Europe/Berlin\"\n}\n"))
	s.push()
	want(t, s.at("02 04:35"), "nightly: queued") // and nothing is forgotten

	s.git("rm", "-r", "--quiet", ".tutti")
	s.commit("", "")
	s.push()
	want(t, s.at("03 04:00"))
}

func TestScheduleIsNotLostWithTheCompiler(t *testing.T) {
	s := registered(t)
	s.commit(".tutti/ci.hcl", pipeline("a", nightly)+pipeline("b", nightly))
	s.push()
	want(t, s.at("02 01:00"))
	s.compiler.err = errors.New("no process can be started")
	s.now = s.now.Add(4 * time.Hour)
	_, err := s.Fire(t.Context(), "app")
	wantError(t, err, server.Unavailable, "cannot be compiled now")
	s.compiler.err = nil
	want(t, s.at("02 05:01"), "a: queued", "b: queued")
	want(t, s.at("02 05:02"))
}

// TestScheduleThatFailed has a mistake that shows at the moment only; the run says so.
func TestScheduleThatFailed(t *testing.T) {
	s := registered(t)
	text := pipeline("nightly", nightly)
	s.commit(".tutti/ci.hcl", text[:len(text)-2]+"job \"more\" {\nimage = \"alpine\"\nenv = { N = tonumber(event.branch) }\nactivity \"x\" { script = \"true\" }\n}\n}\n")
	s.push()
	want(t, s.at("02 01:00"))
	want(t, s.at("02 04:00"), "nightly: done failed, the pipeline has mistakes")
	want(t, s.at("02 04:01"))
}

// TestScheduleOfEachMinute makes up for a year without computing each of its minutes.
func TestScheduleOfEachMinute(t *testing.T) {
	s := registered(t)
	s.commit(".tutti/ci.hcl", pipeline("often", "on \"schedule\" { cron = \"* * * * *\" }\n")+pipeline("rarely", "on \"schedule\" { cron = \"0 0 1 1 *\" }\n"))
	s.push()
	want(t, s.at("02 04:00"))
	s.now = s.now.AddDate(1, 0, 0)
	began := time.Now()
	runs, err := s.Fire(t.Context(), "app")
	if err != nil || len(runs) != 2 {
		t.Errorf("runs are %+v, error %v", runs, err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("a year took %v", took)
	}
	last, err := s.db.Scheduled(t.Context(), "app")
	if err != nil || !last[server.Schedule{Pipeline: "often", Cron: "* * * * *", Timezone: "UTC"}].Equal(s.now) {
		t.Errorf("moments are %v (%v), the time is %v", last, err, s.now)
	}
}

func TestKeepTime(t *testing.T) {
	s := registered(t)
	s.commit(".tutti/ci.hcl", pipeline("nightly", nightly))
	s.push()
	want(t, s.at("02 01:00"))
	changed := make(chan server.RunID, 10)
	s.db.OnChange = func(run server.RunID) { changed <- run }
	s.now = s.now.Add(4 * time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { s.KeepTime(ctx) })
	select {
	case <-changed:
	case <-time.After(20 * time.Second):
		t.Fatal("the schedule has not fired within 20 seconds")
	}
}
