package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api/client"
)

// A Server is a tutti server on a port of its own, which stays the same over all of its starts.
type Server struct {
	*Process
	API     *client.Client
	Address string
	Data    string
	listens atomic.Pointer[string] // where it is after it moved, for readers that know its first address
}

// Server makes a server that is not started yet. Addresses other than loopback are for agents in namespaces of their own.
func (t *T) Server(name, host string, flags ...string) *Server {
	s := &Server{Address: net.JoinHostPort(host, t.freePort(host)), Data: filepath.Join(t.Dir, name)}
	s.listens.Store(&s.Address)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, *s.listens.Load())
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: dial}
	s.API = &client.Client{Server: "http://" + s.Address, HTTP: &http.Client{Transport: transport}}
	s.Process = t.Process(name, append([]string{t.Tutti, "server", "--listen", s.Address, "--data", s.Data, "--poll", "0"}, flags...)...)
	return s
}

// freePort finds a port that nobody listens on, outside of the range that the kernel gives to others.
func (t *T) freePort(host string) string {
	for range 100 {
		port := strconv.Itoa(20000 + (os.Getpid()*37+int(t.Ports.Add(1)))%10000)
		l, err := new(net.ListenConfig).Listen(t.Ctx, "tcp", net.JoinHostPort(host, port))
		if err == nil {
			t.Must(l.Close(), "closing a port")
			return port
		}
	}
	t.Fatalf("no free port on %s", host)
	return ""
}

// Move makes the server listen elsewhere from its next start on, and answers where.
func (s *Server) Move() (url string) {
	host, _, err := net.SplitHostPort(s.Address)
	s.t.Must(err, "reading an address")
	address := net.JoinHostPort(host, s.t.freePort(host))
	s.Args[slices.Index(s.Args, "--listen")+1] = address
	s.listens.Store(&address)
	return "http://" + address
}

// Up starts the server and waits until it answers.
func (s *Server) Up(env ...string) {
	s.Start(env...)
	s.Answers(30 * time.Second)
}

// Answers waits until it answers.
func (s *Server) Answers(limit time.Duration) {
	s.t.Until(s.Name+" answers", limit, func() bool {
		if !s.Runs() {
			s.t.Fatalf("%s ended: %s", s.Name, tail(s.Log, 3))
		}
		token, err := os.ReadFile(filepath.Join(s.Data, "admin.token"))
		if err != nil {
			return false
		}
		s.API.Token = strings.TrimSpace(string(token))
		ctx, cancel := context.WithTimeout(s.t.Ctx, 2*time.Second)
		defer cancel()
		_, err = s.API.Projects(ctx)
		return err == nil
	})
}

// AgentNamed answers an agent as the server shows it.
func (s *Server) AgentNamed(name string) (server.Agent, bool) {
	ctx, cancel := context.WithTimeout(s.t.Ctx, 10*time.Second)
	defer cancel()
	agents, err := s.API.Agents(ctx)
	if err != nil {
		return server.Agent{}, false
	}
	for _, a := range agents {
		if a.Name == name {
			return a, true
		}
	}
	return server.Agent{}, false
}

// Page answers a page or a JSON text of the server as it is.
func (s *Server) Page(path string) (status int, body string) {
	ctx, cancel := context.WithTimeout(s.t.Ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", s.API.Server+path, nil)
	s.t.Must(err, "making a request")
	req.Header.Set("Authorization", "Bearer "+s.API.Token)
	resp, err := s.API.HTTP.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(data)
}

// Troubled says whether the server says that it has a trouble of this kind.
func (s *Server) Troubled(kind string) bool {
	status, text := s.Page("/api/v1/troubles")
	return status == http.StatusOK && strings.Contains(text, `"`+kind+`"`)
}

// Metric answers a number of the server's metrics.
func (s *Server) Metric(name string) float64 {
	_, text := s.Page("/metrics")
	for _, line := range strings.Split(text, "\n") {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			s.t.Must(err, "reading the metric %s", name)
			return n
		}
	}
	s.t.Fatalf("the server has no metric %s", name)
	return 0
}

// Tutti runs a command of tutti against the server and answers its exit code and its words.
func (s *Server) Tutti(args ...string) (code int, words string) {
	return s.t.Command([]string{"TUTTI_SERVER=" + s.API.Server, "TUTTI_TOKEN=" + s.API.Token}, append([]string{s.t.Tutti}, args...)...)
}

// Command runs a program to its end and answers its exit code and its words.
func (t *T) Command(env []string, args ...string) (code int, words string) {
	ctx, cancel := context.WithTimeout(t.Ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(append(os.Environ(), "TMPDIR="+filepath.Join(t.Dir, "tmp")), env...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatalf("running %s: %v", args, err)
	}
	t.Logf("%s: exit code %d: %s", strings.Join(args, " "), cmd.ProcessState.ExitCode(), strings.TrimSpace(string(out[:min(len(out), 400)])))
	return cmd.ProcessState.ExitCode(), string(out)
}

// Run1 answers a run, or ends the fault.
func (s *Server) Run1(id server.RunID) server.Run {
	var run server.Run
	var err error
	s.t.await(fmt.Sprintf("%s tells of run %d", s.Name, id), time.Minute, func() bool {
		run, err = s.API.Run(s.t.Ctx, id)
		return err == nil
	})
	return run
}

// AgentToken is what agents need to connect.
func (s *Server) AgentToken() string {
	token, err := os.ReadFile(filepath.Join(s.Data, "agent.token"))
	s.t.Check(err, "reading a token")
	return strings.TrimSpace(string(token))
}
