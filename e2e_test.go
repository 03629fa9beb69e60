package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor/docker/dockertest"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api/client"
)

// A stage is a whole Tutti with one project, as "tutti up" makes it.
type stage struct {
	*client.Client
	t    *testing.T
	host *host
	data string // folder of the server and the agent
	work string // working tree of the project; pushes go to its origin
}

// newStage starts a server and an agent with real Docker, and a project that has no commit yet.
func newStage(t *testing.T) *stage {
	t.Helper()
	dockertest.Require(t)
	data := t.TempDir()
	h, err := startHost(context.Background(), hostConfig{
		Server: serverConfig{Listen: "127.0.0.1:0", Data: data, InProcess: true},
		Agent:  agentConfig{Capacity: 2, Memory: 64 << 20, Name: "stage"},
		Log:    slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, host: h, data: data, Client: &client.Client{Server: h.Server.URL, Token: h.Server.AdminToken}}
	t.Cleanup(func() {
		if err := h.Stop(); err != nil {
			t.Errorf("stopping: %v", err)
		}
		checkLeftovers(t, filepath.Join(data, "agent"))
	})
	s.addDemo()
	return s
}

// checkLeftovers wants the agent of a data folder, which ended, to have left nothing on Docker.
func checkLeftovers(t *testing.T, dir string) {
	t.Helper()
	id, err := os.ReadFile(filepath.Join(dir, "identity"))
	if err != nil {
		t.Error(err)
		return
	}
	for _, left := range dockertest.Leftovers(t, "tutti.agent="+strings.TrimSpace(string(id))) {
		t.Errorf("left on Docker: %s", left)
	}
}

// addDemo adds the project, with an origin and a working tree.
func (s *stage) addDemo() {
	s.t.Helper()
	origin := filepath.Join(s.t.TempDir(), "origin.git")
	s.work = s.t.TempDir()
	mustGit(s.t, "init", "--quiet", "--bare", "--initial-branch=main", origin)
	mustGit(s.t, "init", "--quiet", "--initial-branch=main", s.work)
	mustGit(s.t, "-C", s.work, "remote", "add", "origin", origin)
	if _, err := s.AddProject(s.t.Context(), "demo", origin); err != nil {
		s.t.Fatal(err)
	}
}

type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Logf("%s", bytes.TrimSpace(p))
	return len(p), nil
}

// push commits files and pushes them, and answers the runs that came of it. A pipeline's IMAGE is the test's image.
func (s *stage) push(files map[string]string) []server.Run {
	s.t.Helper()
	for name, text := range files {
		write(s.t, s.work, name, strings.ReplaceAll(text, "IMAGE", dockertest.Busybox(s.t)))
	}
	mustGit(s.t, "-C", s.work, "add", ".")
	mustGit(s.t, "-C", s.work, "-c", "user.name=Dana", "-c", "user.email=dana@localhost", "commit", "--quiet", "--allow-empty", "-m", "A commit")
	mustGit(s.t, "-C", s.work, "push", "--quiet", "origin", "main")
	runs, err := s.Push(s.t.Context(), "demo")
	if err != nil {
		s.t.Fatal(err)
	}
	return runs
}

// end waits for the end of a run.
func (s *stage) end(id server.RunID) server.Run {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	run, err := follow(ctx, s, id, newPlainView(io.Discard))
	if err != nil {
		s.t.Fatal(err)
	}
	return run
}

// one pushes a pipeline and answers the end of its only run.
func (s *stage) one(pipeline string) server.Run {
	s.t.Helper()
	runs := s.push(map[string]string{".tutti/ci.hcl": pipeline})
	if len(runs) != 1 {
		s.t.Fatalf("the push started %d runs, want 1", len(runs))
	}
	return s.end(runs[0].ID)
}

func (s *stage) log(id server.RunID, job, activity string) string {
	s.t.Helper()
	var b bytes.Buffer
	if err := s.Log(s.t.Context(), id, job, activity, 0, false, &b); err != nil {
		s.t.Fatal(err)
	}
	return b.String()
}

func TestPushRunsInContainersToTheLastByte(t *testing.T) {
	s := newStage(t)
	runs := s.push(map[string]string{"hello.txt": "from the commit\n", ".tutti/ci.hcl": `
pipeline "ci" {
  on "push" { branches = ["main"] }
  job "test" {
    image = "IMAGE"
    env   = { WHO = event.branch }
    activity "read" { script = "cat hello.txt; echo $WHO; echo made > made.txt" }
    activity "bytes" { script = "cat made.txt; i=0; while [ $i -lt 256 ]; do printf \"\\\\$(printf %03o $i)\"; i=$((i+1)); done" }
  }
  job "after" {
    needs = [job.test]
    activity "last" {
      image   = "IMAGE"
      command = ["ls"]
    }
  }
}`})
	if len(runs) != 1 {
		t.Fatalf("the push started %d runs, want 1", len(runs))
	}
	run := s.end(runs[0].ID)
	if run.State != plan.Done || run.Result != plan.Passed {
		t.Fatalf("the run is %s %s: %s", run.State, run.Result, run.Cause)
	}
	if got := s.log(run.ID, "test", "read"); got != "from the commit\nmain\n" {
		t.Errorf("the log of test/read is %q", got)
	}
	want := []byte("made\n")
	for b := range 256 {
		want = append(want, byte(b))
	}
	if got := s.log(run.ID, "test", "bytes"); got != string(want) {
		t.Errorf("the log of test/bytes is not what was written: %q", got)
	}
	sum := sha256.Sum256(want)
	if a := run.Jobs[0].Activities[1]; a.LogBytes != int64(len(want)) || a.LogSHA256 != hex.EncodeToString(sum[:]) || a.LogIncomplete != "" {
		t.Errorf("the server says of the log: %d bytes, hash %s, incomplete %q", a.LogBytes, a.LogSHA256, a.LogIncomplete)
	}
	if got := s.log(run.ID, "after", "last"); got != "hello.txt\n" {
		t.Errorf("a job's workspace has more than the commit: %q", got)
	}
}

func TestAFailureNamesItsCauseAndSkipsWhatNeedsIt(t *testing.T) {
	s := newStage(t)
	run := s.one(`
pipeline "ci" {
  on "push" {}
  job "build" {
    image = "IMAGE"
    activity "compile" { script = "echo broken >&2; exit 7" }
    activity "pack"    { script = "echo never" }
  }
  job "memory" {
    image = "IMAGE"
    activity "eat" { script = "tail /dev/zero" }
  }
  job "absent" {
    activity "pull" {
      image  = "registry.invalid/no/such:image"
      script = "true"
    }
  }
  job "late" {
    image = "IMAGE"
    activity "sleep" {
      script  = "sleep 60"
      timeout = "1s"
    }
  }
  job "deploy" {
    needs = [job.build]
    image = "IMAGE"
    activity "go" { script = "true" }
  }
}`)
	if run.Result != plan.Failed {
		t.Errorf("the run is %s: %s", run.Result, run.Cause)
	}
	for job, want := range map[string]struct {
		result plan.Result
		cause  string
	}{
		"build":  {plan.Failed, "exit code 7"},
		"memory": {plan.Failed, "out of memory (limit 64 MiB)"},
		"absent": {plan.Failed, "registry.invalid/no/such:image"},
		"late":   {plan.Failed, "timeout of 1s exceeded"},
		"deploy": {plan.Skipped, "needs build, which failed"},
	} {
		for _, j := range run.Jobs {
			if j.Name == job && (j.Result != want.result || !strings.Contains(j.Cause, want.cause)) {
				t.Errorf("job %s is %s, %q; want %s, %q", job, j.Result, j.Cause, want.result, want.cause)
			}
		}
	}
	if pack := run.Jobs[0].Activities[1]; pack.Result != plan.Skipped {
		t.Errorf("the activity after a failure is %s", pack.Result)
	}
}

func TestCancelEndsWhatRuns(t *testing.T) {
	s := newStage(t)
	runs := s.push(map[string]string{".tutti/ci.hcl": `
pipeline "ci" {
  on "push" {}
  job "long" {
    image = "IMAGE"
    activity "sleep" { script = "trap 'echo told; exit 3' TERM; echo ready; while true; do sleep 0.1; done" }
  }
  job "next" {
    needs = [job.long]
    image = "IMAGE"
    activity "go" { script = "true" }
  }
}`})
	id := runs[0].ID
	ready := make(chan struct{})
	w := writerFunc(func(p []byte) (int, error) {
		if bytes.Contains(p, []byte("ready")) {
			close(ready)
		}
		return len(p), nil
	})
	followed := make(chan error, 1)
	go func() { followed <- s.Log(t.Context(), id, "long", "sleep", 0, true, w) }()
	select {
	case <-ready:
	case <-time.After(time.Minute):
		t.Fatal("the activity did not start within a minute")
	}
	if _, err := s.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	run := s.end(id)
	if run.Result != plan.Canceled {
		t.Errorf("the run is %s: %s", run.Result, run.Cause)
	}
	if log := s.log(id, "long", "sleep"); !strings.Contains(log, "told\n") {
		t.Errorf("the process did not get its SIGTERM, or its last words are missing: %q", log)
	}
	if err := <-followed; err != nil {
		t.Errorf("following: %v", err)
	}
	if _, err := s.Cancel(t.Context(), id); server.KindOf(err) != server.Conflict {
		t.Errorf("canceling a run that is done answers %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestPushesThatRunNothingAreRecorded(t *testing.T) {
	s := newStage(t)
	runs := s.push(map[string]string{"README": "nothing here"})
	if len(runs) != 1 || runs[0].Result != plan.Skipped || !strings.Contains(runs[0].Cause, "no pipeline here") {
		t.Fatalf("a push without .tutti gives %+v", runs)
	}
	run := s.one(`pipeline "ci" {
  on "push" {}
  job "a" {
    needs = [job.b]
  }
}`)
	if run.Result != plan.Failed || len(run.Problems) == 0 {
		t.Fatalf("a pipeline with mistakes gives %s: %s, %d problems", run.Result, run.Cause, len(run.Problems))
	}
	if p := run.Problems[0]; p.File != ".tutti/ci.hcl" || p.Start.Line == 0 || p.Snippet == "" {
		t.Errorf("a problem has no place: %+v", p)
	}
}

func TestHostilePipelinesAreErrorsAndTheServerLives(t *testing.T) {
	s := newStage(t)
	for name, text := range map[string]string{
		"brackets": "a = " + strings.Repeat("[", 75_000),
		"loops":    "locals {\n  x = [for x in range(1000):[for y in range(1000):[for z in range(10):z]]]\n}\npipeline \"ci\" {\n  on \"push\" {}\n  job \"a\" {\n    image = \"i\"\n    activity \"a\" { script = \"\" }\n  }\n}\n",
	} {
		t.Run(name, func(t *testing.T) {
			run := s.one(text)
			if run.Result != plan.Failed || len(run.Problems) == 0 {
				t.Errorf("the run is %s: %s", run.Result, run.Cause)
			}
			if _, err := s.Projects(t.Context()); err != nil {
				t.Errorf("the server did not live: %v", err)
			}
		})
	}
}

// command runs a command line and answers its exit code and what it printed.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	code = execute(ctx, args, console{In: strings.NewReader(""), Out: &out, Err: &errs})
	return code, out.String(), errs.String()
}

func TestCommandsAgainstAServer(t *testing.T) {
	s := newStage(t)
	run := s.one(`pipeline "ci" {
  on "push" {}
  on "manual" {}
  input "who" {
    type    = string
    default = "you"
  }
  job "a" {
    image = "IMAGE"
    activity "say" {
      env    = { WHO = input.who }
      script = "echo hello $WHO"
    }
  }
}`)
	t.Setenv("TUTTI_SERVER", s.Server)
	t.Setenv("TUTTI_TOKEN", s.Token)
	id := fmt.Sprint(run.ID)
	for _, c := range []struct {
		args         string
		code         int
		stdout, errs string
	}{
		{"runs", 0, "demo", ""},
		{"runs --json", 0, `"runs": [`, ""},
		{"logs " + id + " a/say", 0, "hello you\n", ""},
		{"logs " + id, 0, "==> a/say\nhello you\n", ""},
		{"logs -f " + id + " a", 0, "==> a/say\nhello you\n", ""},
		{"logs " + id + " a/sya", 1, "", `has no activity "sya"; it has say`},
		{"logs 4711", 1, "", "4711"},
		{"logs x", 2, "", `"x" is not the number of a run`},
		{"watch " + id, 0, "passed", ""},
		{"agents", 0, "stage", ""},
		{"projects", 0, "demo", ""},
		{"push demo", 0, "", ""},
		{"push nobody", 1, "", "nobody"},
		{"cancel " + id, 1, "", "done"},
		{"trigger --watch --input who=Dana demo ci", 0, "hello Dana\n", ""},
		{"trigger --input whom=Dana demo ci", 1, "", "whom"},
		{"trigger demo nothing", 1, "", "nothing"},
		{"trigger --input who demo", 2, "", "NAME=VALUE"},
		{"variable set demo region eu-1", 0, "variable region of demo is set for all environments\n", ""},
		{"variable set demo region us-1 --environment production", 0, "for environment production\n", ""},
		{"variable list demo", 0, "region    production   us-1\n", ""},
		{"variable list demo --json", 0, `"value": "eu-1"`, ""},
		{"variable remove demo region", 0, "is removed for all", ""},
		{"variable remove demo region", 1, "", "region"},
		{"variable set demo Region eu", 1, "", "lower-case"},
		{"variable", 2, "", "set, list or remove"},
		{"secret set demo token", 1, "", "fewer than 6 bytes"}, // of the empty standard input
		{"secret set demo token value", 2, "", "2 arg"},
		{"secret set demo token --from-file /no/such", 1, "", "/no/such"},
		{"secret list demo", 0, "SECRET  ENVIRONMENT\n", ""},
		{"secret list nobody", 1, "", "nobody"},
		{"approve " + id, 1, "", "waits for no approval"},
		{"reject x", 2, "", "not the number of a run"},
		{"login-link", 0, "/login?code=", ""},
		{"no-such-command", 2, "", "no-such-command"},
		{"runs --no-such-flag", 2, "", "no-such-flag"},
		{"runs --token wrong", 1, "", "token"},
		{"runs --server foo", 2, "", `"foo"`},
		{"runs --server http://127.0.0.1:1", 3, "", "no server answers at http://127.0.0.1:1"},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, stdout, errs := command(t, strings.Fields(c.args)...)
			if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(errs, c.errs) {
				t.Errorf("exit code %d, want %d\nstdout: %s\nstderr: %s", code, c.code, stdout, errs)
			}
		})
	}
}

func TestServerRefusesWhatItCannotHave(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	code, _, errs := command(t, "server", "--listen", taken.Addr().String(), "--data", t.TempDir())
	if code != 1 || !strings.Contains(errs, "is taken") {
		t.Errorf("a taken port gives exit code %d: %s", code, errs)
	}
	data := t.TempDir()
	s, err := openServer(t.Context(), serverConfig{Listen: "127.0.0.1:0", Data: data, InProcess: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	code, _, errs = command(t, "server", "--listen", "127.0.0.1:0", "--data", data)
	if code != 1 || !strings.Contains(errs, "in use by another tutti") {
		t.Errorf("a data folder in use gives exit code %d: %s", code, errs)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestLocalRun(t *testing.T) {
	image := dockertest.Busybox(t)
	dir, temp := userTree(t), t.TempDir()
	t.Chdir(dir)
	t.Setenv("TMPDIR", temp)
	pipeline := func(script string) string {
		return fmt.Sprintf("pipeline \"ci\" {\n  on \"push\" {}\n  on \"manual\" {}\n  job \"a\" {\n    image = %q\n    activity \"say\" { script = %q }\n  }\n"+
			"  job \"b\" {\n    image = %q\n    activity \"say\" { script = \"echo b\" }\n  }\n}\n", image, script, image)
	}
	for _, c := range []struct {
		name, pipeline, args string
		code                 int
		stdout, errs         string
	}{
		{"Passed", pipeline("cat changed new; ls ignored 2>/dev/null || echo no more"), "run", 0, "==> a/say\nafternewno more\n", ""},
		{"OneJob", pipeline("echo a"), "run --event manual a", 0, "==> a/say\na\n", ""},
		{"NoSuchJob", pipeline("echo a"), "run c", 1, "", "c"},
		{"JSON", pipeline("echo a"), "run --json a", 0, `"result": "passed"`, ""},
		{"Failed", pipeline("exit 4"), "run a", 1, "exit code 4", ""},
		{"Invalid", "pipelin \"ci\" {}", "run", 1, "", "ci.hcl:1:1"},
		{"BadEvent", pipeline("echo a"), "run --event merge", 2, "", "merge"},
		{"BadMemory", pipeline("echo a"), "run --memory lots", 2, "", "lots"},
	} {
		t.Run(c.name, func(t *testing.T) {
			write(t, dir, ".tutti/ci.hcl", c.pipeline)
			code, stdout, errs := command(t, strings.Fields(c.args)...)
			if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(errs, c.errs) {
				t.Errorf("exit code %d, want %d\nstdout: %s\nstderr: %s", code, c.code, stdout, errs)
			}
		})
	}
	t.Run("NoDocker", func(t *testing.T) {
		t.Setenv("DOCKER_HOST", "unix:///no/such.sock")
		write(t, dir, ".tutti/ci.hcl", pipeline("echo a"))
		if code, _, errs := command(t, "run"); code != 3 || !strings.Contains(errs, "Docker does not answer at unix:///no/such.sock") {
			t.Errorf("exit code %d, want 3\nstderr: %s", code, errs)
		}
	})
	left, err := filepath.Glob(filepath.Join(temp, "tutti-run-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("local runs left %v (%v)", left, err)
	}
}
