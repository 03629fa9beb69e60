package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// A lateSource is a run whose matrix gets its instances in the middle.
type lateSource struct{ asked int }

var lateJobs = []server.Job{
	{Name: "list", State: plan.Running, Epoch: 1}, {Name: "test", Kind: plan.KindMatrix},
	{Name: "test.1", State: plan.Running, Epoch: 1, Of: "test", Matrix: []plan.Value{{Name: "go", Value: []byte(`"1.26"`)}}},
}

func (s *lateSource) RunPatiently(context.Context, server.RunID) (server.Run, error) {
	s.asked++
	known := 2
	if s.asked > 1 {
		known = 3
	}
	return server.Run{ID: 1, State: plan.Done, Result: plan.Passed, Jobs: lateJobs[:known]}, nil
}

func (s *lateSource) Changes(_ context.Context, _ server.RunID, _ int64, change func(server.Change) error) error {
	for i, ch := range []server.Change{
		{Kind: "activity", Job: "list", Activity: "list", State: plan.Running},
		{Kind: "job", Job: "test.1", State: plan.Queued},
		{Kind: "activity", Job: "test.1", Activity: "unit", State: plan.Running},
		{Kind: "activity", Job: "test.1", Activity: "unit", State: plan.Done, Result: plan.Passed},
	} {
		ch.Seq = int64(i + 1)
		if err := change(ch); err != nil {
			return err
		}
	}
	return nil
}

func (s *lateSource) LogOf(_ context.Context, id server.LogID, _ int64, _ bool, w io.Writer) error {
	_, err := fmt.Fprintf(w, "log of %s/%s\n", id.Job, id.Activity)
	return err
}

func TestFollowLearnsOfJobsThatAppearLate(t *testing.T) {
	var out bytes.Buffer
	src := &lateSource{}
	if _, err := follow(t.Context(), src, 1, newPlainView(&out)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"==> list/list\nlog of list/list\n", "==> test (go 1.26)/unit\nlog of test.1/unit\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if src.asked != 3 { // at first, for what was not known, and at the end
		t.Errorf("the run was read %d times, want 3", src.asked)
	}
}

func TestLogsOfAMatrix(t *testing.T) {
	src := &lateSource{asked: 1}
	run, _ := src.RunPatiently(t.Context(), 1)
	for i := range run.Jobs {
		if run.Jobs[i].Kind == plan.KindJob {
			run.Jobs[i].Activities = []server.Activity{{Name: "unit"}}
		}
	}
	for name, want := range map[string]string{"test": "[test.1]", "test.1": "[test.1]", "test (go 1.26)": "[test.1]", "": "[list test test.1]"} {
		jobs, err := theJobs(run, name, "")
		var names []string
		for _, j := range jobs {
			names = append(names, j.Name)
		}
		if fmt.Sprint(names) != want || err != nil {
			t.Errorf("%q means %v, %v; want %s", name, names, err, want)
		}
	}
	for what, want := range map[[2]string]string{
		{"tset", ""}: "it has list, test, test.1", {"test.1", "unti"}: `has no activity "unti"; it has unit`,
	} {
		if _, err := theJobs(run, what[0], what[1]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %q", what, err, want)
		}
	}
}

// A log that lacks something ends as one that does not: whoever followed it has to be told.
func TestFollowedLogsThatLackSomething(t *testing.T) {
	run := server.Run{Jobs: []server.Job{
		{Name: "test", Activities: []server.Activity{{Name: "unit", LogIncomplete: "7 bytes are missing"}, {Name: "lint"}}},
		{Name: "other", Activities: []server.Activity{{Name: "unit", LogIncomplete: "its host is gone"}}},
	}}
	for _, c := range []struct {
		only choice
		want string
	}{
		{choice{}, "the log of test/unit is incomplete: 7 bytes are missing\nthe log of other/unit is incomplete: its host is gone"},
		{choice{jobs: []string{"test"}}, "the log of test/unit is incomplete: 7 bytes are missing"},
		{choice{jobs: []string{"test"}, activity: "lint"}, ""},
	} {
		got := ""
		if err := incompleteLogs(run, c.only); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("of %+v it is said %q, want %q", c.only, got, c.want)
		}
	}
	var out bytes.Buffer
	summarise(&out, server.Run{Result: plan.Lost, Jobs: run.Jobs[:1]}, "", false)
	if !strings.Contains(out.String(), "(log incomplete: 7 bytes are missing)") {
		t.Errorf("the summary says nothing of it:\n%s", &out)
	}
}
