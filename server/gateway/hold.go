package gateway

import (
	"errors"
	"slices"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/server"
)

// troubleLogs is the kind of trouble of logs that cannot be stored.
const troubleLogs = "logs"

// The time for which an agent keeps the bytes of a log that cannot be stored now, and the longest.
const (
	firstHold = time.Second
	maxHold   = 5 * time.Second
)

// logsFailed notes that a log could not be stored, and answers the error as one that goes by: the agent has the bytes, and sends them when
// they can be.
func (g *Gateway) logsFailed(err error) error {
	if err == nil {
		return nil
	}
	if g.Troubles != nil {
		g.Troubles.Set(server.Trouble{Kind: troubleLogs, Text: logsText(err), Since: g.now(), Halts: true})
	}
	return &awayError{err}
}

func logsText(err error) string {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return "the disk of the logs is full: free some space there; the agents keep what they have until then"
	}
	return "logs cannot be stored (" + err.Error() + "): see to the disk of the data folder; the agents keep what they have until then"
}

// logsWork notes that a log was stored.
func (g *Gateway) logsWork() {
	if g.Troubles != nil && g.Troubles.Clear(troubleLogs) {
		g.log().Info("logs can be stored again")
	}
}

// probeLogs tries whether logs can be stored again: as long as they cannot no job starts, and so none may write a log that would show it.
func (g *Gateway) probeLogs() {
	if g.Troubles == nil {
		return
	}
	if !slices.ContainsFunc(g.Troubles.All(), func(t server.Trouble) bool { return t.Kind == troubleLogs }) {
		return
	}
	if err := g.Logs.Probe(); err != nil {
		g.log().Error("logs still cannot be stored", "error", g.logsFailed(err))
		return
	}
	g.logsWork()
}

// putOff has the agent keep the bytes of a stream for a while. What is under way on it is dropped.
func (in *ingest) putOff(stream uint32, why error) error {
	in.mu.Lock()
	in.pause = min(max(firstHold, 2*in.pause), maxHold)
	pause := in.pause
	in.mu.Unlock()
	in.s.log.Warn("a log cannot be stored, and is put off", "stream", stream, "again_in", pause, "error", why)
	return in.conn.Send(wire.LogHold{Stream: stream, Pause: pause})
}

// works notes that a log was stored: the next time that one cannot be is the first again.
func (in *ingest) works() {
	in.mu.Lock()
	in.pause = 0
	in.mu.Unlock()
	in.s.g.logsWork()
}
