package soak

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tutti-ci/tutti/scripts/faulting/lab"
)

// A state is what a Tutti that does nothing takes of the machine.
type state struct {
	goroutines    int
	server, agent lab.Usage
	docker, temp  int // things on Docker, temporary files
}

func (s state) String() string {
	return fmt.Sprintf("server %d MiB, %d goroutines, %d descriptors, %d threads; agent %d MiB, %d descriptors, %d threads; %d things on Docker, %d temporary files",
		s.server.RSS>>20, s.goroutines, s.server.Descriptors, s.server.Threads, s.agent.RSS>>20, s.agent.Descriptors, s.agent.Threads, s.docker, s.temp)
}

func (s *soak) state() state {
	left, err := s.Agent().Engine.Left(s.t.Ctx, s.Agent().ID())
	s.t.Must(err, "looking at Docker")
	temp, err := os.ReadDir(filepath.Join(s.t.Dir, "tmp"))
	s.t.Must(err, "looking at the temporary files")
	return state{
		goroutines: int(s.Server.Metric("go_goroutines")), server: s.Server.Usage(), agent: s.Agent().Usage(), docker: len(left), temp: len(temp),
	}
}

// compare waits for the end to be like the beginning: connections take a moment to go.
func (s *soak) compare(began state) {
	var now state
	var differences []string
	for range 60 {
		now = s.state()
		differences = began.differences(now)
		if len(differences) == 0 {
			break
		}
		time.Sleep(time.Second)
	}
	s.t.Logf(Mark+"at the end %s", now)
	for _, d := range differences {
		s.t.Errorf("%s", d)
	}
}

// differences says what there is more of now than there may be.
func (s state) differences(now state) []string {
	var all []string
	more := func(what string, was, is, tolerated int) {
		if is > was+tolerated {
			all = append(all, fmt.Sprintf("%s: %d at the beginning, %d at the end", what, was, is))
		}
	}
	more("goroutines of the server", s.goroutines, now.goroutines, 10)
	more("descriptors of the server", s.server.Descriptors, now.server.Descriptors, 10)
	more("descriptors of the agent", s.agent.Descriptors, now.agent.Descriptors, 10)
	more("threads of the agent", s.agent.Threads, now.agent.Threads, 20)
	more("MiB of the server", int(s.server.RSS>>20), int(now.server.RSS>>20), 64)
	more("MiB of the agent", int(s.agent.RSS>>20), int(now.agent.RSS>>20), 64)
	more("things on Docker", s.docker, now.docker, 1) // the network for the next job
	more("temporary files", s.temp, now.temp, 0)
	return all
}
