package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api/client"
)

// keptServer is a server of its own, with its data folder.
type keptServer struct {
	*client.Client
	process *serverProcess
	data    string
	stop    func()
}

func serveFolder(t *testing.T, data string) *keptServer {
	t.Helper()
	s, err := openServer(t.Context(), serverConfig{Listen: "127.0.0.1:0", Data: data, InProcess: true}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := s.Serve(ctx); err != nil {
			t.Error(err)
		}
	})
	k := &keptServer{Client: &client.Client{Server: s.URL, Token: s.AdminToken}, process: s, data: data}
	k.stop = sync.OnceFunc(func() {
		cancel()
		serving.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(k.stop)
	return k
}

// admin runs a command line, and answers what it prints.
func admin(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	var buf bytes.Buffer
	code = execute(t.Context(), args, console{In: strings.NewReader(""), Out: &buf, Err: &buf})
	return buf.String(), code
}

func mustAdmin(t *testing.T, args ...string) string {
	t.Helper()
	out, code := admin(t, args...)
	if code != exitOK {
		t.Fatalf("tutti %s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// bare makes a project and a run that waits for an agent.
func (k *keptServer) bare(t *testing.T, project string) server.Run {
	t.Helper()
	if err := k.process.Store.CreateProject(t.Context(), server.Project{Name: project, URL: "/nowhere"}); err != nil && server.KindOf(err) != server.Conflict {
		t.Fatal(err)
	}
	run, err := k.process.Store.CreateRun(t.Context(), server.NewRun{
		Run:  server.Run{Project: project, Event: server.Event{Kind: "push", Commit: "c0ffee"}},
		Plan: &plan.Plan{Version: plan.Version, Pipeline: "ci", Jobs: []plan.Job{{Name: "test", Activities: []plan.Activity{{Name: "unit", Image: "alpine"}}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func (k *keptServer) runs(t *testing.T) (ids []server.RunID) {
	t.Helper()
	all, err := k.Runs(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestBackupAndRestoreWhileTheServerWorks(t *testing.T) {
	k := serveFolder(t, t.TempDir())
	first := k.bare(t, "app")
	file := filepath.Join(t.TempDir(), "backup.tutti")
	mustAdmin(t, "server", "backup", file, "--data", k.data)
	second := k.bare(t, "app")

	// Somebody watches, before and after.
	watched := make(chan error, 1)
	var watching sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer watching.Wait()
	defer cancel()
	watching.Go(func() {
		watched <- k.Changes(ctx, first.ID, 0, func(ch server.Change) error { return nil })
	})

	// What is no backup changes nothing.
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{"cut": whole[:len(whole)/2], "flipped": append(append(bytes.Clone(whole[:9000]), whole[9000]+1), whole[9001:]...), "text": []byte("hello")} {
		if _, err := k.Restore(t.Context(), bytes.NewReader(bad)); server.KindOf(err) != server.Invalid {
			t.Errorf("%s: %v", name, err)
		}
		if left, err := filepath.Glob(filepath.Join(k.data, "*restore*")); err != nil || len(left) > 0 {
			t.Errorf("%s: it leaves %v", name, left)
		}
	}
	if got := k.runs(t); len(got) != 2 {
		t.Fatalf("runs are %v", got)
	}

	before := k.process.URL
	out := mustAdmin(t, "server", "restore", file, "--data", k.data)
	if !strings.Contains(out, filepath.Join(k.data, "before-restore-")) {
		t.Errorf("the command prints %s", out)
	}
	if got := k.runs(t); len(got) != 1 || got[0] != first.ID {
		t.Errorf("runs are %v", got)
	}
	if k.process.URL != before {
		t.Error("the server is elsewhere now")
	}
	troubles, err := k.Troubles(t.Context())
	if err != nil || len(troubles) != 1 || troubles[0].Kind != "restored" || !troubles[0].Halts {
		t.Errorf("troubles are %+v, error %v", troubles, err)
	}
	if next := k.bare(t, "app"); next.ID <= second.ID || next.ID < 1000 {
		t.Errorf("the next run is %d", next.ID)
	}
	select {
	case err := <-watched:
		t.Errorf("whoever watched was sent away: %v", err)
	default:
	}
	if _, err := k.Cancel(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-watched: // it came back by itself, and saw the end
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("whoever watched does not see the end")
	}

	// And back, with the server stopped.
	k.stop()
	old, err := filepath.Glob(filepath.Join(k.data, "before-restore-*", "tutti.db"))
	if err != nil || len(old) != 1 {
		t.Fatalf("before the restore there was %v, error %v", old, err)
	}
	mustAdmin(t, "server", "restore", file, "--data", k.data)
	again := serveFolder(t, k.data)
	if got := again.runs(t); len(got) != 1 {
		t.Errorf("runs are %v", got)
	}
	if next := again.bare(t, "app"); next.ID < 2000 { // no number twice
		t.Errorf("the next run is %d", next.ID)
	}
}

// A backup that turns out to be of no use only once the server works with it is taken back.
func TestARestoreThatFails(t *testing.T) {
	k := serveFolder(t, t.TempDir())
	k.bare(t, "app")
	src := k.process.source()
	src.Dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(src.Dir, "admin.token"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "backup.tutti")
	if _, err := writeBackup(t.Context(), file, src); err != nil {
		t.Fatal(err)
	}
	second := k.bare(t, "app")
	out, code := admin(t, "server", "restore", file, "--data", k.data)
	if code == exitOK || !strings.Contains(out, "nothing was restored, and the server works as before") || !strings.Contains(out, "holds no token") {
		t.Errorf("exit code %d: %s", code, out)
	}
	if got := k.runs(t); len(got) != 2 || got[0] != second.ID {
		t.Errorf("runs are %v", got)
	}
	if third := k.bare(t, "app"); third.ID != second.ID+1 {
		t.Errorf("the next run is %d", third.ID)
	}
	if left, err := filepath.Glob(filepath.Join(k.data, "*restor*")); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
}

func TestADamagedDatabaseNamesWhatToRestore(t *testing.T) {
	k := serveFolder(t, t.TempDir())
	k.bare(t, "app")
	if err := k.process.copyOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.stop()
	path := filepath.Join(k.data, "tutti.db")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte{0xff}, 10_000)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = openServer(t.Context(), serverConfig{Listen: "127.0.0.1:0", Data: k.data, InProcess: true}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err == nil {
		t.Fatal("a damaged database is opened")
	}
	_, text, ok := strings.Cut(err.Error(), ": tutti ")
	if !ok {
		t.Fatalf("the error names no command: %v", err)
	}
	text, _, _ = strings.Cut(text, " (") // what follows is for other cases
	mustAdmin(t, strings.Fields(text)...)
	again := serveFolder(t, k.data)
	if got := again.runs(t); len(got) != 1 {
		t.Errorf("runs are %v", got)
	}
}

// A disk that is nearly full is not filled by the server itself.
func TestNoCopyWithoutRoom(t *testing.T) {
	k := serveFolder(t, t.TempDir())
	k.process.troubles.Set(server.Trouble{Kind: noRoom, Text: "full"})
	if err := k.process.copyOnce(t.Context()); err == nil || !strings.Contains(err.Error(), "--min-free") {
		t.Errorf("copying answers %v", err)
	}
	if all, err := ownCopies(k.data); err != nil || len(all) > 0 {
		t.Errorf("there are copies: %v (%v)", all, err)
	}
}

// What is no file is never replaced by a backup: not a folder, and not a device like /dev/null.
func TestABackupReplacesFilesOnly(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]string{dir: "is a folder", pipe: "is a device", filepath.Join(dir, "none", "file"): "does not exist"} {
		_, err := keepBackup(t.Context(), target, func(io.Writer) error { return nil })
		var code *exitError
		if err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, &code) || code.Code != exitFailed {
			t.Errorf("%s: %v, want %q and exit code %d", target, err, want, exitFailed)
		}
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode().IsRegular() {
		t.Errorf("the pipe is %v, %v", info, err)
	}
}

// The environment may speak of another server than the command line, which wins.
func TestWhichServerABackupIsOf(t *testing.T) {
	k := serveFolder(t, t.TempDir())
	t.Setenv("TUTTI_SERVER", "http://127.0.0.1:1")
	t.Setenv("TUTTI_TOKEN", "another")
	dir := t.TempDir()
	file := filepath.Join(dir, "backup.tutti")
	mustAdmin(t, "server", "backup", file, "--data", k.data)
	fresh := filepath.Join(dir, "fresh")
	if out := mustAdmin(t, "server", "restore", file, "--data", fresh); strings.Contains(out, "before") {
		t.Errorf("in a new folder there was something before: %s", out)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"Both":     {[]string{"backup", file, "--data", k.data, "--server", k.Server}, exitUsage, "give one of them"},
		"Server":   {[]string{"backup", file, "--server", "http://127.0.0.1:2"}, exitInfrastructure, "http://127.0.0.1:2"},
		"NoFolder": {[]string{"backup", filepath.Join(dir, "none", "b"), "--data", k.data}, exitFailed, "does not exist"},
		"Folder":   {[]string{"backup", dir, "--data", k.data}, exitFailed, "is a folder"},
		"Restored": {[]string{"restore", dir, "--data", k.data}, exitFailed, "is a folder, and no backup"},
	} {
		if out, code := admin(t, append([]string{"server"}, c.args...)...); code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit code %d: %s", name, code, out)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
}
