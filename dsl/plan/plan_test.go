package plan_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
)

func TestReady(t *testing.T) {
	ended := map[string]plan.Result{"passed": plan.Passed, "warned": plan.Warned, "failed": plan.Failed, "lost": plan.Lost,
		"skipped": plan.Skipped, "canceled": plan.Canceled}
	result := func(node string) (plan.Result, bool) {
		r, ok := ended[node]
		return r, ok
	}
	cases := map[string]struct {
		job     plan.Job
		turn    plan.Turn
		blocker string
	}{
		"NoNeeds":          {plan.Job{}, plan.Go, ""},
		"Passed":           {plan.Job{Needs: []string{"passed", "warned"}}, plan.Go, ""},
		"Waits":            {plan.Job{Needs: []string{"passed", "runs"}}, plan.Wait, ""},
		"Failed":           {plan.Job{Needs: []string{"runs", "failed"}}, plan.Never, "failed"},
		"Skipped":          {plan.Job{Needs: []string{"skipped"}}, plan.Never, "skipped"},
		"SkippedOptional":  {plan.Job{Needs: []string{"skipped"}, Optional: []string{"skipped"}}, plan.Go, ""},
		"FailedOptional":   {plan.Job{Needs: []string{"failed"}, Optional: []string{"failed"}}, plan.Never, "failed"},
		"OnFailed":         {plan.Job{Needs: []string{"passed", "lost"}, RunOn: plan.OnFailed}, plan.Go, ""},
		"OnFailedWaits":    {plan.Job{Needs: []string{"failed", "runs"}, RunOn: plan.OnFailed}, plan.Wait, ""},
		"OnFailedNever":    {plan.Job{Needs: []string{"passed", "canceled"}, RunOn: plan.OnFailed}, plan.Never, ""},
		"OnAlways":         {plan.Job{Needs: []string{"canceled", "failed"}, RunOn: plan.OnAlways}, plan.Go, ""},
		"OnAlwaysWaits":    {plan.Job{Needs: []string{"runs", "failed"}, RunOn: plan.OnAlways}, plan.Wait, ""},
		"OnAlwaysNoNeeds":  {plan.Job{RunOn: plan.OnAlways}, plan.Go, ""},
		"CanceledUpstream": {plan.Job{Needs: []string{"canceled"}}, plan.Never, "canceled"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if turn, blocker := plan.Ready(c.job, result); turn != c.turn || blocker != c.blocker {
				t.Errorf("turn = %v, blocker = %q; want %v, %q", turn, blocker, c.turn, c.blocker)
			}
		})
	}
}

func TestRetries(t *testing.T) {
	by := plan.Retries{By: map[plan.Cause]int{plan.CauseTimeout: 1, plan.CauseLost: 2}}
	for name, c := range map[string]struct {
		retries plan.Retries
		failed  []plan.Cause
		allow   bool
	}{
		"None":          {plan.Retries{}, []plan.Cause{plan.CauseExit}, false},
		"Any":           {plan.Retries{Any: 2}, []plan.Cause{plan.CauseExit, plan.CauseOOM}, true},
		"AnyUsed":       {plan.Retries{Any: 2}, []plan.Cause{plan.CauseExit, plan.CauseOOM, plan.CauseExit}, false},
		"ByCause":       {by, []plan.Cause{plan.CauseTimeout}, true},
		"ByCauseUsed":   {by, []plan.Cause{plan.CauseTimeout, plan.CauseTimeout}, false},
		"OtherCause":    {by, []plan.Cause{plan.CauseExit}, false},
		"MixedCauses":   {by, []plan.Cause{plan.CauseTimeout, plan.CauseLost, plan.CauseLost}, true},
		"NothingFailed": {plan.Retries{Any: 1}, nil, false},
	} {
		if got := c.retries.Allow(c.failed...); got != c.allow {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTypeRead(t *testing.T) {
	number, text := plan.Type{Kind: plan.TypeNumber}, plan.Type{Kind: plan.TypeString}
	list := plan.Type{Kind: plan.TypeList, Element: &number}
	object := plan.Type{Kind: plan.TypeObject, Attributes: map[string]plan.Type{
		"a": text, "b": {Kind: plan.TypeNumber, Optional: true},
	}}
	for _, c := range []struct {
		typ        plan.Type
		file, want string // want is JSON, or what the error holds
	}{
		{text, "v1.2\n", `"v1.2"`}, {text, "two\n\n", `"two\n"`}, {text, "", `""`}, {text, "crlf\r\n", `"crlf"`}, {text, "\xff", "UTF-8"},
		{number, " 80.5\n", "80.5"}, {number, "80 %", "valid JSON"}, {number, `"80"`, "must be a number, but is a string"}, {number, "null", "null"},
		{list, "[1, 2]", "[1,2]"}, {list, `[1, "hush"]`, "at [1]"}, {list, `{"a":1}`, "an object"},
		{object, `{"a": "x"}`, `{"a":"x"}`}, {object, `{"b": 1}`, `lacks the attribute "a"`}, {object, `{"a":"x","c":1}`, `"c"`},
		{plan.Type{Kind: plan.TypeMap, Element: &text}, `{"k": "v"}`, `{"k":"v"}`}, {plan.Type{Kind: plan.TypeBool}, "true", "true"},
	} {
		got, err := c.typ.Read([]byte(c.file))
		switch {
		case err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush")):
			t.Errorf("%s of %q: %v, want %q", c.typ, c.file, err, c.want)
		case err == nil && string(got) != c.want:
			t.Errorf("%s of %q = %s, want %s", c.typ, c.file, got, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	values := []plan.Value{{Name: "go", Value: json.RawMessage(`"1.26"`)}, {Name: "db", Value: json.RawMessage("17")}}
	job := plan.Job{Name: "test.1", Of: "test", Matrix: values}
	if got, want := job.Title(), "test (go 1.26, db 17)"; got != want {
		t.Errorf("title = %q, want %q", got, want)
	}
	if got := (plan.Job{Name: "build"}).Title(); got != "build" {
		t.Errorf("title = %q", got)
	}
	for d, want := range map[time.Duration]string{time.Hour: "1h", 90 * time.Second: "1m30s", 72 * time.Hour: "72h", time.Hour + time.Second: "1h0m1s"} {
		if got := plan.Duration(d).String(); got != want {
			t.Errorf("%v = %q, want %q", d, got, want)
		}
	}
}

func TestDecode(t *testing.T) {
	want := &plan.Plan{Version: 1, Pipeline: "ci", Jobs: []plan.Job{{Name: "a", RunOn: plan.OnAlways, Activities: []plan.Activity{{
		Name: "x", Image: "alpine:3.20", Timeout: plan.Duration(time.Minute), Retries: plan.Retries{By: map[plan.Cause]int{plan.CauseOOM: 1}},
	}}}}}
	data, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := plan.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	for _, bad := range []string{`{"version": 2}`, `{}`, `[`} {
		if _, err := plan.Decode([]byte(bad)); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

func TestCycle(t *testing.T) {
	needs := map[string][]string{"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": nil, "e": {"e"}}
	find := func(names ...string) []string {
		return plan.Cycle(names, func(n string) []string { return needs[n] })
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, find("a", "b", "c", "d")); diff != "" {
		t.Error(diff)
	}
	if got := find("d"); got != nil {
		t.Error(got)
	}
	if diff := cmp.Diff([]string{"e"}, find("d", "e")); diff != "" {
		t.Error(diff)
	}
}
