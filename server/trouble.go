package server

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// A Trouble is something that keeps the server from doing all of its work, and that an admin has to mend.
type Trouble struct {
	Kind  string    `json:"kind"` // one word: "logs", "database", "clock", "restored"
	Text  string    `json:"text"` // a sentence: what is wrong, and what to do
	Since time.Time `json:"since"`
	// Halts says that no new job starts as long as it lasts.
	Halts bool `json:"halts,omitempty"`
}

// Troubles are those of now. The zero Troubles has none; its methods may be called from any goroutine.
type Troubles struct {
	mu      sync.Mutex // guards now
	now     map[string]Trouble
	bell    Bell
	Changed func() // told after each change, if set before use; it must not block
}

// Set notes a trouble, in the place of what was noted of its kind before; Since stays that of the first word.
func (t *Troubles) Set(trouble Trouble) {
	t.mu.Lock()
	old, known := t.now[trouble.Kind]
	if known {
		trouble.Since = old.Since
	}
	if t.now == nil {
		t.now = make(map[string]Trouble)
	}
	t.now[trouble.Kind] = trouble
	t.mu.Unlock()
	if old != trouble {
		t.tell()
	}
}

// Clear notes that a trouble is over. It answers whether there was one.
func (t *Troubles) Clear(kind string) bool {
	t.mu.Lock()
	_, known := t.now[kind]
	delete(t.now, kind)
	t.mu.Unlock()
	if known {
		t.tell()
	}
	return known
}

// Listen answers a channel that gets a value some time after each change. Call stop when done.
func (t *Troubles) Listen() (heard <-chan struct{}, stop func()) { return t.bell.Listen(AllRuns) }

func (t *Troubles) tell() {
	t.bell.Ring(AllRuns)
	if t.Changed != nil {
		t.Changed()
	}
}

// All answers the troubles of now, the oldest first.
func (t *Troubles) All() []Trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]Trouble, 0, len(t.now))
	for _, each := range t.now {
		all = append(all, each)
	}
	slices.SortFunc(all, func(a, b Trouble) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Kind, b.Kind)) })
	return all
}

// Halted answers the first trouble that keeps jobs from starting, if there is one.
func (t *Troubles) Halted() (Trouble, bool) {
	for _, each := range t.All() {
		if each.Halts {
			return each, true
		}
	}
	return Trouble{}, false
}
