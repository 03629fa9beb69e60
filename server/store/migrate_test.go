package store_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// firstRelease is a database as the first release left it, with runs, jobs and activities in each of their states.
func firstRelease(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "tutti.db")
	schema, err := os.ReadFile("migrations/0001_first.sql")
	if err != nil {
		t.Fatal(err)
	}
	execute(t, path, string(schema))
	execute(t, path, `
		CREATE TABLE migrations (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, at BIGINT NOT NULL);
		INSERT INTO migrations VALUES (1, '0001_first', 1);
		UPDATE counters SET value = 5 WHERE name = 'run';
		UPDATE counters SET value = 40 WHERE name = 'change';
		INSERT INTO projects (name, url, created_at, heads_known) VALUES ('app', '/srv/app.git', 1, 1);
		INSERT INTO heads VALUES ('app', 'refs/heads/main', 'c0ffee');
		INSERT INTO agents VALUES ('a1', 'host-a1', 'v1', 'linux', 'amd64', '["os=linux"]', 2, 1, '', 3, 1);`)
	runs := []struct{ state, result, cause, canceled string }{
		{"done", "passed", "", ""}, {"done", "failed", "test: exit code 1", ""}, {"queued", "", "", ""}, {"running", "", "", ""},
		{"running", "", "canceled by dana", "canceled by dana"},
	}
	for i, r := range runs {
		execute(t, path, fmt.Sprintf(`INSERT INTO runs VALUES (%d, 'app', 'ci', 'push', 'refs/heads/main', 'main', '', 'c0ffee', 'Title', 'Dana',
			'{"a":"b"}', 'null', 1, '%s', '%s', '%s', '%s', 1000, 2000, NULL)`, i+1, r.state, r.result, r.cause, r.canceled))
		execute(t, path, fmt.Sprintf(`INSERT INTO changes VALUES (%d, %d, 1000, 'run', '', '', '%s', '%s', '', '')`, i+1, i+1, r.state, r.result))
	}
	job := func(run, position int, name, needs, phase, result string, epoch, cancel int) {
		agent := "NULL"
		if epoch > 0 {
			agent = "'a1'"
		}
		execute(t, path, fmt.Sprintf(`INSERT INTO jobs VALUES (%d, '%s', %d, '%s', '["os=linux"]',
			'{"name":"test","timeout":"1h","activities":[{"name":"do","image":"alpine","timeout":"1h"}]}', '%s', '%s', '', %s, %d, 0, %d, 1500, 1600, 1700, NULL)`,
			run, name, position, needs, phase, result, agent, epoch, cancel))
		state := "waiting"
		if phase == "done" || phase == "running" {
			state = phase
		}
		execute(t, path, fmt.Sprintf(`INSERT INTO activities VALUES (%d, '%s', 'do', 0, 'alpine', '%s', '%s', '', 1, '', 1700, 1800, 42, 'abcd', '')`, run, name, state, result))
	}
	job(1, 0, "test", "null", "done", "passed", 1, 0)
	job(2, 0, "test", "null", "done", "failed", 1, 0)
	job(2, 1, "deploy", `["test"]`, "done", "skipped", 0, 0)
	job(3, 0, "test", "null", "queued", "", 0, 0)
	job(3, 1, "deploy", `["test"]`, "waiting", "", 0, 0)
	job(4, 0, "test", "null", "running", "", 2, 0)
	job(4, 1, "vet", "null", "offered", "", 1, 0)
	job(5, 0, "test", "null", "running", "", 1, 1)
	return path
}

func TestMigrateFromTheFirstRelease(t *testing.T) {
	path := firstRelease(t)
	db := mustOpen(t, path)
	var got []string
	for id := range server.RunID(5) {
		got = append(got, states(read(t, db, id+1)))
	}
	want := []string{
		"done passed | test: done passed",
		"done failed | test: done failed | deploy: done skipped",
		"queued | test: queued | deploy: waiting",
		"running | test: running | vet: queued",
		"running | test: running",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	r := read(t, db, 2)
	a := r.Jobs[0].Activities[0]
	if r.Cause != "test: exit code 1" || r.Inputs["a"] != "b" || r.Event.Actor != "Dana" || r.Jobs[0].Epoch != 1 || r.Jobs[0].Agent != "host-a1" ||
		r.Jobs[0].QueuedAt == nil || *a.ExitCode != 1 || a.LogBytes != 42 || a.LogSHA256 != "abcd" {
		t.Errorf("run is %+v", r)
	}
	held, err := db.HeldJobs(t.Context(), "a1")
	if err != nil {
		t.Fatal(err)
	}
	if len(held) != 3 || !held[2].Cancel || held[2].Hard || held[2].Reason != "canceled by dana" || held[0].Cancel {
		t.Errorf("held jobs are %+v", held)
	}
	if h := changes(t.Context(), t, db, 3); len(h) != 1 || h[0].Seq != 3 {
		t.Errorf("history is %+v", h)
	}
	if seq, err := db.FinishedCursor(t.Context()); err != nil || seq != 40 { // what ended before starts nothing now
		t.Errorf("cursor is %d, error %v", seq, err)
	}

	// What was under way goes on.
	finish(t, db, server.Claim{Run: 4, Job: "test", Epoch: 2}, plan.Passed, "")
	finish(t, db, server.Claim{Run: 5, Job: "test", Epoch: 1}, plan.Canceled, "canceled by dana")
	if err := db.Accept(t.Context(), server.Claim{Run: 4, Job: "vet", Epoch: 1}, 0); err != nil {
		t.Fatal(err)
	}
	finish(t, db, server.Claim{Run: 4, Job: "vet", Epoch: 1}, plan.Passed, "")
	play(t, db, nil)
	for id, want := range map[server.RunID]string{
		3: "done passed | test: done passed | deploy: done passed", 4: "done passed | test: done passed | vet: done passed", 5: "done canceled | test: done canceled",
	} {
		wantStates(t, read(t, db, id), want)
	}
	if r := create(t, db, job("test")); r.ID != 6 {
		t.Errorf("the next run is %d", r.ID)
	}
	mustClose(t, db)
	checkSchema(t, path)
}

// checkSchema looks for what a careless rebuild of tables leaves behind.
func checkSchema(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	count := func(query string) (n int) {
		t.Helper()
		if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(`SELECT COUNT(*) FROM pragma_foreign_key_check`); n > 0 {
		t.Errorf("%d references are in the air", n)
	}
	if n := count(`SELECT COUNT(*) FROM sqlite_master WHERE sql LIKE '%\_2%' ESCAPE '\'`); n > 0 {
		t.Errorf("%d parts of the schema still have the names of the migration", n)
	}
	var ok string
	if err := db.QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&ok); err != nil || ok != "ok" {
		t.Errorf("integrity: %q, error %v", ok, err)
	}
	// A new database and one that was migrated are alike.
	fresh := filepath.Join(t.TempDir(), "tutti.db")
	mustClose(t, mustOpen(t, fresh))
	if diff := cmp.Diff(schemaOf(t, fresh), schemaOf(t, path)); diff != "" {
		t.Errorf("schema (-new +migrated):\n%s", diff)
	}
	if !strings.Contains(schemaOf(t, path), "jobs_pending") {
		t.Error("indexes are missing")
	}
}

func schemaOf(t *testing.T, path string) (all string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRowContext(t.Context(), `SELECT group_concat(sql, char(10)) FROM (SELECT sql FROM sqlite_master WHERE sql <> '' AND name <> 'migrations' ORDER BY name)`).Scan(&all); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}
