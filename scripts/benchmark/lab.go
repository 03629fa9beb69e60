package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api/client"
)

// A lab is a server and an agent, each a process of its own as in production, and a project with the pipelines to measure.
type lab struct {
	*client.Client
	image         string
	dir           string
	server, agent *exec.Cmd
	agentID       server.AgentID
}

const project = "bench"

// openLab starts everything and waits until the agent is ready for work.
func openLab(ctx context.Context, tutti, image string) (_ *lab, err error) {
	dir, err := os.MkdirTemp("", "tutti-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	l := &lab{image: image, dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("finding a free port: %w", err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, fmt.Errorf("finding a free port: %w", err)
	}
	data := filepath.Join(dir, "server")
	if l.server, err = l.start(tutti, "server", "--listen", address, "--data", data, "--poll", "0"); err != nil {
		return nil, err
	}
	l.Client = &client.Client{Server: "http://" + address}
	if err := l.waitForServer(ctx, data); err != nil {
		return nil, err
	}
	if l.agent, err = l.start(tutti, "agent", "--server", l.Server, "--token-file", filepath.Join(data, "agent.token"),
		"--data", filepath.Join(dir, "agent"), "--capacity", "1"); err != nil {
		return nil, err
	}
	if err := l.waitForAgent(ctx); err != nil {
		return nil, err
	}
	return l, l.addProject(ctx)
}

func (l *lab) start(name string, args ...string) (*exec.Cmd, error) {
	log, err := os.Create(filepath.Join(l.dir, args[0]+".log"))
	if err != nil {
		return nil, fmt.Errorf("starting tutti %s: %w", args[0], err)
	}
	defer log.Close()
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting tutti %s: %w", args[0], err)
	}
	return cmd, nil
}

func (l *lab) waitForServer(ctx context.Context, data string) error {
	return poll(ctx, "the server to answer", func() bool {
		token, err := os.ReadFile(filepath.Join(data, "admin.token"))
		if err != nil {
			return false
		}
		l.Token = strings.TrimSpace(string(token))
		_, err = l.Projects(ctx)
		return err == nil
	})
}

func (l *lab) waitForAgent(ctx context.Context) error {
	return poll(ctx, "the agent to be ready", func() bool {
		agents, err := l.Agents(ctx)
		if err != nil || len(agents) != 1 || !agents[0].Online || agents[0].Problem != "" {
			return false
		}
		l.agentID = agents[0].ID
		return true
	})
}

// poll asks until the answer is yes, for at most a minute.
func poll(ctx context.Context, what string, yes func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for !yes() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// addProject makes a repository of the pipelines to measure.
func (l *lab) addProject(ctx context.Context) error {
	repo := filepath.Join(l.dir, "repo")
	if err := os.MkdirAll(filepath.Join(repo, ".tutti"), 0o755); err != nil {
		return fmt.Errorf("making a project: %w", err)
	}
	if err := os.WriteFile(filepath.Join(repo, ".tutti", "bench.hcl"), []byte(pipelines(l.image)), 0o600); err != nil {
		return fmt.Errorf("making a project: %w", err)
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"}, {"add", "."},
		{"-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "--quiet", "--message", "Pipelines to measure"},
	} {
		cmd := exec.CommandContext(ctx, "git", append([]string{"-C", repo}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("making a project: git %s: %w: %s", args[0], err, out)
		}
	}
	_, err := l.AddProject(ctx, project, repo)
	return err
}

// pipelines is the HCL that is measured.
func pipelines(image string) string {
	var twenty strings.Builder
	for i := range 20 {
		fmt.Fprintf(&twenty, "    activity \"a%d\" { script = \":\" }\n", i)
	}
	return fmt.Sprintf(`
pipeline "twenty" {
  on "manual" {}
  job "twenty" {
    image = %[1]q
%[2]s  }
}
pipeline "one" {
  on "manual" {}
  job "one" {
    image = %[1]q
    activity "one" { script = "echo hi" }
  }
}
pipeline "million" {
  on "manual" {}
  job "million" {
    image = %[1]q
    activity "million" { script = %[3]q }
  }
}
pipeline "slow" {
  on "manual" {}
  job "slow" {
    image = %[1]q
    activity "slow" {
      shell  = "bash"
      script = "for i in $(seq 40); do echo $EPOCHREALTIME; sleep 0.3; done"
    }
  }
}
`, image, twenty.String(), millionScript)
}

// millionScript prints a million lines of 84 bytes, line break included.
var millionScript = "yes " + strings.Repeat("m", 83) + " | head -n 1000000"

// finish waits for the end of a run, which has to pass.
func (l *lab) finish(ctx context.Context, id server.RunID) (server.Run, error) {
	if err := l.Changes(ctx, id, 0, func(server.Change) error { return nil }); err != nil {
		return server.Run{}, err
	}
	run, err := l.Run(ctx, id)
	if err == nil && run.Result != "passed" {
		err = fmt.Errorf("run %d of %s is %s: %s", id, run.Pipeline, run.Result, run.Cause)
	}
	return run, err
}

// settled waits until the agent has nothing left to clean up, so that one measurement does not pay for another.
func (l *lab) settled(ctx context.Context, docker engine) error {
	return poll(ctx, "the agent to clean up", func() bool {
		var containers []struct{}
		filter := "?all=1&filters=" + url.QueryEscape(`{"label":["tutti.agent=`+string(l.agentID)+`"]}`)
		return docker.Call(ctx, "GET", "/containers/json"+filter, nil, &containers) == nil && len(containers) == 0
	})
}

// Close stops both processes and removes the folder.
func (l *lab) Close() error {
	var errs []error
	for _, cmd := range []*exec.Cmd{l.agent, l.server} {
		if cmd == nil {
			continue
		}
		errs = append(errs, cmd.Process.Signal(syscall.SIGTERM))
		var exit *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
			errs = append(errs, fmt.Errorf("stopping %s: %w", cmd, err))
		}
	}
	return errors.Join(append(errs, os.RemoveAll(l.dir))...)
}
