package executor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

type process = func(context.Context, executor.Output) (executor.Exit, error)

// adopted is a room that an earlier process left. What is asked of it is written into the log that its reporter keeps.
type adopted struct {
	*logbook
	rejoin process
	runs   []process
}

func (r *adopted) Rejoin(ctx context.Context, step executor.Step, out executor.Output, ticket executor.Ticket) (executor.Exit, error) {
	r.note("rejoin %s with %s", step.Name, ticket)
	return r.rejoin(ctx, out)
}

func (r *adopted) Run(ctx context.Context, step executor.Step, out executor.Output) (executor.Exit, error) {
	r.note("run %s masking %q", step.Name, step.Masks)
	r.ages = append(r.ages, age(out.Since))
	next := r.runs[0]
	r.runs = r.runs[1:]
	if err := out.Going(executor.Ticket(fmt.Sprint("t", len(r.lines)))); err != nil {
		return executor.Exit{}, err
	}
	return next(ctx, out)
}

func (*adopted) Renew()                      {}
func (*adopted) Leave()                      {}
func (*adopted) Close(context.Context) error { return nil }

func age(since time.Time) time.Duration {
	if since.IsZero() {
		return 0
	}
	return time.Since(since)
}

// logbook is a reporter and a resolver that writes down what it is told and asked, and gives every activity a log.
type logbook struct {
	t        *testing.T
	lines    []string
	progress []executor.Progress
	ages     []time.Duration // of Output.Since, at each run
	ended    map[string]executor.Outcome
	goingErr error
	masks    map[string]string // of late activities
}

func (l *logbook) note(format string, args ...any) {
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *logbook) output() (executor.Output, error) {
	log, err := os.OpenFile(filepath.Join(l.t.TempDir(), "log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return executor.Output{}, err
	}
	l.t.Cleanup(func() { _ = log.Close() })
	return executor.Output{Log: log}, nil
}

func (l *logbook) Started(activity string, _ time.Time) (executor.Output, error) {
	l.note("started %s", activity)
	return l.output()
}

func (l *logbook) Rejoined(activity string) (executor.Output, error) {
	l.note("rejoined %s", activity)
	return l.output()
}

func (l *logbook) Going(_ string, p executor.Progress) error {
	l.progress = append(l.progress, p)
	return l.goingErr
}

func (l *logbook) Finished(activity string, o executor.Outcome) error {
	l.note("%s %s: %s", activity, o.Result, o.Cause)
	if l.ended == nil {
		l.ended = map[string]executor.Outcome{}
	}
	l.ended[activity] = o
	return nil
}

func (l *logbook) Resolve(_ context.Context, activity string) (executor.Step, error) {
	l.note("ask %s", activity)
	mask, there := l.masks[activity]
	if !there {
		return executor.Step{}, &executor.ValueError{Reason: "division by zero"}
	}
	return executor.Step{Activity: plan.Activity{Name: activity, Image: "x"}, Masks: []string{mask}}, nil
}

func passedBefore(name string) executor.EndedActivity {
	return executor.EndedActivity{Name: name, Outcome: executor.Outcome{Result: plan.Passed}}
}

func ticket(p executor.Progress, elapsed time.Duration) *executor.Running {
	p.Ticket = "old"
	return &executor.Running{Activity: "b", Progress: &p, Elapsed: elapsed}
}

func TestResume(t *testing.T) {
	gone := fails(&executor.GoneError{Reason: "the host was rebooted"})
	type runs = []process
	lost := plan.Retries{By: map[plan.Cause]int{plan.CauseLost: 1}}
	for name, c := range map[string]struct {
		resume  executor.Resume
		change  func(j *plan.Job)
		rejoin  process
		runs    runs
		want    []string
		result  plan.Result
		elapsed time.Duration // of the test's clock
	}{
		"Running": {executor.Resume{Ended: []executor.EndedActivity{passedBefore("a")}, Running: ticket(executor.Progress{}, time.Minute)}, nil,
			ends(0), runs{ends(0)}, []string{"rejoined b", "rejoin b with old", "b passed: ", "started c", "run c masking []", "c passed: "}, plan.Passed, 0},
		"BetweenActivities": {executor.Resume{Ended: []executor.EndedActivity{passedBefore("a"), passedBefore("b")}}, nil,
			nil, runs{ends(0)}, []string{"started c", "run c masking []", "c passed: "}, plan.Passed, 0},
		"Failed": {executor.Resume{Ended: []executor.EndedActivity{{Name: "a", Outcome: executor.Outcome{Result: plan.Failed, Cause: "exit code 1"}}}}, nil,
			nil, nil, []string{"b skipped: a failed before it", "c skipped: a failed before it"}, plan.Failed, 0},
		"NotBegun": {executor.Resume{Ended: []executor.EndedActivity{passedBefore("a")}, Running: ticket(executor.Progress{}, time.Minute)}, nil,
			fails(executor.ErrNotBegun), runs{ends(0), ends(0)},
			[]string{"rejoined b", "rejoin b with old", "run b masking []", "b passed: ", "started c", "run c masking []", "c passed: "}, plan.Passed, 0},
		"NoTicket": {executor.Resume{Ended: []executor.EndedActivity{passedBefore("a")}, Running: &executor.Running{Activity: "b"}}, nil,
			nil, runs{ends(0), ends(0)}, []string{"rejoined b", "run b masking []", "b passed: ", "started c", "run c masking []", "c passed: "}, plan.Passed, 0},
		"Gone": {executor.Resume{Ended: []executor.EndedActivity{passedBefore("a")}, Running: ticket(executor.Progress{}, time.Minute)}, nil,
			gone, nil, []string{"rejoined b", "rejoin b with old", "b lost: the host was rebooted", "c skipped: b was lost before it"}, plan.Lost, 0},
		"GoneAndTriedAgain": {executor.Resume{Ended: []executor.EndedActivity{passedBefore("a")}, Running: ticket(executor.Progress{}, time.Minute)},
			func(j *plan.Job) { j.Activities[1].Retries = lost }, gone, runs{ends(0), ends(0)},
			[]string{"rejoined b", "rejoin b with old", "run b masking []", "b passed: ", "started c", "run c masking []", "c passed: "}, plan.Passed, time.Second},
		"LostSightOf": {executor.Resume{Ended: []executor.EndedActivity{passedBefore("a")}, Running: ticket(executor.Progress{}, time.Minute)},
			func(j *plan.Job) { j.Activities[1].Retries = lost }, fails(errors.New("nobody came")), nil,
			[]string{"rejoined b", "rejoin b with old", "b lost: nobody came", "c skipped: b was lost before it"}, plan.Lost, 0},
		"GoneOnceTooOften": {executor.Resume{Ended: []executor.EndedActivity{passedBefore("a")},
			Running: ticket(executor.Progress{Tries: []executor.Try{{Cause: "lost"}}, Failed: []plan.Cause{plan.CauseLost}}, time.Minute)},
			func(j *plan.Job) { j.Activities[1].Retries = lost }, gone, nil,
			[]string{"rejoined b", "rejoin b with old", "b lost: the host was rebooted", "c skipped: b was lost before it"}, plan.Lost, 0},
		"Timeout": {executor.Resume{Ended: []executor.EndedActivity{passedBefore("a")}, Running: ticket(executor.Progress{}, 40*time.Minute)},
			func(j *plan.Job) { j.Activities[1].Timeout = plan.Duration(time.Hour) }, hangsOn,
			nil, []string{"rejoined b", "rejoin b with old", "b failed: timeout of 1h exceeded", "c skipped: b failed before it"}, plan.Failed, 20 * time.Minute},
		"TimeoutMeanwhile": {executor.Resume{Ended: []executor.EndedActivity{passedBefore("a")}, Running: ticket(executor.Progress{}, 2*time.Hour)},
			func(j *plan.Job) { j.Activities[1].Timeout = plan.Duration(time.Hour) }, hangsOn,
			nil, []string{"rejoined b", "rejoin b with old", "b failed: timeout of 1h exceeded", "c skipped: b failed before it"}, plan.Failed, 0},
		"TimeoutOfJob": {executor.Resume{Elapsed: 50 * time.Minute, Ended: []executor.EndedActivity{passedBefore("a")}, Running: ticket(executor.Progress{}, time.Minute)},
			func(j *plan.Job) { j.Timeout = plan.Duration(time.Hour) }, hangsOn,
			nil, []string{"rejoined b", "rejoin b with old", "b failed: the job's timeout of 1h exceeded", "c skipped: b failed before it"}, plan.Failed, 10 * time.Minute},
		"TimeoutOfJobMeanwhile": {executor.Resume{Elapsed: 64 * time.Minute, Ended: []executor.EndedActivity{passedBefore("a")}, Running: ticket(executor.Progress{}, time.Minute)},
			func(j *plan.Job) { j.Timeout, j.Activities[1].RunOn = plan.Duration(time.Hour), plan.OnAlways }, hangsOn,
			nil, []string{"rejoined b", "rejoin b with old", "b failed: it still ran 10m after the job was to end", "c skipped: b failed before it"}, plan.Failed, 6 * time.Minute},
		"Masks": {executor.Resume{Ended: []executor.EndedActivity{passedBefore("a")}, Running: ticket(executor.Progress{}, time.Minute)},
			func(j *plan.Job) { j.Activities[0].Late, j.Activities[1].Late = true, true }, ends(0), runs{ends(0)},
			[]string{"rejoined b", "rejoin b with old", "b passed: ", "ask a", "started c", `run c masking ["of-a"]`, "c passed: "}, plan.Passed, 0},
		"MasksOfARetry": {executor.Resume{Ended: []executor.EndedActivity{passedBefore("a")}, Running: ticket(executor.Progress{}, time.Minute)},
			func(j *plan.Job) {
				j.Activities[0].Late, j.Activities[1].Late, j.Activities[1].Retries.Any = true, true, 1
			}, ends(1), runs{ends(0), ends(0)},
			[]string{"rejoined b", "rejoin b with old", "ask a", "ask b", `run b masking ["of-a" "of-b"]`, "b passed: ", "started c", `run c masking ["of-a" "of-b"]`, "c passed: "}, plan.Passed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := job("a", "b", "c")
				if c.change != nil {
					c.change(&j)
				}
				book := &logbook{t: t, masks: map[string]string{"a": "of-a", "b": "of-b"}}
				room, began := &adopted{logbook: book, rejoin: c.rejoin, runs: c.runs}, time.Now()
				got, err := executor.Run(t.Context(), t.Context(), executor.Work{Job: j, Room: room, Resolver: book, Reporter: book, Resume: &c.resume})
				if err != nil || got.Result != c.result || len(room.runs) > 0 {
					t.Errorf("%+v, %v; %d runs are left", got, err, len(room.runs))
				}
				if took := time.Since(began); took != c.elapsed {
					t.Errorf("it took %v", took)
				}
				if diff := cmp.Diff(c.want, book.lines); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// hangsOn is a process that an earlier agent began, and that ends when it is interrupted.
func hangsOn(ctx context.Context, _ executor.Output) (executor.Exit, error) {
	<-ctx.Done()
	return executor.Exit{Code: 143, Started: time.Now().Add(-time.Minute)}, context.Cause(ctx)
}

// Masks that cannot be had again keep later activities from running: they might show what the earlier one left.
func TestResumeErrMasks(t *testing.T) {
	j := job("a", "b")
	j.Activities[0].Late = true
	book := &logbook{t: t}
	work := executor.Work{Job: j, Room: &adopted{logbook: book}, Resolver: book, Reporter: book,
		Resume: &executor.Resume{Ended: []executor.EndedActivity{passedBefore("a")}}}
	got, err := executor.Run(t.Context(), t.Context(), work)
	if err != nil || got.Cause != "b: the secrets of a could not be had again: division by zero" || got.Result != plan.Lost {
		t.Errorf("%+v, %v", got, err)
	}
}

// An activity whose values could not be computed never ran, and has no masks now either.
func TestResumeAfterWhatNeverRan(t *testing.T) {
	j, book := job("a", "b"), &logbook{t: t}
	j.Activities[0].Late, j.Activities[1].RunOn = true, plan.OnAlways
	never := executor.EndedActivity{Name: "a", Outcome: executor.Outcome{Result: plan.Failed, Cause: "division by zero"}}
	room := &adopted{logbook: book, runs: []process{ends(0)}}
	work := executor.Work{Job: j, Room: room, Resolver: book, Reporter: book, Resume: &executor.Resume{Ended: []executor.EndedActivity{never}}}
	if _, err := executor.Run(t.Context(), t.Context(), work); err != nil || book.ended["b"].Result != plan.Passed {
		t.Errorf("%v; %q", err, book.lines)
	}
}

// Outputs of before count.
func TestResumeCountsOutputs(t *testing.T) {
	j, book := job("a", "b"), &logbook{t: t}
	j.Activities[1].Outputs = []plan.Output{{Name: "x", Type: plan.Type{Kind: plan.TypeString}}}
	before := passedBefore("a")
	before.Outcome.Outputs = map[string]json.RawMessage{"x": json.RawMessage(strings.Repeat("x", 100<<10))}
	room := &adopted{logbook: book, runs: []process{exits(executor.Exit{Outputs: map[string][]byte{"x": []byte(strings.Repeat("y", 60<<10))}})}}
	got, err := executor.Run(t.Context(), t.Context(), executor.Work{Job: j, Room: room, Reporter: book, Resume: &executor.Resume{Ended: []executor.EndedActivity{before}}})
	if err != nil || got.Cause != `b: output "x" and those before it in the job have more than 128 KiB` {
		t.Errorf("%+v, %v", got, err)
	}
}
