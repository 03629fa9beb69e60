package simulator

import (
	"bytes"
	"fmt"

	"github.com/tutti-ci/tutti/agent/wire"
)

// A logID names the log of one activity of one try.
type logID struct {
	claim    wire.Claim
	activity string
}

func (id logID) String() string {
	return fmt.Sprintf("%d#%d/%s", id.claim.Run, id.claim.Epoch, id.activity)
}

// A serverLog is a log on the server's disk.
type serverLog struct {
	id         logID
	data       []byte
	durable    int
	acked      int    // what agents were told, for the checkers
	finished   bool   // complete, and compared
	incomplete string // why it never will be
}

// A logStore is the server's disk for logs.
type logStore struct {
	w    *world
	logs map[logID]*serverLog
	all  []*serverLog // in order of their appearance
}

func newLogStore(w *world) *logStore { return &logStore{w: w, logs: map[logID]*serverLog{}} }

func (l *logStore) log(id logID) *serverLog {
	if l.logs[id] == nil {
		l.add(&serverLog{id: id})
	}
	return l.logs[id]
}

func (l *logStore) add(log *serverLog) {
	l.logs[log.id] = log
	l.all = append(l.all, log)
}

// append takes in bytes at an offset; what is there already is compared. It answers what the agent is told, if anything.
func (l *logStore) append(id logID, off int, data []byte) (gap, diverged bool) {
	log := l.log(id)
	if l.w.broken.appendAnyway && off < len(log.data) {
		log.data = append(log.data, data...)
		return false, false
	}
	if off > len(log.data) {
		return true, false
	}
	overlap := min(len(log.data)-off, len(data))
	if !bytes.Equal(log.data[off:off+overlap], data[:overlap]) {
		return false, true
	}
	if log.finished || log.incomplete != "" {
		return false, overlap < len(data)
	}
	log.data = append(log.data, data[overlap:]...)
	return false, false
}

// powerLoss takes what was not synced, from any byte on.
func (l *logStore) powerLoss() {
	for _, log := range l.all {
		log.data = log.data[:log.durable+l.w.rng.IntN(len(log.data)-log.durable+1)]
		if !log.finished {
			log.durable = len(log.data) // what is left is on the disk
		}
	}
}

// backup copies what is durable.
func (l *logStore) backup() *logStore {
	twin := newLogStore(l.w)
	for _, log := range l.all {
		twin.add(&serverLog{
			id:   log.id,
			data: bytes.Clone(log.data[:log.durable]), durable: log.durable, acked: log.durable, finished: log.finished, incomplete: log.incomplete,
		})
	}
	return twin
}
