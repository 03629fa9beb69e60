package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/gateway"
)

// flow answers questions with a function.
type flow func(ctx context.Context, c server.Claim, activity string) (server.Answer, error)

func (f flow) Resolve(ctx context.Context, c server.Claim, activity string) (server.Answer, error) {
	return f(ctx, c, activity)
}

// flowing is a change of a gateway.
func flowing(f flow) func(*gateway.Gateway) { return func(g *gateway.Gateway) { g.Flow = f } }

// lateJob answers a job whose activity a1 is late.
func lateJob(scripts ...string) plan.Job {
	job := scripted(scripts...)
	job.Activities[1].Late = true
	return job
}

func resolved(activity plan.Activity, env map[string]string, masks ...string) server.Answer {
	activity.Late, activity.Env = false, env
	return server.Answer{Activity: activity, Masks: masks}
}

// TestLateActivity runs a job whose second activity gets an output of the first one, and a secret.
func TestLateActivity(t *testing.T) {
	const secret = "s3cr3t-t0k3n-value"
	job := lateJob(`echo v1.2 > $TUTTI_OUTPUT/tag`, `echo "$TAG $TOKEN"; echo $TOKEN > kept`, `cat kept`)
	job.Activities[0].Outputs = []plan.Output{{Name: "tag", Type: plan.Type{Kind: plan.TypeString}}}
	var h *house
	h = open(t, t.TempDir(), 0, flowing(func(ctx context.Context, c server.Claim, activity string) (server.Answer, error) {
		run, err := h.db.Run(ctx, c.Run)
		if err != nil {
			return server.Answer{}, err
		}
		var tag string
		if err := json.Unmarshal(run.Jobs[0].Activities[0].Outputs["tag"], &tag); err != nil || activity != "a1" || c.Epoch != 1 {
			t.Errorf("asked about %s of %+v, when a0 had put out %s (%v)", activity, c, run.Jobs[0].Activities[0].Outputs, err)
		}
		return resolved(job.Activities[1], map[string]string{"TAG": tag, "TOKEN": secret}, secret), nil
	}))
	dir := t.TempDir()
	h.agent(dir, h.url)
	id := h.startJob(job)
	run := h.until(id, "done", isDone)
	if run.Result != plan.Passed {
		t.Errorf("the run ended %s: %+v", run.Result, run.Jobs[0])
	}
	if got := h.log(id, 1, "a1") + h.log(id, 1, "a2"); got != "v1.2 ***\n***\n" {
		t.Errorf("the logs read %q", got)
	}
	checkNowhere(t, dir, secret)
}

// TestAskedAgain cuts the connection while an answer is being computed.
func TestAskedAgain(t *testing.T) {
	job := lateJob("true", `echo "$WHO"`)
	asked, calls := make(chan struct{}, 10), atomic.Int64{}
	h := open(t, t.TempDir(), 0, flowing(func(ctx context.Context, _ server.Claim, _ string) (server.Answer, error) {
		asked <- struct{}{}
		if calls.Add(1) == 1 {
			<-ctx.Done() // ends with the session
			return server.Answer{}, ctx.Err()
		}
		return resolved(job.Activities[1], map[string]string{"WHO": "dana"}), nil
	}))
	c := h.cutter()
	h.agent(t.TempDir(), c.url())
	id := h.startJob(job)
	<-asked
	c.cut()
	if run := h.until(id, "done", isDone); run.Result != plan.Passed || calls.Load() != 2 || h.log(id, 1, "a1") != "dana\n" {
		t.Errorf("the run ended %s after %d questions; log %q", run.Result, calls.Load(), h.log(id, 1, "a1"))
	}
}

// TestSlowAnswer has an answer take long: the agent's other job must not wait for it.
func TestSlowAnswer(t *testing.T) {
	job := lateJob("true", "true")
	asked, answer := make(chan struct{}), make(chan struct{})
	h := open(t, t.TempDir(), 0, flowing(func(context.Context, server.Claim, string) (server.Answer, error) {
		close(asked)
		<-answer
		return resolved(job.Activities[1], nil), nil
	}))
	h.agent(t.TempDir(), h.url)
	slow := h.startJob(job)
	<-asked
	if run := h.until(h.start("echo fast"), "done", isDone); run.Result != plan.Passed {
		t.Errorf("the other run ended %s", run.Result)
	}
	close(answer)
	if run := h.until(slow, "done", isDone); run.Result != plan.Passed {
		t.Errorf("the run ended %s", run.Result)
	}
}

// TestAnswers has a flow answer in all its ways.
func TestAnswers(t *testing.T) {
	job := lateJob("true", "true")
	var busy atomic.Bool
	for name, c := range map[string]struct {
		flow   flow
		result plan.Result
		cause  string
	}{
		"Problem": {func(context.Context, server.Claim, string) (server.Answer, error) {
			return server.Answer{Problem: "division by zero"}, nil
		}, plan.Failed, "a1: division by zero"},
		"ErrInternal": {func(context.Context, server.Claim, string) (server.Answer, error) {
			return server.Answer{}, server.Errorf(server.Internal, "the disk at /var/lib/x is broken")
		}, plan.Failed, "a1: the server could not compute its values"},
		"TooLarge": {func(context.Context, server.Claim, string) (server.Answer, error) {
			return resolved(job.Activities[1], map[string]string{"X": strings.Repeat("x", wire.MaxMessage)}), nil
		}, plan.Failed, "a1: its environment, command and secrets have 512 KiB; no more than 512 KiB can be sent to an agent"},
		"Unavailable": {func(context.Context, server.Claim, string) (server.Answer, error) {
			if busy.CompareAndSwap(false, true) {
				return server.Answer{}, server.Errorf(server.Unavailable, "the compiler is busy")
			}
			return resolved(job.Activities[1], nil), nil
		}, plan.Passed, ""},
		"Skip": {func(context.Context, server.Claim, string) (server.Answer, error) {
			a := resolved(job.Activities[1], nil)
			a.Activity.Skip = "when is false"
			return a, nil
		}, plan.Passed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, t.TempDir(), 0, flowing(c.flow))
			h.agent(t.TempDir(), h.url)
			run := h.until(h.startJob(job), "done", isDone)
			if run.Result != c.result || run.Jobs[0].Cause != c.cause {
				t.Errorf("the run ended %s (%s)", run.Result, run.Jobs[0].Cause)
			}
		})
	}
}

// TestOthersQuestions has agents ask what they may not know.
func TestOthersQuestions(t *testing.T) {
	h := open(t, t.TempDir(), 0, flowing(func(_ context.Context, c server.Claim, _ string) (server.Answer, error) {
		return server.Answer{}, &server.Error{Kind: server.Conflict, Message: "over", Err: server.ErrStale}
	}))
	h.startJob(lateJob("true", "true"))
	p := h.puppet(t)
	var offer wire.Offer
	p.await(wire.KindOffer, &offer)
	must(t, p.control.Send(wire.Ask{Claim: offer.Claim, Activity: "none"}))
	var answer wire.Answer
	p.await(wire.KindAnswer, &answer)
	if answer.Problem != "the job has no such activity" || answer.Plan != nil {
		t.Errorf("the answer is %+v", answer)
	}
	other := offer.Claim
	other.Epoch++
	for _, c := range []wire.Claim{other, {Run: 99, Job: "x", Epoch: 1}} {
		must(t, p.control.Send(wire.Ask{Claim: c, Activity: "a1"}))
		p.await(wire.KindStale, new(wire.Stale))
	}
	must(t, p.control.Send(wire.Accept{Claim: offer.Claim}))
	p.await(wire.KindStart, new(wire.Start))
	must(t, p.control.Send(wire.Ask{Claim: offer.Claim, Activity: "a1"}))
	var stale wire.Stale
	if p.await(wire.KindStale, &stale); stale.Claim != offer.Claim {
		t.Errorf("stale is %+v", stale)
	}
}

// TestAlwaysAfterCancel cancels a run twice: what runs always goes on after the first time, and ends with the second.
func TestAlwaysAfterCancel(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	h.agent(t.TempDir(), h.url)
	job := scripted("echo begun; exec sleep 60", "echo never", "echo cleans up; exec sleep 60", "echo last")
	for _, i := range []int{2, 3} {
		job.Activities[i].RunOn = plan.OnAlways
	}
	id := h.startJob(job)
	waitFor(t, h, server.LogID{Run: id, Job: "test", Epoch: 1, Activity: "a0"}, 6)
	must(t, h.db.Cancel(t.Context(), id, "canceled by dana"))
	waitFor(t, h, server.LogID{Run: id, Job: "test", Epoch: 1, Activity: "a2"}, 10)
	must(t, h.db.Cancel(t.Context(), id, "canceled again by dana"))
	run := h.until(id, "done", isDone)
	for i, a := range run.Jobs[0].Activities {
		if a.Result != plan.Canceled {
			t.Errorf("activity %d ended %s (%s)", i, a.Result, a.Cause)
		}
	}
	if run.Result != plan.Canceled || h.log(id, 1, "a3") != "" {
		t.Errorf("the run ended %s; the last one wrote %q", run.Result, h.log(id, 1, "a3"))
	}
}

// TestTries has an activity fail twice before it passes.
func TestTries(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	h.agent(t.TempDir(), h.url)
	job := scripted(`echo x >> tries; cat tries; [ $(wc -l < tries) -gt 2 ]`)
	job.Activities[0].Retries = plan.Retries{By: map[plan.Cause]int{plan.CauseExit: 2}}
	id := h.startJob(job)
	run := h.until(id, "done", isDone)
	a := run.Jobs[0].Activities[0]
	if run.Result != plan.Passed || h.log(id, 1, "a0") != "x\nx\nx\nx\nx\nx\n" || a.LogIncomplete != "" {
		t.Errorf("the run ended %s: %+v; log %q", run.Result, a, h.log(id, 1, "a0"))
	}
	if len(a.Tries) != 2 || a.Tries[0] != (server.Try{Cause: "exit code 1", LogEnd: 2}) || a.Tries[1].LogEnd != 6 {
		t.Errorf("the tries are %+v", a.Tries)
	}
}

// checkNowhere looks for a text in all files of a folder.
func checkNowhere(t *testing.T, dir, text string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // it may be gone by now
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if bytes.Contains(data, []byte(text)) {
			t.Errorf("%s holds %q", path, text)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestSensitiveOutput puts out what must not be on the agent's disk.
func TestSensitiveOutput(t *testing.T) {
	const secret = "s3cr3t-0utput"
	job := lateJob(`echo s3cr3t-"0utput" > $TUTTI_OUTPUT/key`, "true")
	job.Activities[0].Outputs = []plan.Output{{Name: "key", Type: plan.Type{Kind: plan.TypeString}, Sensitive: true}}
	dir := t.TempDir()
	h := open(t, t.TempDir(), 0, flowing(func(context.Context, server.Claim, string) (server.Answer, error) {
		checkNowhere(t, dir, secret) // the agent waits for the answer
		return resolved(job.Activities[1], nil, secret), nil
	}))
	h.agent(dir, h.url)
	run := h.until(h.startJob(job), "done", isDone)
	if run.Result != plan.Passed {
		t.Errorf("the run ended %s (%s)", run.Result, run.Jobs[0].Cause)
	}
}
