// Package soak hurts one Tutti for a long time: runs without end, and faults at random.
//
// It owns the choice of what happens when, which depends on a seed only, and the comparison of the end with the beginning.
package soak

import (
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/agent/wire/wiretest"
	"github.com/tutti-ci/tutti/scripts/faulting/lab"
)

// Mark is in the lines of the timeline that people want to read also when all went well.
const Mark = "soak: "

// A soak is one under way.
type soak struct {
	*lab.Lab
	t   *lab.T
	end time.Time

	hurt map[string]int // how often, by what was done

	mu     sync.Mutex // guards judged, and the repository
	judged int
}

// Fault is a soak of so long, as a fault.
func Fault(d time.Duration) func(t *lab.T) {
	return func(t *lab.T) {
		l := t.Open(lab.Options{Proxied: true, Capacity: 4, Server: []string{"--suspect", "20s", "--fence", "2m"}})
		l.Start("warm", lab.Lines("one", "-count 1000")).Same(time.Minute)
		l.Idle(time.Minute)
		l.Agent().Clean(time.Minute)
		s := &soak{Lab: l, t: t, end: time.Now().Add(d), hurt: make(map[string]int)}
		began := s.state()
		t.Logf(Mark+"at the beginning %s", began)
		s.run()
		l.Link.Set(wiretest.Conditions{})
		l.Idle(3 * time.Minute)
		l.Agent().Ready(l.Server, time.Minute)
		l.Agent().Clean(time.Minute)
		t.Logf(Mark+"%d runs came to their end; what was done: %v", s.judged, s.hurt)
		s.compare(began)
	}
}

// run keeps three runs going, and hurts, until the time is over.
func (s *soak) run() {
	var all sync.WaitGroup
	defer all.Wait()
	kinds := s.kinds()
	for i := range 3 {
		all.Go(func() { s.keep(fmt.Sprintf("w%d", i), kinds[i%len(kinds)]) })
	}
	for time.Now().Before(s.end) && s.t.Ctx.Err() == nil {
		s.t.Sleep(time.Second + time.Duration(s.t.Rand.IntN(3000))*time.Millisecond)
		s.strike()
	}
}

// kinds are the pipelines that go on all the time.
func (s *soak) kinds() [][]lab.Job {
	return [][]lab.Job{
		{lab.Lines("one", "-rate 100 -count 600"), lab.Lines("two", "-rate 300 -count 900")},
		{lab.Lines("one", "-rate 20000 -count 100000")},
		{{Name: "one", Steps: []lab.Step{
			{Name: "first", Lines: "-rate 100 -count 150"}, {Name: "second", Lines: "-count 5000"}, {Name: "third", Lines: "-rate 50 -count 200"},
		}}},
	}
}

// keep starts a pipeline again whenever it is over, and judges it.
func (s *soak) keep(title string, jobs []lab.Job) {
	s.mu.Lock()
	s.Commit(".tutti/"+title+".hcl", s.Pipeline(title, jobs))
	s.mu.Unlock()
	for time.Now().Before(s.end) && s.t.Ctx.Err() == nil {
		run, err := s.TryStart(title, jobs...)
		if err != nil {
			time.Sleep(500 * time.Millisecond) // the server is away
			continue
		}
		run.Same(5 * time.Minute)
		run.Forget()
		s.mu.Lock()
		s.judged++
		s.mu.Unlock()
	}
}

// strike does one thing at random. In the last third of the time no process is started again, so that what it leaks is seen.
func (s *soak) strike() {
	type blow struct {
		name string
		do   func()
	}
	pause := func(most int) time.Duration { return time.Duration(s.t.Rand.IntN(most)) * time.Millisecond }
	blows := []blow{
		{"cut", s.Link.Cut},
		{"hold", func() { s.network(wiretest.Conditions{NoUp: true, NoDown: true}, pause(6000)) }},
		{"slow", func() {
			s.network(wiretest.Conditions{Rate: 20 << 10, Latency: 100 * time.Millisecond, Loss: 0.05}, pause(8000))
		}},
		{"stop-agent", func() { s.stop(s.Agent().Process, pause(5000)) }},
		{"stop-server", func() { s.stop(s.Server.Process, pause(5000)) }},
	}
	if left := time.Until(s.end); left > 30*time.Second && left > time.Since(s.end.Add(-3*left))/2 {
		blows = append(blows,
			blow{"kill-agent", func() { s.kill(s.Agent().Process, pause(4000)) }},
			blow{"kill-server", func() { s.kill(s.Server.Process, pause(4000)) }},
			blow{"kill-both", func() {
				s.Server.Kill()
				s.kill(s.Agent().Process, pause(2000))
				s.Server.Start()
			}},
			blow{"hand-off", func() {
				s.Agent().Signal(syscall.SIGUSR2)
				if !s.Agent().Ended(30 * time.Second) {
					s.t.Errorf("the agent does not hand off")
					s.Agent().Kill()
				}
				s.Agent().Start()
			}},
		)
	}
	b := blows[s.t.Rand.IntN(len(blows))]
	s.t.Logf("%s", b.name)
	s.hurt[b.name]++
	b.do()
}

func (s *soak) network(c wiretest.Conditions, d time.Duration) {
	s.Link.Set(c)
	s.t.Sleep(d)
	s.Link.Set(wiretest.Conditions{})
}

func (s *soak) stop(p *lab.Process, d time.Duration) {
	p.Signal(syscall.SIGSTOP)
	s.t.Sleep(d)
	p.Signal(syscall.SIGCONT)
}

func (s *soak) kill(p *lab.Process, d time.Duration) {
	p.Kill()
	s.t.Sleep(d)
	p.Start()
}
