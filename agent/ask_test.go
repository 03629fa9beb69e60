package agent

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// kinds answers what a pump says now.
func kinds(p *pump) (said []string) {
	for _, m := range p.news() {
		switch m := m.(type) {
		case wire.Ask:
			said = append(said, "ask "+m.Activity)
		case wire.Report:
			said = append(said, "report")
		case wire.Accept:
			said = append(said, "accept")
		}
	}
	return said
}

// TestAsk asks in each session until there is an answer, and always behind the report of what came before.
func TestAsk(t *testing.T) {
	w := testWorker(t)
	j, _ := testJob(t, w)
	type result struct {
		step executor.Step
		err  error
	}
	done := make(chan result, 1)
	must(t, j.Finished("unit", executor.Outcome{Result: plan.Passed, Outputs: map[string]json.RawMessage{"x": json.RawMessage(`1`)}}))
	<-w.wake // that was the report
	go func() {
		step, err := j.Resolve(t.Context(), "next")
		done <- result{step, err}
	}()
	<-w.wake
	first := w.newPump(nil)
	if said := kinds(first); !slices.Equal(said, []string{"accept", "report", "ask next"}) {
		t.Errorf("the first session hears %q", said)
	}
	if said := kinds(first); len(said) != 0 {
		t.Errorf("it then hears %q", said)
	}
	if said := kinds(w.newPump(nil)); !slices.Contains(said, "ask next") {
		t.Errorf("the second session hears %q", said)
	}
	j.answered(wire.Answer{Claim: j.claim, Activity: "unit", Problem: "nobody asked"})
	for range 2 {
		j.answered(wire.Answer{Claim: j.claim, Activity: "next", Plan: []byte(`{"name":"next","image":"x:1"}`), Masks: []string{"s3cr3t"}})
	}
	got := <-done
	if got.err != nil || got.step.Image != "x:1" || !slices.Equal(got.step.Masks, []string{"s3cr3t"}) {
		t.Errorf("the answer is %+v, %v", got.step, got.err)
	}
	if said := kinds(w.newPump(nil)); slices.Contains(said, "ask next") {
		t.Errorf("after the answer a session hears %q", said)
	}
	j.answered(wire.Answer{Claim: j.claim, Activity: "next"}) // and it matters to nobody
}

func TestAnswersThatAreNone(t *testing.T) {
	var value *executor.ValueError
	if _, err := readAnswer(wire.Answer{Problem: "division by zero"}); !errors.As(err, &value) || value.Reason != "division by zero" {
		t.Errorf("a problem is %v", err)
	}
	for _, text := range []string{"", "{", `{"env": "s3cr3t"}`} {
		if _, err := readAnswer(wire.Answer{Plan: []byte(text)}); err == nil || errors.As(err, &value) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%q is %v", text, err)
		}
	}
}

func TestAskIsCanceled(t *testing.T) {
	j, _ := testJob(t, testWorker(t))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(executor.Canceled{Reason: "canceled by dana"})
	if _, err := j.Resolve(ctx, "next"); !errors.Is(err, executor.Canceled{Reason: "canceled by dana"}) {
		t.Errorf("Resolve answers %v", err)
	}
}

// TestSensitiveOutputs keeps them off the disk, and does not forget that it did.
func TestSensitiveOutputs(t *testing.T) {
	w := testWorker(t)
	j, _ := testJob(t, w)
	j.plan.Activities[0].Outputs = []plan.Output{{Name: "open"}, {Name: "hidden", Sensitive: true}}
	must(t, j.Finished("unit", executor.Outcome{Result: plan.Passed, Outputs: map[string]json.RawMessage{
		"open": json.RawMessage(`1`), "hidden": json.RawMessage(`"s3cr3t"`),
	}}))
	if got := string(j.report.Activities[0].Outputs["hidden"]); got != `"s3cr3t"` {
		t.Errorf("the server would hear %s", got)
	}
	kept := w.journal.held[j.claim].Report
	if got := kept.Activities[0].Outputs; len(got) != 1 || string(got["open"]) != "1" {
		t.Errorf("the journal holds %s", got)
	}
	if why := j.withheld(kept); !strings.Contains(why, `"hidden" of unit`) {
		t.Errorf("a restart finds %q", why)
	}
	if why := j.withheld(j.report); why != "" {
		t.Errorf("of a whole report it is said: %s", why)
	}
}

// TestCanceledBeforeStart cancels a job softly before the server let it start: not even what runs always may run.
func TestCanceledBeforeStart(t *testing.T) {
	w := testWorker(t)
	p := plan.Job{Name: "test", Activities: []plan.Activity{{Name: "unit", RunOn: plan.OnAlways}, {Name: "next"}}}
	j, in := w.newJob(t.Context(), offer(1), p)
	t.Cleanup(func() { j.drop(nil) })
	w.jobs[j.claim] = j
	write(t, w.journal, record{Hold: &j.offer})
	j.hold.Accepted()
	w.cancel(j.claim, "canceled by dana", false)
	outcome, left := j.execute(in, nil, nil)
	if left || in.life.Err() != nil || outcome.Result != plan.Canceled || outcome.Cause != "canceled by dana" {
		t.Errorf("it ended %+v (%v)", outcome, in.life.Err())
	}
}

// TestHardCancel cancels a job that runs, softly and then hard.
func TestHardCancel(t *testing.T) {
	w := testWorker(t)
	j, in := w.newJob(t.Context(), offer(1), plan.Job{})
	t.Cleanup(func() { j.drop(nil) })
	w.jobs[j.claim] = j
	j.hold.Accepted()
	w.start(j.claim, w.boottime(), time.Minute)
	for range 2 {
		w.cancel(j.claim, "r", false)
		if in.soft.Err() == nil || in.hard.Err() != nil {
			t.Errorf("a soft one: %v, %v", in.soft.Err(), in.hard.Err())
		}
	}
	w.cancel(j.claim, "r", true)
	w.cancel(j.claim, "r", false)
	var canceled executor.Canceled
	if !errors.As(context.Cause(in.hard), &canceled) || !canceled.Hard {
		t.Errorf("a hard one: %v", context.Cause(in.hard))
	}
}

// TestFullReport has a job put out as much as it may, with characters that take six bytes each on the wire, and many tries.
func TestFullReport(t *testing.T) {
	w := testWorker(t)
	j, _ := testJob(t, w)
	value, err := json.Marshal(strings.Repeat("<", executor.MaxOutputs/6-2))
	must(t, err)
	tries := slices.Repeat([]executor.Try{{Cause: strings.Repeat("\x01", 10<<10)}}, 100)
	must(t, j.Finished("unit", executor.Outcome{Result: plan.Passed, Outputs: map[string]json.RawMessage{"x": value}, Tries: tries}))
	data, err := wire.Encode(j.report)
	if err != nil || len(data) > wire.MaxMessage {
		t.Errorf("the report has %d bytes (%v)", len(data), err)
	}
}
