package enginetest

import (
	"slices"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// A keeper is a reporter that keeps what the next process of the agent needs.
type keeper struct {
	t       *testing.T
	spools  map[string]*Spool
	resume  executor.Resume
	tickets []executor.Ticket
	went    time.Time     // when the last progress was told
	second  chan struct{} // closed when the second try of an activity may begin
}

func (k *keeper) Started(activity string, _ time.Time) (executor.Output, error) {
	k.spools[activity] = NewSpool(k.t)
	k.resume.Running = &executor.Running{Activity: activity}
	return k.spools[activity].Output(), nil
}

func (k *keeper) Rejoined(activity string) (executor.Output, error) {
	return k.spools[activity].Output(), nil
}

func (k *keeper) Going(activity string, p executor.Progress) error {
	k.resume.Running = &executor.Running{Activity: activity, Progress: &p}
	k.went = time.Now()
	if p.Ticket != "" {
		k.tickets = append(k.tickets, p.Ticket)
		if len(p.Tries) == 1 {
			close(k.second)
		}
	}
	return nil
}

func (k *keeper) Finished(activity string, outcome executor.Outcome) error {
	k.resume.Ended = append(k.resume.Ended, executor.EndedActivity{Name: activity, Outcome: outcome})
	k.resume.Running = nil
	return nil
}

// testResumed leaves a whole job in the second try of its second activity.
func testResumed(t *testing.T, s Subject) {
	spec := executor.RoomSpec{Run: 1, Epoch: 1, Job: plan.Job{Name: "job", Activities: []plan.Activity{
		{Name: "first", Image: s.Image, Script: "echo 1 > tries; echo first"},
		{Name: "again", Image: s.Image, Script: "n=$(cat tries); echo try $n; echo $((n+1)) > tries; [ $n = 3 ] && exit 0; sleep 1; exit $n", Retries: plan.Retries{Any: 2}},
		{Name: "last", Image: s.Image, Script: "cat tries"},
	}}}
	kept := &keeper{t: t, spools: map[string]*Spool{}, second: make(chan struct{})}
	room := Open(t, s.Engine, spec)
	done := make(chan error, 1)
	go func() {
		_, err := executor.Run(t.Context(), t.Context(), executor.Work{Job: spec.Job, Room: room, Reporter: kept})
		done <- err
	}()
	select {
	case <-kept.second:
	case err := <-done:
		t.Fatalf("the job ended: %v", err)
	case <-time.After(20 * time.Second):
		t.Fatal("there is no second try")
	}
	room.Leave()
	if err := <-done; err != executor.ErrLeft { //nolint:errorlint // nobody wraps it
		t.Fatalf("the job answers %v", err)
	}
	spec.Tickets = kept.tickets
	adopted := adopt(t, s, spec)
	kept.resume.Running.Elapsed = time.Since(kept.went)
	before := kept.resume
	kept.second = make(chan struct{}) // or it would be closed again
	outcome, err := executor.Run(t.Context(), t.Context(), executor.Work{Job: spec.Job, Room: adopted, Reporter: kept, Resume: &before})
	if err != nil || outcome.Result != plan.Passed || len(kept.resume.Ended) != 3 {
		t.Fatalf("%+v, %v; %+v", outcome, err, kept.resume.Ended)
	}
	again := kept.resume.Ended[1].Outcome
	want := []executor.Try{{Cause: "exit code 1", LogEnd: 6}, {Cause: "exit code 2", LogEnd: 12}}
	if !slices.Equal(again.Tries, want) || kept.spools["again"].Text() != "try 1\ntry 2\ntry 3\n" || kept.spools["last"].Text() != "4\n" {
		t.Errorf("%+v; logs %q, %q", again, kept.spools["again"].Text(), kept.spools["last"].Text())
	}
	if ran := again.Exit.Finished.Sub(again.Exit.Started); ran < 2*time.Second {
		t.Errorf("the tries took %v", ran)
	}
	kept.spools["again"].checkAgainst(*again.Exit)
}
