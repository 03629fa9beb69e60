package web

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

func jobs(needs map[string][]string, order ...string) []server.Job {
	var all []server.Job
	for _, name := range order {
		all = append(all, server.Job{Name: name, Needs: needs[name], State: plan.Waiting})
	}
	return all
}

func TestDrawGraph(t *testing.T) {
	run := server.Run{Jobs: jobs(map[string][]string{"deploy": {"test", "build"}, "build": {"lint"}}, "deploy", "lint", "test", "build")}
	g := drawGraph(run, time.Now())
	at := map[string]graphNode{}
	for _, n := range g.Nodes {
		at[n.Job.Name] = n
	}
	for _, j := range run.Jobs {
		for _, need := range j.Needs {
			if at[need].X >= at[j.Name].X {
				t.Errorf("%s needs %s, but is not right of it", j.Name, need)
			}
		}
	}
	if len(g.Edges) != 3 {
		t.Errorf("there are %d edges, want 3", len(g.Edges))
	}
	for i, a := range g.Nodes {
		if a.X+a.Width > g.Width || a.Y+a.Height > g.Height || a.X < 0 || a.Y < 0 {
			t.Errorf("%s is outside of the picture", a.Job.Name)
		}
		for _, b := range g.Nodes[i+1:] {
			if a.X == b.X && a.Y == b.Y {
				t.Errorf("%s covers %s", a.Job.Name, b.Job.Name)
			}
		}
	}
	if drawGraph(server.Run{Jobs: jobs(nil, "one")}, time.Now()) != nil {
		t.Error("a single job makes a picture")
	}
}

func TestDrawGraphGroupsInstances(t *testing.T) {
	instance := func(n int) server.Job {
		value := json.RawMessage(strconv.Itoa(n))
		return server.Job{Name: fmt.Sprintf("test.%d", n), Of: "test", Matrix: []plan.Value{{Name: "go", Value: value}}, State: plan.Waiting}
	}
	all := []server.Job{{Name: "build", State: plan.Waiting}, {Name: "test", Kind: plan.KindMatrix, Needs: []string{"build"}, State: plan.Waiting}}
	for n := range 30 {
		all = append(all, instance(n+1))
	}
	all = append(all, server.Job{Name: "after", Needs: []string{"test"}, State: plan.Waiting}, server.Job{Name: "beside", Needs: []string{"build"}, State: plan.Waiting})
	g := drawGraph(server.Run{Jobs: all}, time.Now())
	if len(g.Nodes) != 4 || len(g.Edges) != 3 {
		t.Fatalf("there are %d nodes and %d edges, want 4 and 3", len(g.Nodes), len(g.Edges))
	}
	for i, a := range g.Nodes {
		if a.Y < 0 || a.Y+a.Height > g.Height {
			t.Errorf("%s is outside of the picture", a.Job.Name)
		}
		for _, b := range g.Nodes[i+1:] {
			if a.X == b.X && a.Y < b.Y+b.Height && b.Y < a.Y+a.Height {
				t.Errorf("%s covers %s", a.Job.Name, b.Job.Name)
			}
		}
		if a.Job.Name != "test" {
			continue
		}
		if last := a.Rows[len(a.Rows)-1]; len(a.Rows) != maxInstances || last.More != "and 19 more" || last.Y+instanceHeight > a.Height {
			t.Errorf("the box of 30 instances has %d rows, the last of which is %+v", len(a.Rows), last)
		}
		if a.Rows[0].Label != "go 1" || a.Took != "× 30" {
			t.Errorf("the first row is %q below %q", a.Rows[0].Label, a.Took)
		}
	}
	if later := drawGraph(server.Run{Jobs: all[:2]}, time.Now()); later.Nodes[1].Took != "× ?" {
		t.Errorf("a matrix whose instances are not known is %q", later.Nodes[1].Took)
	}
}

// TestDrawGraphOfStrangers draws what a plan should never hold, and must not hang.
func TestDrawGraphOfStrangers(t *testing.T) {
	needs := map[string][]string{"a": {"b"}, "b": {"a"}, "c": {"gone"}}
	if g := drawGraph(server.Run{Jobs: jobs(needs, "a", "b", "c")}, time.Now()); len(g.Nodes) != 3 {
		t.Errorf("%d jobs are drawn, want 3", len(g.Nodes))
	}
}

func BenchmarkDrawGraph(b *testing.B) {
	needs, order := map[string][]string{}, []string{}
	for i := range 1000 {
		name := fmt.Sprintf("job-%d", i)
		for k := 1; k <= 3 && i >= 40; k++ {
			needs[name] = append(needs[name], fmt.Sprintf("job-%d", i-40+(i*k)%37))
		}
		order = append(order, name)
	}
	run := server.Run{Jobs: jobs(needs, order...)}
	for b.Loop() {
		drawGraph(run, time.Time{})
	}
}

func TestDrawTimeline(t *testing.T) {
	from := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(s int) *time.Time { t := from.Add(time.Duration(s) * time.Second); return &t }
	run := server.Run{CreatedAt: from, FinishedAt: at(100), Jobs: []server.Job{
		{Name: "test", QueuedAt: at(0), StartedAt: at(10), Activities: []server.Activity{
			{Name: "unit", State: plan.Done, Result: plan.Passed, StartedAt: at(20), FinishedAt: at(60)},
			{Name: "late", State: plan.Done, Result: plan.Failed, StartedAt: at(90), FinishedAt: at(500)}, // by a clock of its own
		}},
		{Name: "never queued"},
		{Name: "release", Kind: plan.KindApproval, Approval: &server.Approval{AskedAt: at(50)}, FinishedAt: at(75)},
	}}
	line := drawTimeline(run, from.Add(time.Hour))
	if len(line.Rows) != 2 {
		t.Fatalf("there are %d rows, want 2", len(line.Rows))
	}
	if got, want := line.Rows[1].Bars, (bar{"50.000%", "25.000%", "asking", "waiting for a person · 25s"}); len(got) != 1 || got[0] != want {
		t.Errorf("the approval is drawn as %+v, want %+v", got, want)
	}
	want := []bar{{"0.000%", "10.000%", "queue", "queue · 10s"}, {"20.000%", "40.000%", "passed", "unit · 40s"}, {"90.000%", "10.000%", "failed", "late · 6m 50s"}}
	for i, got := range line.Rows[0].Bars {
		if got != want[i] {
			t.Errorf("bar %d is %+v, want %+v", i, got, want[i])
		}
	}
	if n := len(line.Ticks); n < 3 || n > 11 {
		t.Errorf("there are %d ticks", n)
	}
}
