package enginetest

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/executor"
)

// A Machine is where the processes of Fakes live: they go on there when their agent ends, until the next one adopts them. It
// ends them itself when their lease is over. The zero Machine is ready.
type Machine struct {
	// Now is the clock of the leases; nil means executor.LeaseTime.
	Now func() time.Duration

	mu     sync.Mutex // guards places
	places map[string]*place
}

// NewMachine answers a Machine on which nothing is left at the end of the test.
func NewMachine(t testing.TB) *Machine {
	t.Helper()
	m := &Machine{}
	t.Cleanup(func() {
		if err := m.clear(nil); err != nil {
			t.Errorf("clearing the machine: %v", err)
		}
	})
	return m
}

// Lose ends all processes and forgets them, as if their containers had been removed; what they made stays.
func (m *Machine) Lose() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.places {
		p.lose()
	}
}

func (m *Machine) now() time.Duration {
	if m.Now != nil {
		return m.Now()
	}
	return executor.LeaseTime()
}

// A place is what is on a machine for one job.
type place struct {
	machine *Machine
	dir     string

	mu        sync.Mutex // guards what follows
	furnished bool
	count     int
	processes map[executor.Ticket]*fakeProcess
	lost      bool // processes were
}

// make makes the place of a job. One that was there before is another agent's, or nobody's.
func (m *Machine) make(name string) (*place, error) {
	dir, err := os.MkdirTemp("", "tutti-fake-")
	if err != nil {
		return nil, fmt.Errorf("opening a fake room: %w", err)
	}
	p := &place{machine: m, dir: dir, processes: map[executor.Ticket]*fakeProcess{}}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.places == nil {
		m.places = map[string]*place{}
	}
	m.places[name] = p
	return p, nil
}

func (m *Machine) find(name string) *place {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.places[name]
}

// clear removes all places but these.
func (m *Machine) clear(keep map[string]bool) error {
	m.mu.Lock()
	var gone []*place
	for name, p := range m.places {
		if !keep[name] {
			gone = append(gone, p)
			delete(m.places, name)
		}
	}
	m.mu.Unlock()
	var errs []error
	for _, p := range gone {
		errs = append(errs, p.remove())
	}
	return errors.Join(errs...)
}

// forget takes a place off the list, if it is still on it.
func (m *Machine) forget(name string, p *place) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.places[name] == p {
		delete(m.places, name)
	}
}

// ticket answers a new one.
func (p *place) ticket() executor.Ticket {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	return executor.Ticket(fmt.Sprintf("%s#%d", p.dir, p.count))
}

func (p *place) keep(ticket executor.Ticket, process *fakeProcess) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.processes[ticket] = process
}

func (p *place) process(ticket executor.Ticket) (process *fakeProcess, lost bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.processes[ticket], p.lost
}

// lose ends the processes and waits for their ends.
func (p *place) lose() {
	p.mu.Lock()
	processes := p.processes
	p.processes, p.lost = map[executor.Ticket]*fakeProcess{}, true
	p.mu.Unlock()
	for _, each := range processes {
		each.lose()
	}
}

func (p *place) remove() error {
	p.lose()
	return os.RemoveAll(p.dir)
}
