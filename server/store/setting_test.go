package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/store"
)

func TestSettings(t *testing.T) {
	db := ready(t)
	ctx := t.Context()
	for _, s := range []server.Setting{
		{Project: "app", Name: "region", Value: "old"}, {Project: "app", Name: "region", Value: "eu"},
		{Project: "app", Environment: "prod", Name: "region", Value: "us"}, {Project: "app", Name: "empty"},
	} {
		if err := db.SetVariable(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	got, err := db.Variables(ctx, "app")
	if err != nil {
		t.Fatal(err)
	}
	want := []server.Setting{
		{Project: "app", Name: "empty"}, {Project: "app", Name: "region", Value: "eu"}, {Project: "app", Environment: "prod", Name: "region", Value: "us"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	if err := db.RemoveVariable(ctx, "app", "prod", "region"); err != nil {
		t.Fatal(err)
	}
	err = db.RemoveVariable(ctx, "app", "prod", "region")
	wantKind(t, err, server.NotFound)
	if err.Error() != `there is no variable "region" in environment prod of project app` {
		t.Errorf("error is %q", err)
	}
	for kind, bad := range map[server.Kind]server.Setting{
		server.NotFound: {Project: "nobody", Name: "region"}, server.Invalid: {Project: "app", Name: "Region"},
	} {
		wantKind(t, db.SetVariable(ctx, bad), kind)
	}
	_, err = db.Variables(ctx, "nobody")
	wantKind(t, err, server.NotFound)
}

func TestSecrets(t *testing.T) {
	db := ready(t)
	ctx := t.Context()
	for _, s := range []server.Setting{
		{Project: "app", Name: "token", Value: "for-all"}, {Project: "app", Environment: "prod", Name: "token", Value: "for-prod"},
		{Project: "app", Name: "other", Value: "for-others"},
	} {
		if err := db.SetSecret(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	list, err := db.Secrets(ctx, "app")
	if err != nil {
		t.Fatal(err)
	}
	want := []server.Setting{{Project: "app", Name: "other"}, {Project: "app", Name: "token"}, {Project: "app", Environment: "prod", Name: "token"}}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	for environment, want := range map[string]string{"": "for-all", "prod": "for-prod", "staging": "for-all"} {
		got, err := db.SecretValues(ctx, "app", environment, []string{"token", "missing"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"token": want}, got); diff != "" {
			t.Errorf("values for %q (-want +got):\n%s", environment, diff)
		}
	}
	if err := db.RemoveSecret(ctx, "app", "", "other"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, db.RemoveSecret(ctx, "app", "", "other"), server.NotFound)
	err = db.SetSecret(ctx, server.Setting{Project: "app", Name: "short", Value: "hush!"})
	wantKind(t, err, server.Invalid)
	if strings.Contains(err.Error(), "hush") {
		t.Errorf("the error shows the value: %v", err)
	}
}

// What was a secret is not left in what the database does not use any more.
func TestSecretsThatAreGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tutti.db")
	db, err := store.Open(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	prepare(t, db)
	for _, value := range []string{"hunter2-was-replaced", "hunter2-was-removed"} {
		if err := db.SetSecret(t.Context(), server.Setting{Project: "app", Name: "token", Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.RemoveSecret(t.Context(), "app", "", "token"); err != nil {
		t.Fatal(err)
	}
	r := create(t, db, producer())
	c := start(t, db, r.ID, "build")
	report := end(c, 1, plan.Passed, "")
	report.Activities[0].Outputs = raw("image", `"app:1"`, "token", `"hunter2-was-put-out"`)
	if err := db.Report(t.Context(), "a1", report); err != nil {
		t.Fatal(err)
	}
	if err := db.Conclude(t.Context(), c.Ref(), raw("image", `"app:1"`, "token", `"hunter2-was-put-out"`), ""); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if i := bytes.Index(data, []byte("hunter2")); i >= 0 {
		t.Errorf("the file holds %q", data[i:i+20])
	}
}

func TestSource(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tutti.db")
	db := open(t, path)
	prepare(t, db)
	source := bytes.Repeat([]byte(`{"files":"the same again"}`), 10000)
	for range 3 {
		_, err := db.CreateRun(t.Context(), server.NewRun{Run: server.Run{Project: "app"}, Plan: &plan.Plan{Version: 1, Pipeline: "ci", Jobs: []plan.Job{job("test")}}, Source: source})
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := db.RunSource(t.Context(), 3)
	if err != nil || !bytes.Equal(got, source) {
		t.Errorf("got %d bytes, error %v", len(got), err)
	}
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() > int64(len(source)*3) {
		t.Errorf("log is %v, error %v: sources are stored once, and compressed", info.Size(), err)
	}
	r := create(t, db, job("test"))
	for _, id := range []server.RunID{r.ID, 99} {
		_, err = db.RunSource(t.Context(), id)
		wantKind(t, err, server.NotFound)
	}
}

func starts(pipelines ...string) (all []server.NewRun) {
	for _, p := range pipelines {
		all = append(all, server.NewRun{
			Run:  server.Run{Project: "app", Event: server.Event{Kind: "schedule", Schedule: "0 3 * * *", Source: "ci"}},
			Plan: &plan.Plan{Version: 1, Pipeline: p, Jobs: []plan.Job{job("test")}},
		})
	}
	return all
}

func TestSchedules(t *testing.T) {
	db := ready(t)
	nightly := server.Schedule{Pipeline: "nightly", Cron: "0 3 * * *", Timezone: "UTC"}
	at := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	if _, err := db.FireSchedule(t.Context(), server.Firing{Project: "app", Schedule: nightly, At: at}, nil); err != nil {
		t.Fatal(err)
	}
	next := server.Firing{Project: "app", Schedule: nightly, At: at.AddDate(0, 0, 1)}
	runs, err := db.FireSchedule(t.Context(), next, starts("nightly"))
	if err != nil || len(runs) != 1 || runs[0].Event.Schedule != "0 3 * * *" || runs[0].Event.Source != "ci" {
		t.Fatalf("runs are %+v, error %v", runs, err)
	}
	for _, again := range []time.Time{next.At, at} {
		_, err = db.FireSchedule(t.Context(), server.Firing{Project: "app", Schedule: nightly, At: again}, starts("nightly"))
		wantKind(t, err, server.Conflict)
	}
	want := map[server.Schedule]time.Time{nightly: next.At}
	for range 2 {
		got, err := db.Scheduled(t.Context(), "app")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("scheduled (-want +got):\n%s", diff)
		}
		if err := db.KeepSchedules(t.Context(), "app", []server.Schedule{nightly}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.KeepSchedules(t.Context(), "app", nil); err != nil {
		t.Fatal(err)
	}
	if got, err := db.Scheduled(t.Context(), "app"); err != nil || len(got) > 0 {
		t.Errorf("scheduled is %v, error %v", got, err)
	}
	if list, err := db.Runs(t.Context(), server.RunFilter{}); err != nil || len(list) != 1 {
		t.Errorf("runs are %+v, error %v", list, err)
	}
}

func TestFinishedRuns(t *testing.T) {
	db := ready(t)
	for range 3 {
		create(t, db, job("test"))
	}
	for _, id := range []server.RunID{2, 1} {
		finish(t, db, start(t, db, id, "test"), plan.Passed, "")
	}
	cursor, err := db.FinishedCursor(t.Context())
	if err != nil || cursor != 0 {
		t.Fatalf("cursor is %d, error %v", cursor, err)
	}
	runs, last, err := db.FinishedRuns(t.Context(), cursor)
	if err != nil || len(runs) != 2 || runs[0].ID != 2 || runs[1].ID != 1 || runs[1].Result != plan.Passed {
		t.Fatalf("runs are %+v, error %v", runs, err)
	}
	started, err := db.StartAfter(t.Context(), last, starts("deploy"))
	if err != nil || len(started) != 1 {
		t.Fatalf("started %+v, error %v", started, err)
	}
	_, err = db.StartAfter(t.Context(), last, starts("deploy"))
	wantKind(t, err, server.Conflict)
	if cursor, err = db.FinishedCursor(t.Context()); err != nil || cursor != last {
		t.Errorf("cursor is %d, error %v, want %d", cursor, err, last)
	}
	if runs, again, err := db.FinishedRuns(t.Context(), last); err != nil || len(runs) > 0 || again != last {
		t.Errorf("runs are %+v, number %d, error %v", runs, again, err)
	}
}
