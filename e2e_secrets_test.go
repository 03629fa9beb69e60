package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor/docker/dockertest"
)

const secretValue = "s3cr3t/Value+42 of the stage"

// secretPipeline prints a secret in several forms, torn apart in time, and keeps the log open for a while.
const secretPipeline = `
secret "token" {}
pipeline "ci" {
  on "push" {}
  on "manual" {}
  job "a" {
    image = "IMAGE"
    activity "leak" {
      env    = { TOKEN = secret.token }
      script = <<-SH
        echo "raw $TOKEN."
        printf %s "$TOKEN" | base64
        printf %s "$TOKEN" | cut -c 1-10 | tr -d '\n'; sleep 0.2; printf %s "$TOKEN" | cut -c 11-
        echo "length ${#TOKEN}"
        sleep 1
      SH
    }
  }
}`

func checkMasked(t *testing.T, log string) {
	t.Helper()
	want := fmt.Sprintf("raw ***.\n***\n***\nlength %d\n", len(secretValue))
	if log != want {
		t.Errorf("the log is %q, want %q", log, want)
	}
}

// holders answers the files below a folder that hold the secret in one of its forms.
func holders(t *testing.T, dir string) (found []string) {
	t.Helper()
	forms := [][]byte{[]byte(secretValue), []byte(base64.StdEncoding.EncodeToString([]byte(secretValue)))}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // files come and go while we look
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		for _, f := range forms {
			if bytes.Contains(data, f) {
				found = append(found, path)
				break
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestSecretsOfAServerStayInItsDatabase(t *testing.T) {
	s := newStage(t)
	without := s.one(secretPipeline)
	if without.Result != plan.Failed || !strings.Contains(fmt.Sprint(without.Problems, without.Cause), "token") {
		t.Errorf("without a value the run is %s, %s, %+v", without.Result, without.Cause, without.Problems)
	}
	t.Setenv("TUTTI_SERVER", s.Server)
	t.Setenv("TUTTI_TOKEN", s.Token)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(secretValue), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := command(t, "secret", "set", "demo", "token", "--from-file", file); code != 0 || strings.Contains(out+errs, secretValue) {
		t.Fatalf("setting a secret: exit code %d\n%s%s", code, out, errs)
	}
	run := s.one(secretPipeline)
	if run.Result != plan.Passed {
		t.Fatalf("the run is %s: %s, %+v", run.Result, run.Cause, run.Problems)
	}
	checkMasked(t, s.log(run.ID, "a", "leak"))
	for _, path := range holders(t, s.data) {
		if !strings.HasPrefix(filepath.Base(path), "tutti.db") {
			t.Errorf("%s holds the secret", path)
		}
	}
}

func TestSecretsOfALocalRunReachNoDisk(t *testing.T) {
	image := dockertest.Busybox(t)
	dir, temp := userTree(t), t.TempDir()
	t.Chdir(dir)
	t.Setenv("TMPDIR", temp)
	write(t, dir, ".tutti/ci.hcl", strings.ReplaceAll(secretPipeline, "IMAGE", image))
	file := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(file, []byte("# for tests\nTOKEN='"+secretValue+"'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := command(t, "run"); code != 1 || !strings.Contains(out, "token") || !strings.Contains(errs, "--secret-file") {
		t.Errorf("without the secret: exit code %d\n%s", code, errs)
	}
	ran := make(chan string)
	go func() {
		code, out, errs := command(t, "run", "--secret-file", file)
		ran <- fmt.Sprintf("exit code %d\n%s%s", code, out, errs)
	}()
	looked := 0
	for {
		select {
		case out := <-ran:
			if looked == 0 || !strings.HasPrefix(out, "exit code 0\n") {
				t.Errorf("looked %d times at a run that ended so: %s", looked, out)
			}
			_, log, _ := strings.Cut(out, "==> a/leak\n")
			log, _, _ = strings.Cut(log, "\nrun 1")
			checkMasked(t, log)
			return
		case <-time.After(20 * time.Millisecond):
			for _, path := range holders(t, temp) {
				t.Errorf("%s holds the secret", path)
			}
			looked++
		}
	}
}
