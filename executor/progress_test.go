package executor_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// What each try needs to be gone on with is told before it begins; and again when it ended and another follows.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, book := job("a"), &logbook{t: t}
		j.Activities[0].Retries.Any = 2
		room := &adopted{logbook: book, runs: []process{
			writes("x", executor.Exit{Code: 1}), writes("yz", executor.Exit{Code: 137, OOM: true}), writes("", executor.Exit{})}}
		if _, err := executor.Run(t.Context(), t.Context(), executor.Work{Job: j, Room: room, Reporter: book}); err != nil {
			t.Fatal(err)
		}
		one, two := executor.Try{Cause: "exit code 1", LogEnd: 1}, executor.Try{Cause: "out of memory", LogEnd: 3}
		want := []executor.Progress{
			{Ticket: "t2"},
			{Age: time.Minute, Tries: []executor.Try{one}, Failed: []plan.Cause{plan.CauseExit}},
			{Ticket: "t3", Age: time.Minute, Tries: []executor.Try{one}, Failed: []plan.Cause{plan.CauseExit}},
			{Age: 2 * time.Minute, Tries: []executor.Try{one, two}, Failed: []plan.Cause{plan.CauseExit, plan.CauseOOM}},
			{Ticket: "t4", Age: 2 * time.Minute, Tries: []executor.Try{one, two}, Failed: []plan.Cause{plan.CauseExit, plan.CauseOOM}},
		}
		if diff := cmp.Diff(want, book.progress); diff != "" {
			t.Errorf("progress (-want +got):\n%s", diff)
		}
		resumed := &adopted{logbook: &logbook{t: t}, rejoin: ends(1), runs: nil}
		work := executor.Work{Job: j, Room: resumed, Reporter: resumed.logbook, Resume: &executor.Resume{
			Running: &executor.Running{Activity: "a", Progress: &want[4], Elapsed: time.Minute}}}
		got, err := executor.Run(t.Context(), t.Context(), work)
		if a := resumed.ended["a"]; err != nil || got.Result != plan.Failed || !cmp.Equal(a.Tries, []executor.Try{one, two}) || age(a.Exit.Started) != 3*time.Minute {
			t.Errorf("%+v, %v: %+v", got, err, a)
		}
		waiting := &adopted{logbook: &logbook{t: t}, runs: []process{ends(0)}}
		work = executor.Work{Job: j, Room: waiting, Reporter: waiting.logbook, Resume: &executor.Resume{
			Running: &executor.Running{Activity: "a", Progress: &want[3], Elapsed: time.Minute}}}
		if _, err := executor.Run(t.Context(), t.Context(), work); err != nil || len(waiting.ages) != 1 || waiting.ages[0] != 3*time.Minute {
			t.Errorf("%v; the try is of age %v", err, waiting.ages)
		}
	})
}

// A try that cannot be noted does not begin, and the walk ends.
func TestProgressErr(t *testing.T) {
	book := &logbook{t: t, goingErr: errors.New("disk full")}
	room := &adopted{logbook: book, runs: []process{nil}}
	got, err := executor.Run(t.Context(), t.Context(), executor.Work{Job: job("a", "b"), Room: room, Reporter: book})
	if err == nil || got.Cause != "reporting a try at a: disk full" || len(book.ended) > 0 {
		t.Errorf("%+v, %v; %q", got, err, book.lines)
	}
}

// A job that is left to the next process of the agent ends nothing and reports nothing, wherever it is.
func TestLeave(t *testing.T) {
	for name, runs := range map[string][]process{
		"ByTheRoom": {fails(executor.ErrLeft)},
		"InARun":    {hangs(143)},
		"InAPause":  {fails(errors.New("gone"))},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hard, soft, cancel := executor.WithCancel(t.Context())
				defer cancel(nil)
				time.AfterFunc(time.Second/2, func() { cancel(executor.ErrLeft) })
				j, book := job("a", "b"), &logbook{t: t}
				j.Activities[0].Retries.Any = 5
				j.Activities[1].RunOn = plan.OnAlways
				_, err := executor.Run(hard, soft, executor.Work{Job: j, Room: &adopted{logbook: book, runs: runs}, Reporter: book})
				if !errors.Is(err, executor.ErrLeft) || len(book.ended) > 0 {
					t.Errorf("%v; %q", err, book.lines)
				}
			})
		})
	}
}

// When the lease is over no other try may begin, whatever the retries say; and what filled Docker's disk is no secret.
func TestFencedAndFull(t *testing.T) {
	j, book := job("a"), &logbook{t: t}
	j.Activities[0].Retries.Any = 5
	got, err := executor.Run(t.Context(), t.Context(), executor.Work{Job: j, Room: &adopted{logbook: book, runs: []process{fails(fmt.Errorf("x: %w", executor.ErrFenced))}}, Reporter: book})
	if err != nil || got.Result != plan.Lost || got.Cause != "a: "+executor.ErrFenced.Error() {
		t.Errorf("%+v, %v", got, err)
	}
	j.Activities[0].Retries.Any = 0
	full := exits(executor.Exit{Code: 1, Hint: "Docker's disk is full: 0 bytes free in /x"})
	got, err = executor.Run(t.Context(), t.Context(), executor.Work{Job: j, Room: &adopted{logbook: book, runs: []process{full}}, Reporter: book})
	if err != nil || got.Result != plan.Failed || got.Cause != "a: exit code 1 (Docker's disk is full: 0 bytes free in /x)" {
		t.Errorf("%+v, %v", got, err)
	}
}
