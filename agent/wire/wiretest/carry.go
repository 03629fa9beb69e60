package wiretest

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// A parcel is a message on its way.
type parcel struct {
	kind int
	data []byte
	due  time.Time
}

// An arrival is when a message is to arrive, and whether those behind it wait for it.
type arrival struct {
	after time.Duration
	waits bool
	data  []byte
}

// carry brings the messages of one direction from one connection to the other until one of them ends, and ends both.
func (m *Mangler) carry(path string, toServer bool, from, to *websocket.Conn) {
	defer from.Close()
	defer to.Close()
	w := &way{to: to, wake: make(chan struct{}, 1), over: make(chan struct{})}
	var writing sync.WaitGroup
	defer writing.Wait()
	defer close(w.over)
	writing.Go(w.deliver)
	for {
		kind, data, err := from.ReadMessage()
		if err != nil {
			w.end(err)
			return
		}
		for _, a := range m.fate(Message{Path: path, ToServer: toServer, Data: data}) {
			w.add(kind, a)
		}
	}
}

// fate decides what becomes of a message.
func (m *Mangler) fate(msg Message) []arrival {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts.Messages++
	whole := arrival{waits: true, data: msg.Data}
	f := m.faults
	if f.Spare != nil && f.Spare(msg) {
		return []arrival{whole}
	}
	hit := func(chance float64, count *int) bool {
		yes := m.dice.Float64() < chance
		if yes {
			*count++
		}
		return yes
	}
	if hit(f.Drop, &m.counts.Dropped) {
		return nil
	}
	if hit(f.Corrupt, &m.counts.Corrupted) && len(msg.Data) > 0 {
		whole.data = bytes.Clone(msg.Data)
		whole.data[m.dice.IntN(len(whole.data))] ^= 1 << m.dice.IntN(8)
	}
	if hit(f.Delay, &m.counts.Delayed) {
		whole.after = late(m.dice, f.Late)
	} else if hit(f.Reorder, &m.counts.Reordered) {
		whole.after, whole.waits = late(m.dice, f.Late), false
	}
	fates := []arrival{whole}
	if hit(f.Duplicate, &m.counts.Duplicated) {
		fates = append(fates, arrival{after: whole.after + late(m.dice, f.Late), data: whole.data})
	}
	return fates
}

func late(dice *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(dice.Int64N(int64(max(most, 1))))
}

// A way is one direction of a connection.
type way struct {
	to   *websocket.Conn
	wake chan struct{}
	over chan struct{}

	mu      sync.Mutex // guards all below
	parcels []parcel   // by when they are due
	last    time.Time  // when the last of those is due that wait for each other
}

func (w *way) add(kind int, a arrival) {
	w.mu.Lock()
	due := time.Now().Add(a.after)
	if a.waits {
		if due.Before(w.last) {
			due = w.last
		}
		w.last = due
	}
	at := len(w.parcels)
	for at > 0 && w.parcels[at-1].due.After(due) {
		at--
	}
	w.parcels = append(w.parcels, parcel{})
	copy(w.parcels[at+1:], w.parcels[at:])
	w.parcels[at] = parcel{kind, a.data, due}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default: // it looks anyway
	}
}

// deliver sends each message when it is due.
func (w *way) deliver() {
	for {
		w.mu.Lock()
		next, pause := parcel{}, time.Hour
		if len(w.parcels) > 0 {
			next = w.parcels[0]
			pause = time.Until(next.due)
		}
		if pause <= 0 {
			w.parcels = w.parcels[1:]
		}
		w.mu.Unlock()
		if pause <= 0 {
			if w.to.WriteMessage(next.kind, next.data) != nil {
				w.to.Close()
				return
			}
			continue
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-w.wake:
		case <-w.over:
		}
		timer.Stop()
		select {
		case <-w.over:
			return
		default:
		}
	}
}

// end passes on how the connection ended, behind what came before it in order.
func (w *way) end(err error) {
	var e *websocket.CloseError
	if !errors.As(err, &e) || e.Code == websocket.CloseNoStatusReceived || e.Code == websocket.CloseAbnormalClosure {
		return
	}
	w.mu.Lock()
	pause := time.Until(w.last)
	w.mu.Unlock()
	time.Sleep(max(pause, 0) + 10*time.Millisecond)
	// Whoever is gone need not be told.
	_ = w.to.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(e.Code, e.Text), time.Now().Add(time.Second))
}
