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

// adminOf answers a client of the server that a process said it is, with the admin's token of now.
func adminOf(t *testing.T, p *process, data string) *client.Client {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(data, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	address := regexp.MustCompile(`Tutti is at +(http\S+)`).FindStringSubmatch(p.said.String())
	return &client.Client{Server: address[1], Token: strings.TrimSpace(string(token))}
}

// TestUpProcess has a server and an agent in one process obey signals: one Ctrl-C drains, and a handoff leaves the job to the next.
func TestUpProcess(t *testing.T) {
	dockertest.Require(t)
	program, data := build(t), t.TempDir()
	up := func(args ...string) (*process, *client.Client) {
		p := begin(t, program, nil, append([]string{"up", "--listen", "127.0.0.1:0", "--data", data}, args...)...)
		p.says("msg=connected")
		return p, adminOf(t, p, data)
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

// The agent of a process whose server takes another one's backup goes on with the tokens that are in it.
func TestUpProcessRestoresTokens(t *testing.T) {
	dockertest.Require(t)
	file := filepath.Join(t.TempDir(), "other.tutti")
	other := serveFolder(t, t.TempDir())
	mustAdmin(t, "server", "backup", file, "--data", other.data)
	other.stop()
	data := t.TempDir()
	up := begin(t, build(t), nil, "up", "--listen", "127.0.0.1:0", "--data", data)
	up.says("msg=connected")
	mustAdmin(t, "server", "restore", file, "--data", data)
	c := adminOf(t, up, data)
	eventually(t, "the agent is back", func() bool {
		agents, err := c.Agents(t.Context())
		return err == nil && len(agents) == 1 && agents[0].Online
	})
	up.signal(syscall.SIGTERM)
	if code := up.code(); code != 0 {
		t.Errorf("it ends with exit code %d", code)
	}
}
