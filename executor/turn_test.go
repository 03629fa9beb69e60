package executor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// on answers a job whose activities have these conditions, named a, b, c and so on.
func on(conditions ...plan.RunOn) plan.Job {
	j := plan.Job{Name: "job"}
	for i, c := range conditions {
		j.Activities = append(j.Activities, plan.Activity{Name: string(rune('a' + i)), RunOn: c})
	}
	return j
}

// slow is a process that takes so long, unless it is interrupted.
func slow(long time.Duration) func(context.Context, executor.Output) (executor.Exit, error) {
	return func(ctx context.Context, out executor.Output) (executor.Exit, error) {
		out.Began()
		exit := executor.Exit{Started: time.Now()}
		select {
		case <-time.After(long):
			return exit, nil
		case <-ctx.Done():
			exit.Code = 143
			return exit, context.Cause(ctx)
		}
	}
}

func TestTurns(t *testing.T) {
	const passed, failed, always = plan.OnPassed, plan.OnFailed, plan.OnAlways
	dana, hard := executor.Canceled{Reason: "canceled by dana"}, executor.Canceled{Reason: "ended by dana", Hard: true}
	allowed := on(passed, failed, passed, always)
	allowed.Activities[0].AllowFailure = true
	when := on(passed, "", always)
	when.Activities[0].Skip, when.Activities[2].Skip = "when is false: 1 > 2", "when is false: x"
	idle := on(passed, failed)
	idle.Activities[0].Skip = "when is false: 1 > 2"
	bounded, cleaned := on(passed, failed, always), on(always, passed, always)
	bounded.Timeout, cleaned.Timeout = plan.Duration(time.Hour), plan.Duration(time.Hour)
	bounded.Activities[0].AllowFailure = true
	served, unpacking := on(passed, always), on(passed)
	served.Services = []plan.Service{{Name: "db"}}
	unpacking.Workspace = &plan.Workspace{Unpack: map[string]plan.ArtifactRef{"x": {}}}
	cases := map[string]struct {
		job    plan.Job
		room   script
		cancel []error // after one minute, two minutes and so on
		want   []string
		result plan.Result
		cause  string
	}{
		"NothingFails": {job: on(passed, failed, always), room: script{"a": ends(0), "c": ends(0)}, result: plan.Passed,
			want: []string{"start a", "a passed:  [exit 0]", `b skipped: run_on is "failed", and nothing before it failed`, "start c", "c passed:  [exit 0]"}},
		"AfterAFailure": {job: on(passed, passed, failed, always), room: script{"a": ends(2), "c": ends(0), "d": ends(0)}, result: plan.Failed, cause: "a: exit code 2",
			want: []string{"start a", "a failed: exit code 2 [exit 2]", "b skipped: a failed before it", "start c", "c passed:  [exit 0]", "start d", "d passed:  [exit 0]"}},
		"AfterALoss": {job: on(passed, failed, always), room: script{"a": fails(errors.New("Docker went away")), "b": ends(0), "c": ends(0)}, result: plan.Lost, cause: "a: Docker went away",
			want: []string{"start a", "a lost: Docker went away", "start b", "b passed:  [exit 0]", "start c", "c passed:  [exit 0]"}},
		"AllowedFailure": {job: allowed, room: script{"a": ends(3), "c": ends(0), "d": ends(0)}, result: plan.Warned, cause: "a: exit code 3",
			want: []string{"start a", "a warned: exit code 3 [exit 3]", `b skipped: run_on is "failed", and nothing before it failed`,
				"start c", "c passed:  [exit 0]", "start d", "d passed:  [exit 0]"}},
		"WhenIsFalse": {job: when, room: script{"b": ends(0)}, result: plan.Passed,
			want: []string{"a skipped: when is false: 1 > 2", "start b", "b passed:  [exit 0]", "c skipped: when is false: x"}},
		"WhenIsFalseOfAll": {job: idle, result: plan.Passed,
			want: []string{"a skipped: when is false: 1 > 2", `b skipped: run_on is "failed", and nothing before it failed`}},
		"Canceled": {job: on(passed, failed, always, passed, always), room: script{"a": hangs(143), "c": slow(5 * time.Minute), "e": ends(0)}, cancel: []error{dana},
			result: plan.Canceled, cause: "canceled by dana",
			want: []string{"start a", "a canceled: canceled by dana [exit 143]", "b canceled: canceled by dana", "start c", "c passed:  [exit 0]",
				"d canceled: canceled by dana", "start e", "e passed:  [exit 0]"}},
		"CanceledWhileItRunsAlways": {job: on(always, passed), room: script{"a": slow(5 * time.Minute)}, cancel: []error{dana}, result: plan.Canceled, cause: "canceled by dana",
			want: []string{"start a", "a passed:  [exit 0]", "b canceled: canceled by dana"}},
		"CanceledAndTooSlow": {job: on(passed, always, always), room: script{"a": hangs(143), "b": slow(time.Hour)}, cancel: []error{dana},
			result: plan.Failed, cause: "b: it still ran 10m after the job was to end",
			want: []string{"start a", "a canceled: canceled by dana [exit 143]", "start b", "b failed: it still ran 10m after the job was to end [exit 143]",
				"c failed: it still ran 10m after the job was to end"}},
		"CanceledHard": {job: on(passed, always, always), room: script{"a": hangs(143), "b": hangs(143)}, cancel: []error{dana, hard},
			result: plan.Canceled, cause: "canceled by dana",
			want: []string{"start a", "a canceled: canceled by dana [exit 143]", "start b", "b canceled: ended by dana [exit 143]", "c canceled: ended by dana"}},
		"CanceledHardAtOnce": {job: on(passed, always), room: script{"a": hangs(143)}, cancel: []error{hard}, result: plan.Canceled, cause: "ended by dana",
			want: []string{"start a", "a canceled: ended by dana [exit 143]", "b canceled: ended by dana"}},
		"AgentStops": {job: on(passed, always), room: script{"a": hangs(143)}, cancel: []error{errors.New("the agent was stopped")}, result: plan.Lost, cause: "a: the agent was stopped",
			want: []string{"start a", "a lost: the agent was stopped [exit 143]", "b lost: the agent was stopped"}},
		"TimeoutOfJob": {job: bounded, room: script{"a": hangs(143), "b": slow(4 * time.Minute), "c": slow(4 * time.Minute)}, result: plan.Failed,
			cause: "a: the job's timeout of 1h exceeded",
			want:  []string{"start a", "a failed: the job's timeout of 1h exceeded [exit 143]", "start b", "b passed:  [exit 0]", "start c", "c passed:  [exit 0]"}},
		"TimeoutOfJobWhileItRunsAlways": {job: cleaned, room: script{"a": slow(65 * time.Minute), "c": slow(30 * time.Minute)}, result: plan.Failed,
			cause: "b: the job's timeout of 1h exceeded",
			want: []string{"start a", "a passed:  [exit 0]", "b failed: the job's timeout of 1h exceeded", "start c",
				"c failed: it still ran 10m after the job was to end [exit 143]"}},
		"Services": {job: served, result: plan.Failed, cause: `service "db": this release does not run services yet`,
			want: []string{`a skipped: service "db": this release does not run services yet`, `b skipped: service "db": this release does not run services yet`}},
		"Unpack": {job: unpacking, result: plan.Failed, cause: `"unpack" of the workspace: this release does not carry artifacts from job to job yet`,
			want: []string{`a skipped: "unpack" of the workspace: this release does not carry artifacts from job to job yet`}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hard, soft, cancel := executor.WithCancel(t.Context())
				defer cancel(nil)
				for i, cause := range c.cancel {
					time.AfterFunc(time.Duration(i+1)*time.Minute, func() { cancel(cause) })
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
