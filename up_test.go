package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor/docker/dockertest"
	"github.com/tutti-ci/tutti/server/api/client"
)

// TestUpProcess has a server and an agent in one process obey signals: one Ctrl-C drains, and a handoff leaves the job to the next.
func TestUpProcess(t *testing.T) {
	dockertest.Require(t)
	program, data := build(t), t.TempDir()
	address := regexp.MustCompile(`Tutti is at +(http\S+)`)
	up := func(args ...string) (*process, *client.Client) {
		p := begin(t, program, nil, append([]string{"up", "--listen", "127.0.0.1:0", "--data", data}, args...)...)
		p.says("msg=connected")
		token, err := os.ReadFile(filepath.Join(data, "admin.token"))
		if err != nil {
			t.Fatal(err)
		}
		return p, &client.Client{Server: address.FindStringSubmatch(p.said.String())[1], Token: strings.TrimSpace(string(token))}
	}
	first, c := up("--capacity", "1")
	s := &stage{t: t, data: data, Client: c}
	s.addDemo()
	id := s.running("echo begun; sleep 5; echo ended")
	first.signal(syscall.SIGUSR2)
	first.says("handing over: 1 job goes on")
	if code := first.code(); code != 0 {
		t.Errorf("a handoff ends with exit code %d", code)
	}
	second, c := up()
	s.Client = c
	eventually(t, "the next process has the job", func() bool {
		run, err := s.Run(t.Context(), id)
		return err == nil && run.Jobs[0].State == plan.Running
	})
	second.signal(syscall.SIGINT)
	second.says("Ctrl-C again cancels them")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run, err := follow(ctx, s, id, newPlainView(&second.said))
	if code := second.code(); code != 0 {
		t.Errorf("a drain ends with exit code %d", code)
	}
	if err == nil && run.Result != plan.Passed {
		t.Errorf("the run ended %s", run.Result)
	}
	third, c := up()
	s.Client = c
	if run, err := s.Run(t.Context(), id); err != nil || run.Result != plan.Passed || run.Jobs[0].Epoch != 1 || s.log(id, "test", "unit") != "begun\nended\n" {
		t.Errorf("the run ended %s: %+v (%v)", run.Result, run.Jobs, err)
	}
	third.signal(syscall.SIGTERM)
	third.says("draining: no job runs")
	if code := third.code(); code != 0 {
		t.Errorf("it ends with exit code %d", code)
	}
}
