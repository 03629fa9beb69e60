package store_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/servertest/disk"
	"github.com/tutti-ci/tutti/server/store"
)

// On a full disk nothing is half done, everything can be read, and it all goes on once there is room, without a restart.
func TestFullDisk(t *testing.T) {
	for _, spare := range []int64{0, 4 << 10, 20 << 10, 100 << 10, 300 << 10} {
		t.Run(fmt.Sprint(spare), func(t *testing.T) {
			dir := disk.Small(t, 4<<20)
			var troubles server.Troubles
			db, err := store.Open(t.Context(), filepath.Join(dir, "tutti.db"), time.Now, store.WithTroubles(&troubles))
			if err != nil {
				t.Fatal(err)
			}
			prepare(t, db)
			first := create(t, db, job("test"), job("deploy", "test"))
			c := start(t, db, first.ID, "test")
			free := disk.Fill(t, dir, spare)
			stored := 0
			for {
				_, err = db.CreateRun(t.Context(), server.NewRun{
					Run:  server.Run{Project: "app", Event: server.Event{Kind: "push", Title: strings.Repeat("long ", 500)}},
					Plan: &plan.Plan{Version: plan.Version, Pipeline: "ci", Jobs: []plan.Job{job("test"), job("deploy", "test")}},
				})
				if err != nil {
					break
				}
				stored++
			}
			wantKind(t, err, server.Unavailable)
			if !strings.Contains(err.Error(), "its disk is full") {
				t.Errorf("the error is %q", err)
			}
			if halted, ok := troubles.Halted(); !ok || halted.Kind != "database" || !strings.Contains(halted.Text, dir) {
				t.Errorf("the trouble is %+v", halted)
			}
			if err := db.Probe(t.Context()); err == nil && spare < 100<<10 {
				t.Error("there is said to be room")
			}

			// All that was stored can be read; of what was not there is nothing.
			runs, err := db.Runs(t.Context(), server.RunFilter{Limit: 200})
			if err != nil || len(runs) != stored+1 {
				t.Fatalf("there are %d runs, want %d; error %v", len(runs), stored+1, err)
			}
			for _, r := range runs {
				if got := read(t, db, r.ID); len(got.Jobs) != 2 {
					t.Errorf("run %d has %d jobs", r.ID, len(got.Jobs))
				}
			}
			if _, err := db.Agents(t.Context()); err != nil {
				t.Error(err)
			}

			free()
			if err := db.Probe(t.Context()); err != nil {
				t.Fatal(err)
			}
			if all := troubles.All(); len(all) > 0 {
				t.Errorf("troubles are %+v", all)
			}
			finish(t, db, c, plan.Passed, "")
			play(t, db, nil)
			wantStates(t, read(t, db, first.ID), "done passed | test: done passed | deploy: done passed")
			last := create(t, db, job("test"))
			if int(last.ID) != stored+2 {
				t.Errorf("the next run is %d, want %d", last.ID, stored+2)
			}
			mustClose(t, db)
			again := mustOpen(t, filepath.Join(dir, "tutti.db")) // and nothing is damaged
			wantStates(t, read(t, again, first.ID), "done passed | test: done passed | deploy: done passed")
			mustClose(t, again)
		})
	}
}

// A server that ends while its disk is full starts again once there is room.
func TestFullDiskAtTheEnd(t *testing.T) {
	dir := disk.Small(t, 4<<20)
	db := mustOpen(t, filepath.Join(dir, "tutti.db"))
	prepare(t, db)
	r := create(t, db, job("test"))
	free := disk.Fill(t, dir, 0)
	if err := db.Close(); err != nil {
		t.Log(err)
	}
	free()
	again := mustOpen(t, filepath.Join(dir, "tutti.db"))
	wantStates(t, read(t, again, r.ID), "queued | test: queued")
	mustClose(t, again)
}
