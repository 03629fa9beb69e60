package executor_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// script is a room in which activities do as they are told here, by their names.
type script map[string]func(ctx context.Context, out executor.Output) (executor.Exit, error)

func (s script) Run(ctx context.Context, step executor.Step, out executor.Output) (executor.Exit, error) {
	return s[step.Name](ctx, out)
}

func (s script) Close(context.Context) error { return nil }
func (s script) Renew()                      {}
func (s script) Leave()                      {}
func (s script) Rejoin(context.Context, executor.Step, executor.Output, executor.Ticket) (executor.Exit, error) {
	return executor.Exit{}, errors.New("nothing was left")
}

func ends(code int) func(context.Context, executor.Output) (executor.Exit, error) {
	return func(context.Context, executor.Output) (executor.Exit, error) {
		return executor.Exit{Code: code, Started: time.Now(), Finished: time.Now()}, nil
	}
}

// hangs is a process that ends when it is interrupted, with this exit code.
func hangs(code int) func(context.Context, executor.Output) (executor.Exit, error) {
	return func(ctx context.Context, out executor.Output) (executor.Exit, error) {
		out.Began()
		exit := executor.Exit{Code: code, Started: time.Now()}
		<-ctx.Done()
		return exit, context.Cause(ctx)
	}
}

// late is a process that begins two hours after it was asked for.
func late(then func(context.Context, executor.Output) (executor.Exit, error)) func(context.Context, executor.Output) (executor.Exit, error) {
	return func(ctx context.Context, out executor.Output) (executor.Exit, error) {
		select {
		case <-ctx.Done():
			return executor.Exit{}, context.Cause(ctx)
		case <-time.After(2 * time.Hour):
		}
		out.Began()
		return then(ctx, out)
	}
}

func fails(err error) func(context.Context, executor.Output) (executor.Exit, error) {
	return func(context.Context, executor.Output) (executor.Exit, error) { return executor.Exit{}, err }
}

func exits(exit executor.Exit) func(context.Context, executor.Output) (executor.Exit, error) {
	return func(context.Context, executor.Output) (executor.Exit, error) {
		exit.Started = time.Now()
		return exit, nil
	}
}

// diary is a reporter that writes down what it is told.
type diary struct {
	lines []string
	fail  string // the line that cannot be kept
}

func (d *diary) keep(line string) error {
	if line == d.fail {
		return errors.New("disk full")
	}
	d.lines = append(d.lines, line)
	return nil
}

func (d *diary) Started(activity string, _ time.Time) (executor.Output, error) {
	return executor.Output{}, d.keep("start " + activity)
}

func (d *diary) Going(activity string, p executor.Progress) error { return nil }
func (d *diary) Rejoined(activity string) (executor.Output, error) {
	return executor.Output{}, d.keep("rejoin " + activity)
}

func (d *diary) Finished(activity string, o executor.Outcome) error {
	exit := ""
	if o.Exit != nil {
		exit = fmt.Sprintf(" [exit %d]", o.Exit.Code)
	}
	return d.keep(fmt.Sprintf("%s %s: %s%s", activity, o.Result, o.Cause, exit))
}

func job(names ...string) plan.Job {
	j := plan.Job{Name: "job"}
	for _, n := range names {
		j.Activities = append(j.Activities, plan.Activity{Name: n})
	}
	return j
}

func TestRun(t *testing.T) {
	dana := executor.Canceled{Reason: "canceled by dana"}
	short := job("a", "b")
	short.Activities[0].Timeout = plan.Duration(time.Hour)
	bounded := job("a", "b")
	bounded.Timeout = plan.Duration(90 * time.Minute)
	cases := map[string]struct {
		job    plan.Job
		room   script
		cancel error // after a minute
		want   []string
		result plan.Result
		cause  string
	}{
		"OK": {job: job("a", "b"), room: script{"a": ends(0), "b": ends(0)}, result: plan.Passed,
			want: []string{"start a", "a passed:  [exit 0]", "start b", "b passed:  [exit 0]"}},
		"ErrExitCode": {job: job("a", "b", "c"), room: script{"a": ends(2)}, result: plan.Failed, cause: "a: exit code 2",
			want: []string{"start a", "a failed: exit code 2 [exit 2]", "b skipped: a failed before it", "c skipped: a failed before it"}},
		"ErrSignal": {job: job("a"), room: script{"a": exits(executor.Exit{Code: 139, Signal: "SIGSEGV"})}, result: plan.Failed,
			cause: "a: killed by SIGSEGV", want: []string{"start a", "a failed: killed by SIGSEGV [exit 139]"}},
		"ErrOutOfMemory": {job: job("a"), room: script{"a": exits(executor.Exit{Code: 137, Signal: "SIGKILL", OOM: true, Limit: 512 << 20})},
			result: plan.Failed, cause: "a: out of memory (limit 512 MiB)", want: []string{"start a", "a failed: out of memory (limit 512 MiB) [exit 137]"}},
		"OutOfMemoryOfAChildThatDidNotMatter": {job: job("a"), room: script{"a": exits(executor.Exit{OOM: true})}, result: plan.Passed,
			want: []string{"start a", "a passed:  [exit 0]"}},
		"ErrNoBash": {job: job("a"), room: script{"a": exits(executor.Exit{Code: 127, Reason: "the image has no bash"})}, result: plan.Failed,
			cause: "a: the image has no bash", want: []string{"start a", "a failed: the image has no bash [exit 127]"}},
		"ErrImage": {job: job("a", "b"), room: script{"a": fails(&executor.ImageError{Image: "nope:1", Err: errors.New("manifest unknown")})},
			result: plan.Failed, cause: "a: image nope:1 cannot be had: manifest unknown",
			want: []string{"start a", "a failed: image nope:1 cannot be had: manifest unknown", "b skipped: a failed before it"}},
		"ErrEngine": {job: job("a", "b"), room: script{"a": ends(0), "b": fails(errors.New("Docker went away"))}, result: plan.Lost,
			cause: "b: Docker went away", want: []string{"start a", "a passed:  [exit 0]", "start b", "b lost: Docker went away"}},
		"ErrEngineSkipsTheRest": {job: job("a", "b"), room: script{"a": fails(errors.New("Docker went away"))}, result: plan.Lost,
			cause: "a: Docker went away", want: []string{"start a", "a lost: Docker went away", "b skipped: a was lost before it"}},
		"Canceled": {job: job("a", "b"), room: script{"a": hangs(0)}, cancel: dana, result: plan.Canceled, cause: "canceled by dana",
			want: []string{"start a", "a canceled: canceled by dana [exit 0]", "b canceled: canceled by dana"}},
		"StoppedWithoutAReason": {job: job("a"), room: script{"a": hangs(143)}, cancel: errors.New("the agent stopped"), result: plan.Lost,
			cause: "a: the agent stopped", want: []string{"start a", "a lost: the agent stopped [exit 143]"}},
		"ErrTimeout": {job: short, room: script{"a": hangs(0)}, result: plan.Failed, cause: "a: timeout of 1h exceeded",
			want: []string{"start a", "a failed: timeout of 1h exceeded [exit 0]", "b skipped: a failed before it"}},
		"SlowStart": {job: short, room: script{"a": late(ends(0)), "b": ends(0)}, result: plan.Passed,
			want: []string{"start a", "a passed:  [exit 0]", "start b", "b passed:  [exit 0]"}},
		"ErrTimeoutOfJob": {job: bounded, room: script{"a": hangs(143)}, result: plan.Failed, cause: "a: the job's timeout of 1h30m exceeded",
			want: []string{"start a", "a failed: the job's timeout of 1h30m exceeded [exit 143]", "b skipped: a failed before it"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hard, soft, cancel := executor.WithCancel(t.Context())
				defer cancel(nil)
				if c.cancel != nil {
					time.AfterFunc(time.Minute, func() { cancel(c.cancel) })
				}
				var told diary
				got, err := executor.Run(hard, soft, executor.Work{Job: c.job, Room: c.room, Reporter: &told})
				if err != nil || got.Result != c.result || got.Cause != c.cause {
					t.Errorf("%s (%s), %v; want %s (%s)", got.Result, got.Cause, err, c.result, c.cause)
				}
				if diff := cmp.Diff(c.want, told.lines); diff != "" {
					t.Errorf("news (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A process that ended by itself just before it was to be interrupted keeps its own result.
func TestRunKeepsWhatEndedByItself(t *testing.T) {
	hard, soft, cancel := executor.WithCancel(t.Context())
	defer cancel(nil)
	room := script{"a": func(ctx context.Context, _ executor.Output) (executor.Exit, error) {
		exit, err := ends(0)(ctx, executor.Output{})
		cancel(executor.Canceled{Reason: "canceled by dana"})
		return exit, err
	}}
	var told diary
	got, err := executor.Run(hard, soft, executor.Work{Job: job("a", "b"), Room: room, Reporter: &told})
	want := []string{"start a", "a passed:  [exit 0]", "b canceled: canceled by dana"}
	if diff := cmp.Diff(want, told.lines); diff != "" || err != nil || got.Result != plan.Canceled {
		t.Errorf("%+v, %v; news (-want +got):\n%s", got, err, diff)
	}
}

func TestRunErrReporter(t *testing.T) {
	for _, line := range []string{"start b", "a passed:  [exit 0]"} {
		told := diary{fail: line}
		work := executor.Work{Job: job("a", "b"), Room: script{"a": ends(0), "b": ends(0)}, Reporter: &told}
		got, err := executor.Run(t.Context(), t.Context(), work)
		if err == nil || got.Result != plan.Lost || got.Cause != err.Error() {
			t.Errorf("%q was not kept: %+v, %v", line, got, err)
		}
	}
}
