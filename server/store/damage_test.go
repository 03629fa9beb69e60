package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/store"
)

// used fills a database with what a server leaves in some days.
func used(t *testing.T, db *store.DB) {
	t.Helper()
	prepare(t, db)
	for i := range 12 {
		r := create(t, db, again("test", 1), job("vet"), job("deploy", "test", "vet"))
		switch i % 4 {
		case 0:
			finish(t, db, start(t, db, r.ID, "test"), plan.Failed, fmt.Sprintf("exit code %d", i))
		case 1:
			if err := db.Lose(t.Context(), start(t, db, r.ID, "test"), "the host is gone"); err != nil {
				t.Fatal(err)
			}
		case 2:
			play(t, db, nil)
		}
	}
	for i := range 20 {
		if err := db.SetVariable(t.Context(), server.Setting{Project: "app", Name: fmt.Sprintf("v%d", i), Value: strings.Repeat("value ", 500*i)}); err != nil {
			t.Fatal(err)
		}
	}
}

// content is all that can be read of a database.
func content(t testing.TB, db *store.DB) string {
	t.Helper()
	var all []any
	runs, err := db.Runs(t.Context(), server.RunFilter{Limit: 200})
	all = append(all, runs)
	for _, r := range runs {
		all = append(all, read(t, db, r.ID), changes(t.Context(), t, db, r.ID))
	}
	agents, err2 := db.Agents(t.Context())
	variables, err3 := db.Variables(t.Context(), "app")
	queued, err4 := db.QueuedJobs(t.Context())
	if err := errors.Join(err, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	for i := range agents {
		agents[i].Online = false
	}
	text, err := json.Marshal(append(all, agents, variables, queued))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// copyFiles copies the files of a database to another folder.
func copyFiles(t testing.TB, from, to string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", ".sums"} {
		data, err := os.ReadFile(from + suffix)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+suffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// checkDamage opens a copy of a database of which one file was changed: it has to be refused, or to be as if nothing had been.
func checkDamage(t *testing.T, from, suffix, want string, harm func([]byte) []byte) (refused bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tutti.db")
	copyFiles(t, from, path)
	data, err := os.ReadFile(path + suffix)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+suffix, harm(data), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), path, time.Now)
	var damaged *store.DamagedError
	if errors.As(err, &damaged) {
		return true
	}
	if err != nil {
		t.Fatalf("it is refused with %v, which is no word of damage", err)
	}
	if got := content(t, db); got != want {
		t.Error("it opens with other content")
	}
	mustClose(t, db)
	return false
}

// flip changes one bit somewhere in a stretch, garble all of it.
func flip(random *rand.Rand, from, to int) func([]byte) []byte {
	return func(data []byte) []byte {
		data[from+random.IntN(to-from)] ^= 1 << random.IntN(8)
		return data
	}
}

func garble(random *rand.Rand, from, to int) func([]byte) []byte {
	return func(data []byte) []byte {
		for i := from; i < to; i++ {
			data[i] = byte(random.Uint32())
		}
		return data
	}
}

const pageSize = 4096

// Every page of a database is damaged in its turn, after a server that was stopped and after one that was killed.
func TestDamagedPagesAreRefused(t *testing.T) {
	for name, killed := range map[string]bool{"Stopped": false, "Killed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made := fresh(t)
			db := mustOpen(t, made)
			used(t, db)
			want, snapshot := content(t, db), filepath.Join(t.TempDir(), "tutti.db")
			if killed {
				copyFiles(t, made, snapshot) // nothing is under way, so this is what a killed server leaves
			}
			mustClose(t, db)
			if !killed {
				copyFiles(t, made, snapshot)
			}
			info, err := os.Stat(snapshot)
			if err != nil {
				t.Fatal(err)
			}
			random := rand.New(rand.NewPCG(1, 2))
			refused := 0
			for at := 0; at < int(info.Size()); at += pageSize {
				harm := flip(random, at, at+pageSize)
				if random.IntN(4) == 0 {
					harm = garble(random, at, at+pageSize)
				}
				if checkDamage(t, snapshot, "", want, harm) {
					refused++
				} else if !killed { // what the log holds may be damaged in the file
					t.Errorf("page %d was damaged, and nobody noticed", at/pageSize+1)
				}
			}
			if refused == 0 {
				t.Error("nothing was refused")
			}
			t.Logf("%d pages, %d refused", info.Size()/pageSize, refused)
			for _, cut := range []int{1, pageSize, int(info.Size()) - 100, int(info.Size())} {
				if !checkDamage(t, snapshot, "", want, func(data []byte) []byte { return data[:len(data)-cut] }) && !killed {
					t.Errorf("%d bytes less, and nobody noticed", cut)
				}
			}
			checkDamage(t, snapshot, ".sums", want, flip(random, 0, 100)) // harmless, if slow
		})
	}
}

// A write-ahead log is only ever shorter than it was by what nobody was told of.
func TestDamagedWriteAheadLogIsRefused(t *testing.T) {
	made := fresh(t)
	db := mustOpen(t, made)
	prepare(t, db)
	for range 5 {
		play(t, db, nil)
		create(t, db, job("test"))
	}
	before, snapshot := content(t, db), filepath.Join(t.TempDir(), "tutti.db")
	create(t, db, job("last"))
	want := content(t, db)
	copyFiles(t, made, snapshot)
	mustClose(t, db)
	info, err := os.Stat(snapshot + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	frames := (int(info.Size()) - 32) / (pageSize + 24)
	if frames < 20 {
		t.Fatalf("the log has %d frames", frames)
	}
	random := rand.New(rand.NewPCG(1, 2))
	if !checkDamage(t, snapshot, "-wal", want, flip(random, 0, 32)) {
		t.Error("a damaged header was not noticed")
	}
	cut := 0
	for i := range frames {
		at := 32 + i*(pageSize+24)
		path := filepath.Join(t.TempDir(), "tutti.db")
		copyFiles(t, snapshot, path)
		data, err := os.ReadFile(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+"-wal", flip(random, at, at+24+pageSize)(data), 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := store.Open(t.Context(), path, time.Now)
		var damaged *store.DamagedError
		if errors.As(err, &damaged) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		// Nothing follows the last transaction, so it looks like one that was under way.
		if got := content(t, db); got != before {
			t.Errorf("with frame %d of %d damaged the content is not that before the last transaction", i+1, frames)
		}
		cut++
		mustClose(t, db)
	}
	if cut > 20 {
		t.Errorf("%d of %d damaged frames were cut off without a word", cut, frames)
	}
}
