package executor_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// turns is a room in which each run of anything goes as the next one of these says.
type turns struct {
	exits []func(context.Context, executor.Output) (executor.Exit, error)
	steps []executor.Step
	at    []time.Time
}

func (r *turns) Run(ctx context.Context, step executor.Step, out executor.Output) (executor.Exit, error) {
	r.steps, r.at = append(r.steps, step), append(r.at, time.Now())
	next := r.exits[0]
	r.exits = r.exits[1:]
	return next(ctx, out)
}

func (r *turns) Close(context.Context) error { return nil }
func (r *turns) Renew()                      {}
func (r *turns) Leave()                      {}
func (r *turns) Rejoin(context.Context, executor.Step, executor.Output, executor.Ticket) (executor.Exit, error) {
	return executor.Exit{}, errors.New("nothing was left")
}

// notes keeps the outcomes, and gives every activity a log.
type notes struct {
	t        *testing.T
	outcomes map[string]executor.Outcome
	order    []string
}

func (n *notes) Started(activity string, _ time.Time) (executor.Output, error) {
	n.order = append(n.order, "start "+activity)
	log, err := os.Create(filepath.Join(n.t.TempDir(), "log"))
	if err != nil {
		return executor.Output{}, err
	}
	n.t.Cleanup(func() { _ = log.Close() })
	return executor.Output{Log: log}, nil
}

func (n *notes) Going(string, executor.Progress) error { return nil }
func (n *notes) Rejoined(string) (executor.Output, error) {
	return executor.Output{}, errors.New("nothing was left")
}

func (n *notes) Finished(activity string, o executor.Outcome) error {
	n.order = append(n.order, "finish "+activity)
	if n.outcomes == nil {
		n.outcomes = make(map[string]executor.Outcome)
	}
	n.outcomes[activity] = o
	return nil
}

// writes is a process that writes and ends.
func writes(text string, exit executor.Exit) func(context.Context, executor.Output) (executor.Exit, error) {
	return func(_ context.Context, out executor.Output) (executor.Exit, error) {
		exit := exit
		exit.Started = time.Now()
		time.Sleep(time.Minute)
		_, err := out.Log.WriteString(text)
		exit.Finished = time.Now()
		return exit, err
	}
}

func TestTries(t *testing.T) {
	image := &executor.ImageError{Image: "x", Err: errors.New("registry is away")}
	type exits = []func(context.Context, executor.Output) (executor.Exit, error)
	one := func(text string) func(context.Context, executor.Output) (executor.Exit, error) {
		return writes(text, executor.Exit{Code: 1})
	}
	ok, oom := writes("ok", executor.Exit{}), writes("oom", executor.Exit{Code: 137, OOM: true})
	by := func(c plan.Cause, n int) plan.Retries { return plan.Retries{By: map[plan.Cause]int{c: n}} }
	for name, c := range map[string]struct {
		retries plan.Retries
		exits   exits
		result  plan.Result
		cause   string
		tries   []executor.Try
	}{
		"None":       {plan.Retries{}, exits{one("a")}, plan.Failed, "exit code 1", nil},
		"Any":        {plan.Retries{Any: 2}, exits{one("a"), oom, ok}, plan.Passed, "", []executor.Try{{Cause: "exit code 1", LogEnd: 1}, {Cause: "out of memory", LogEnd: 4}}},
		"TooOften":   {plan.Retries{Any: 1}, exits{one("a"), one("bc")}, plan.Failed, "exit code 1", []executor.Try{{Cause: "exit code 1", LogEnd: 1}}},
		"OtherCause": {by(plan.CauseOOM, 3), exits{oom, one("a")}, plan.Failed, "exit code 1", []executor.Try{{Cause: "out of memory", LogEnd: 3}}},
		"Image":      {by(plan.CauseImage, 1), exits{fails(image), ok}, plan.Passed, "", []executor.Try{{Cause: image.Error()}}},
		"Lost":       {by(plan.CauseLost, 1), exits{fails(errors.New("gone")), ok}, plan.Passed, "", []executor.Try{{Cause: "gone"}}},
		"Timeout":    {by(plan.CauseTimeout, 1), exits{hangs(143), ok}, plan.Passed, "", []executor.Try{{Cause: "timeout of 1h exceeded"}}},
		"Output": {by(plan.CauseOutput, 1), exits{writes("a", executor.Exit{OutputsErr: "output is odd"}), ok}, plan.Failed, "output \"n\" (number) was not written to $TUTTI_OUTPUT/n",
			[]executor.Try{{Cause: "output is odd", LogEnd: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := job("a")
				j.Activities[0].Timeout, j.Activities[0].Retries = plan.Duration(time.Hour), c.retries
				if name == "Output" {
					j.Activities[0].Outputs = []plan.Output{{Name: "n", Type: plan.Type{Kind: plan.TypeNumber}}}
				}
				room, told, began := &turns{exits: c.exits}, notes{t: t}, time.Now()
				if _, err := executor.Run(t.Context(), t.Context(), executor.Work{Job: j, Room: room, Reporter: &told}); err != nil {
					t.Fatal(err)
				}
				got := told.outcomes["a"]
				if got.Result != c.result || got.Cause != c.cause || !slices.Equal(got.Tries, c.tries) || len(room.exits) > 0 {
					t.Errorf("%s (%s) after %+v; %d tries are left", got.Result, got.Cause, got.Tries, len(room.exits))
				}
				if len(told.order) != 2 {
					t.Errorf("the reporter heard %q", told.order)
				}
				if pause := room.at[len(room.at)-1].Sub(began); (name == "Image" || name == "Lost") && pause < time.Second {
					t.Errorf("the next try came after %v", pause)
				}
				if name == "Any" && (!got.Exit.Started.Equal(began) || got.Exit.Finished.Sub(began) != 3*time.Minute) {
					t.Errorf("it ran from %v to %v", got.Exit.Started, got.Exit.Finished)
				}
			})
		})
	}
}

// A job that is canceled between two tries is canceled, and the try is not forgotten.
func TestCanceledBetweenTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hard, soft, cancel := executor.WithCancel(t.Context())
		defer cancel(nil)
		j := job("a")
		j.Activities[0].Retries.Any = 5
		room, told := &turns{exits: []func(context.Context, executor.Output) (executor.Exit, error){fails(errors.New("gone"))}}, notes{t: t}
		time.AfterFunc(time.Second/2, func() { cancel(executor.Canceled{Reason: "canceled by dana"}) })
		whole, err := executor.Run(hard, soft, executor.Work{Job: j, Room: room, Reporter: &told})
		if a := told.outcomes["a"]; err != nil || whole.Result != plan.Canceled || a.Cause != "canceled by dana" || len(a.Tries) != 1 {
			t.Errorf("%+v, %v: %+v", whole, err, a)
		}
	})
}

func TestOutputs(t *testing.T) {
	text, number := plan.Type{Kind: plan.TypeString}, plan.Type{Kind: plan.TypeNumber}
	list := plan.Type{Kind: plan.TypeList, Element: &text}
	large := strings.Repeat("<", 10<<10) // 6 bytes each on the wire
	for name, c := range map[string]struct {
		exit   executor.Exit
		result plan.Result
		cause  string
		want   map[string]json.RawMessage
	}{
		"OK": {executor.Exit{Outputs: map[string][]byte{"s": []byte("a <b>\n"), "n": []byte(" 12\n"), "l": []byte(`["x", "y"]`)}}, plan.Passed, "",
			map[string]json.RawMessage{"s": json.RawMessage(`"a \u003cb\u003e"`), "n": json.RawMessage("12"), "l": json.RawMessage(`["x","y"]`)}},
		"ErrMissing": {executor.Exit{Outputs: map[string][]byte{"s": []byte("x"), "n": []byte("1")}}, plan.Failed,
			`output "l" (list(string)) was not written to $TUTTI_OUTPUT/l`, map[string]json.RawMessage{"s": json.RawMessage(`"x"`), "n": json.RawMessage("1")}},
		"ErrType": {executor.Exit{Outputs: map[string][]byte{"s": []byte("x"), "n": []byte(`"hunter2"`), "l": []byte("[]")}}, plan.Failed,
			`output "n" must be a number, but is a string`, map[string]json.RawMessage{"s": json.RawMessage(`"x"`), "l": json.RawMessage("[]")}},
		"ErrTooLarge": {executor.Exit{Outputs: map[string][]byte{"s": []byte(large), "n": []byte("1"), "l": []byte(`["` + large + `","` + large + `"]`)}}, plan.Failed,
			`output "l" and those before it in the job have more than 128 KiB`, nil},
		"ErrEngine": {executor.Exit{OutputsErr: `output "s" has more than 64 KiB`}, plan.Failed, `output "s" has more than 64 KiB`, nil},
		"Failed":    {executor.Exit{Code: 2, Outputs: map[string][]byte{"n": []byte("1")}}, plan.Failed, "exit code 2", map[string]json.RawMessage{"n": json.RawMessage("1")}},
	} {
		t.Run(name, func(t *testing.T) {
			j := job("a")
			j.Activities[0].Outputs = []plan.Output{{Name: "s", Type: text}, {Name: "n", Type: number}, {Name: "l", Type: list}}
			told := notes{t: t}
			_, err := executor.Run(t.Context(), t.Context(), executor.Work{Job: j, Room: script{"a": exits(c.exit)}, Reporter: &told})
			got := told.outcomes["a"]
			if err != nil || got.Result != c.result || got.Cause != c.cause {
				t.Errorf("%s (%s), %v", got.Result, got.Cause, err)
			}
			if diff := cmp.Diff(c.want, got.Outputs); diff != "" && c.want != nil {
				t.Errorf("outputs (-want +got):\n%s", diff)
			}
			if strings.Contains(got.Cause, "hunter2") {
				t.Error("the cause holds a value")
			}
		})
	}
}

// What all activities put out together is bounded as well; tries that failed do not count.
func TestOutputsOfAJob(t *testing.T) {
	j := job("a", "b", "c")
	puts := func(code int) func(context.Context, executor.Output) (executor.Exit, error) {
		return exits(executor.Exit{Code: code, Outputs: map[string][]byte{"x": []byte(strings.Repeat("x", 60<<10))}})
	}
	for i := range j.Activities {
		j.Activities[i].Outputs = []plan.Output{{Name: "x", Type: plan.Type{Kind: plan.TypeString}}}
		j.Activities[i].Retries.Any = 2
	}
	room := &turns{exits: []func(context.Context, executor.Output) (executor.Exit, error){puts(1), puts(1), puts(0), puts(0), puts(0), puts(0), puts(0)}}
	whole, err := executor.Run(t.Context(), t.Context(), executor.Work{Job: j, Room: room, Reporter: &notes{t: t}})
	if err != nil || whole.Cause != `c: output "x" and those before it in the job have more than 128 KiB` {
		t.Errorf("%+v, %v", whole, err)
	}
}

// asked answers questions with a function.
type asked func(ctx context.Context, activity string) (executor.Step, error)

func (a asked) Resolve(ctx context.Context, activity string) (executor.Step, error) {
	return a(ctx, activity)
}

func TestLate(t *testing.T) {
	j := job("a", "b", "c", "d")
	j.Activities[1] = plan.Activity{Name: "b", Late: true, Script: "planned", Timeout: plan.Duration(time.Hour)}
	j.Activities[2].Late = true
	told := notes{t: t}
	room := &turns{exits: []func(context.Context, executor.Output) (executor.Exit, error){ends(0), ends(0), ends(0)}}
	resolver := asked(func(_ context.Context, activity string) (executor.Step, error) {
		told.order = append(told.order, "ask "+activity)
		if activity == "c" {
			return executor.Step{Activity: plan.Activity{Name: "c", Skip: "when is false"}, Masks: []string{"second-secret"}}, nil
		}
		return executor.Step{
			Activity: plan.Activity{Name: "other", Script: "other", Image: "x:1", Env: map[string]string{"A": "b"}, AllowFailure: true},
			Masks:    []string{"first-secret"},
		}, nil
	})
	whole, err := executor.Run(t.Context(), t.Context(), executor.Work{Job: j, Room: room, Resolver: resolver, Reporter: &told})
	if err != nil || whole.Result != plan.Passed || told.outcomes["c"].Cause != "when is false" {
		t.Errorf("%+v, %v; c: %+v", whole, err, told.outcomes["c"])
	}
	order := []string{"start a", "finish a", "ask b", "start b", "finish b", "ask c", "finish c", "start d", "finish d"}
	if diff := cmp.Diff(order, told.order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	want := []executor.Step{
		{Activity: j.Activities[0]},
		{Activity: plan.Activity{Name: "b", Script: "planned", Timeout: plan.Duration(time.Hour), Image: "x:1", Env: map[string]string{"A": "b"}}, Masks: []string{"first-secret"}},
		{Activity: j.Activities[3], Masks: []string{"first-secret", "second-secret"}},
	}
	if diff := cmp.Diff(want, room.steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestLateErr(t *testing.T) {
	dana := executor.Canceled{Reason: "canceled by dana"}
	waits := func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
	for name, c := range map[string]struct {
		resolve func(context.Context) error
		allow   bool
		result  plan.Result
		cause   string
	}{
		"Value":    {func(context.Context) error { return &executor.ValueError{Reason: "division by zero"} }, false, plan.Failed, "division by zero"},
		"Allowed":  {func(context.Context) error { return &executor.ValueError{Reason: "division by zero"} }, true, plan.Warned, "division by zero"},
		"Other":    {func(context.Context) error { return errors.New("no JSON") }, true, plan.Lost, "its values could not be had: no JSON"},
		"Canceled": {waits, true, plan.Canceled, "canceled by dana"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hard, soft, cancel := executor.WithCancel(t.Context())
				defer cancel(nil)
				time.AfterFunc(time.Minute, func() { cancel(dana) })
				j := job("a")
				j.Activities[0].Late, j.Activities[0].AllowFailure = true, c.allow
				told := notes{t: t}
				resolver := asked(func(ctx context.Context, _ string) (executor.Step, error) { return executor.Step{}, c.resolve(ctx) })
				_, err := executor.Run(hard, soft, executor.Work{Job: j, Room: &turns{}, Resolver: resolver, Reporter: &told})
				if a := told.outcomes["a"]; err != nil || a.Result != c.result || a.Cause != c.cause {
					t.Errorf("%+v, %v", a, err)
				}
				if len(told.order) != 1 {
					t.Errorf("the reporter heard %q", told.order)
				}
			})
		})
	}
}
