package store_test

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/store"
)

// childRole says to a process of this test what it is to do with which database: "write /tmp/x/tutti.db".
const childRole = "TUTTI_STORE_CHILD"

// TestChild is what the other processes of the tests here do.
func TestChild(t *testing.T) {
	role, path, _ := strings.Cut(os.Getenv(childRole), " ")
	switch {
	case role == "":
		t.Skip("it is only for the other tests' processes")
	case role == "write":
		db := mustOpen(t, path)
		for {
			r := create(t, db, job("test"), job("deploy", "test"))
			fmt.Printf("stored %d\n", r.ID) // as a client is told
		}
	case role == "take": // the lock that SQLite takes to see whether nobody else has the database (its SHARED_FIRST and SHARED_SIZE)
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		err = syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK, Start: 0x40000002, Len: 510})
		fmt.Printf("alone: %v\n", err == nil)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	case strings.HasPrefix(role, "migrate"):
		left, err := strconv.Atoi(strings.TrimPrefix(role, "migrate"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = store.Open(t.Context(), path, time.Now, store.WithTrap(func(point string) error {
			if left--; point == "store.during_migration" && left < 0 {
				return syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
			return nil
		}))
		t.Fatalf("still alive, error %v", err)
	}
}

// child starts a process of this test, and answers what it says.
func child(t *testing.T, role, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childRole+"="+role+" "+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(io.Reader(out))
}

// Another program may look at the database while the server works, at its first start as well. It must not take itself for the only
// one: SQLite would copy the write-ahead log and remove it, and what the server stores from then on would be lost.
func TestNoOtherProgramHasTheDatabaseAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tutti.db")
	for start := range 2 {
		db := mustOpen(t, path)
		if start == 0 {
			prepare(t, db)
		}
		create(t, db, job("test"))
		cmd, said := child(t, "take", path)
		if !said.Scan() || said.Text() != "alone: false" {
			t.Errorf("at start %d another program says %q", start+1, said.Text())
		}
		for said.Scan() { // to its end
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		mustClose(t, db)
	}
}

// What a client was told is there, however often the server is killed while it writes.
func TestKilledWhileItWrites(t *testing.T) {
	path := fresh(t)
	db := mustOpen(t, path)
	prepare(t, db)
	mustClose(t, db)
	var stored server.RunID
	for round := range 4 {
		cmd, lines := child(t, "write", path)
		for until := int(stored) + 1 + 20*round; int(stored) < until && lines.Scan(); {
			if text, ok := strings.CutPrefix(lines.Text(), "stored "); ok {
				id, err := strconv.Atoi(text)
				if err != nil {
					t.Fatal(err)
				}
				stored = server.RunID(id)
			}
		}
		if round == 0 { // as long as it lives, nobody else gets in
			_, err := store.Open(t.Context(), path, time.Now)
			wantKind(t, err, server.Conflict)
			if !strings.Contains(err.Error(), fmt.Sprintf("in use by another tutti (pid %d)", cmd.Process.Pid)) {
				t.Errorf("error is %q", err)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it said before it died
			if text, ok := strings.CutPrefix(lines.Text(), "stored "); ok {
				if id, err := strconv.Atoi(text); err == nil {
					stored = server.RunID(id)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the process ended by itself")
		}
		db := mustOpen(t, path)
		for id := range stored {
			wantStates(t, read(t, db, id+1), "queued | test: queued | deploy: waiting")
		}
		mustClose(t, db)
	}
	if stored < 120 {
		t.Errorf("only %d runs were stored", stored)
	}
}

// A migration that was killed half-way has not happened, and the next start does it.
func TestKilledWhileItMigrates(t *testing.T) {
	for killed := range 2 {
		t.Run(strconv.Itoa(killed), func(t *testing.T) {
			path := firstRelease(t)
			cmd, lines := child(t, "migrate"+strconv.Itoa(killed), path)
			for lines.Scan() {
				t.Log(lines.Text())
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the process ended with %v", err)
			}
			if got := versionOf(t, path); got != killed+1 {
				t.Errorf("the schema has version %d, want %d", got, killed+1)
			}
			db := mustOpen(t, path)
			wantStates(t, read(t, db, 4), "running | test: running | vet: queued")
			mustClose(t, db)
			checkSchema(t, path)
		})
	}
}

func versionOf(t *testing.T, path string) (version int) {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_pragma=query_only(1)")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRowContext(t.Context(), `SELECT MAX(version) FROM migrations`).Scan(&version); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return version
}
