package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

func TestHeads(t *testing.T) {
	db := ready(t)
	want := func(heads map[string]string) {
		t.Helper()
		got, err := db.Heads(t.Context(), "app")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(heads, got); diff != "" {
			t.Errorf("heads (-want +got):\n%s", diff)
		}
	}
	want(nil)
	if err := db.KnowHeads(t.Context(), "app", nil); err != nil {
		t.Fatal(err)
	}
	want(map[string]string{})
	if err := db.KnowHeads(t.Context(), "app", map[string]string{"refs/heads/late": "1"}); err != nil {
		t.Fatal(err)
	}
	want(map[string]string{})
	for _, move := range []struct{ from, to string }{{"", "1"}, {"1", "2"}, {"2", ""}} {
		if _, err := db.Advance(t.Context(), server.Move{Project: "app", Ref: "refs/heads/main", From: move.from, To: move.to}, nil); err != nil {
			t.Fatal(err)
		}
		if move.to != "" {
			want(map[string]string{"refs/heads/main": move.to})
		}
	}
	want(map[string]string{})
	_, err := db.Heads(t.Context(), "nobody")
	wantKind(t, err, server.NotFound)
}

func TestAdvance(t *testing.T) {
	db := ready(t)
	starts := []server.NewRun{
		{Run: server.Run{Project: "app"}, Plan: &plan.Plan{Version: 1, Pipeline: "ci", Jobs: []plan.Job{job("test")}}},
		{Run: server.Run{Project: "app", State: plan.Done, Result: plan.Skipped, Cause: "no pipeline here"}},
	}
	move := server.Move{Project: "app", Ref: "refs/heads/main", To: "1"}
	runs, err := db.Advance(t.Context(), move, starts)
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != 2 || runs[0].ID != 1 || runs[0].State != plan.Queued || runs[1].Result != plan.Skipped {
		t.Errorf("runs are %+v", runs)
	}
	// The same event again, as after a crash of whoever brought it.
	_, err = db.Advance(t.Context(), move, starts)
	wantKind(t, err, server.Conflict)
	for _, m := range []server.Move{
		{Project: "app", Ref: move.Ref, From: "0", To: "2"},
		{Project: "app", Ref: move.Ref, From: "0"},
	} {
		_, err = db.Advance(t.Context(), m, starts)
		wantKind(t, err, server.Conflict)
	}
	all, err := db.Runs(t.Context(), server.RunFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 {
		t.Errorf("there are %d runs, want 2", len(all))
	}
	// Away and back again is two events.
	for _, m := range []server.Move{
		{Project: "app", Ref: move.Ref, From: "1", To: "2"},
		{Project: "app", Ref: move.Ref, From: "2", To: "1"},
		{Project: "app", Ref: move.Ref, From: "1"},
		move,
	} {
		if _, err := db.Advance(t.Context(), m, starts[1:]); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAgents(t *testing.T) {
	db := ready(t)
	second := connect(t, db, "a1")
	if second != 2 {
		t.Errorf("session is %d, want 2", second)
	}
	wantKind(t, db.AgentStatus(t.Context(), "a1", 1, server.AgentStatus{}), server.Conflict)
	if err := db.AgentOffline(t.Context(), "a1", 1); err != nil { // the connection that was replaced
		t.Fatal(err)
	}
	status := server.AgentStatus{Labels: []string{"gpu=h100"}, Capacity: 0, Problem: "Docker does not answer"}
	if err := db.AgentStatus(t.Context(), "a1", second, status); err != nil {
		t.Fatal(err)
	}
	start(t, db, create(t, db, job("test")).ID, "test")
	one := func() server.Agent {
		t.Helper()
		all, err := db.Agents(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatalf("agents are %+v, error %v", all, err)
		}
		return all[0]
	}
	a := one()
	if !a.Online || a.Problem != status.Problem || a.Capacity != 0 || len(a.Jobs) != 1 || a.Jobs[0].Job != "test" || a.Labels[0] != "gpu=h100" {
		t.Errorf("agent is %+v", a)
	}
	if err := db.AgentOffline(t.Context(), "a1", second); err != nil {
		t.Fatal(err)
	}
	if one().Online {
		t.Error("agent is online after its last session ended")
	}
}
