package agent

import (
	"slices"
	"sync"

	"github.com/tutti-ci/tutti/agent/wire"
)

// Settings are what can be changed while an agent runs.
type Settings struct {
	Token    string
	Name     string // for people
	Labels   []string
	Capacity int   // jobs at once
	MinFree  int64 // bytes of the data folder's disk, without which there is no new work; 0 means 256 MiB
	KeepLogs int64 // bytes of logs of finished jobs that are kept; 0 means 1 GiB, a negative number none
}

// orders are what an agent's owner wants of it now. None is taken back.
type orders struct {
	mu       sync.Mutex // guards what follows
	drain    bool
	cancel   bool
	handoff  bool
	settings *Settings
	changed  chan struct{} // filled when there is another order; made when it is needed
}

// Drain has the agent take no new jobs. Run answers when the server knows the end of the last one.
func (a *Agent) Drain() { a.orders.give(func(o *orders) { o.drain = true }) }

// Cancel ends all jobs, which are lost, and then Run answers: as if its context had ended.
func (a *Agent) Cancel() { a.orders.give(func(o *orders) { o.cancel = true }) }

// Handoff has Run answer soon, without ending anything: the next agent on the same data folder goes on with the jobs.
func (a *Agent) Handoff() { a.orders.give(func(o *orders) { o.handoff = true }) }

// Reload gives the agent other settings, all of them. What runs goes on.
func (a *Agent) Reload(s Settings) {
	s.Labels = slices.Clone(s.Labels)
	a.orders.give(func(o *orders) { o.settings = &s })
}

// Jobs answers how many jobs run, or are being prepared.
func (a *Agent) Jobs() int {
	w := a.now.Load()
	if w == nil {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.unfinished()
}

func (o *orders) give(how func(*orders)) {
	o.mu.Lock()
	how(o)
	o.mu.Unlock()
	fill(o.wake())
}

func (o *orders) wake() chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{}, 1)
	}
	return o.changed
}

// take answers the orders of now. New settings are answered once.
func (o *orders) take() (drain, cancel, handoff bool, settings *Settings) {
	o.mu.Lock()
	defer o.mu.Unlock()
	settings, o.settings = o.settings, nil
	return o.drain, o.cancel, o.handoff, settings
}

// settings are those that the agent was made with.
func (a *Agent) settings() Settings {
	return Settings{Token: a.Token, Name: a.Name, Labels: a.Labels, Capacity: a.Capacity, MinFree: a.MinFree, KeepLogs: a.KeepLogs}
}

// current answers the settings of now.
func (w *worker) current() Settings {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.settings
}

// reload goes on with other settings.
func (w *worker) reload(s Settings) {
	w.mu.Lock()
	another := w.settings.Token != s.Token
	w.settings = s
	w.mu.Unlock()
	if another {
		fill(w.redial)
	}
	fill(w.recheck)
	w.poke()
}

// dial answers the way to the server.
func (w *worker) dial() wire.Dialer { return wire.Dialer{URL: w.ServerURL, Token: w.current().Token} }
