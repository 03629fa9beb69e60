package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

const (
	// coalesce is the least time between two events of a log; the first one goes out at once.
	coalesce = 50 * time.Millisecond
	// maxKeep bounds the lines of one event. A viewer that wants those that were left out reads them by number.
	maxKeep     = 1000
	defaultKeep = 200
)

// streamLines sends the lines of a log as they come: event "log", whose id is the number of the line to come next. When
// lines come faster than a person can read, an event carries the last "keep" of them only, and says with which it begins.
// Event "state" says how the activity is, at first and after each change, "troubles" that the server's troubles changed, "gone" that
// another attempt is current or that the lines that the viewer has are not there, "end" that it ended.
//
// After it was killed, a server may have fewer lines of a log that goes on than viewers have: they come again from the agent, and
// the viewer waits for the first one that it has not.
func (a *API) streamLines(w http.ResponseWriter, r *http.Request) error {
	keep, err := number(r, "keep", defaultKeep, 1, maxKeep)
	if err != nil {
		return err
	}
	from, err := after(r, "from", 0)
	if err != nil {
		return err
	}
	watch, err := a.watch(r)
	if err != nil {
		return err
	}
	defer watch.stop()
	s, err := startStream(w)
	if err != nil {
		return nil // the client is gone
	}
	troubled, stop := a.Troubles.Listen()
	defer stop()
	live := liveLines{api: a, watch: watch, stream: s, troubled: troubled, next: max(from, 1), keep: int(keep)}
	if err := live.run(r.Context()); err != nil {
		a.cut(r, err)
	}
	return nil
}

// liveLines sends one log to one viewer.
type liveLines struct {
	api    *API
	watch  *watch
	stream *stream
	// troubled gets a value when the server's troubles changed.
	troubled <-chan struct{}
	next     int64 // number of the line to send next; one that has not ended yet is sent again
	sent     int64 // bytes of the log that were there at the last event
	keep     int
	state    activityState // that the viewer knows
}

// activityState is what event "state" carries.
type activityState struct {
	State  plan.State  `json:"state"`
	Result plan.Result `json:"result,omitempty"`
	Epoch  int64       `json:"epoch,omitempty"` // of the log, once it has begun
}

func (l *liveLines) run(ctx context.Context) error {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	// The viewer may come back, or come from a page that is older than this.
	l.state = l.current()
	if err := l.stream.send(0, "state", l.state); err != nil {
		return err
	}
	for {
		done, err := l.send(ctx)
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-beat.C:
			err = l.stream.send(0, "beat", struct{}{}) // pages can hear this one, unlike a comment
		case <-l.troubled:
			err = l.stream.send(0, "troubles", struct{}{})
		case <-l.watch.grown:
		case <-l.watch.changed:
			err = l.changed(ctx)
		}
		if err != nil {
			return err
		}
	}
}

func (l *liveLines) current() activityState {
	return activityState{l.watch.activity.State, l.watch.activity.Result, l.watch.id.Epoch}
}

// changed looks at the run again, and tells the viewer if the activity is in another state.
func (l *liveLines) changed(ctx context.Context) error {
	if err := l.watch.look(ctx); err != nil {
		return err
	}
	if l.current() == l.state {
		return nil
	}
	l.state = l.current()
	return l.stream.send(0, "state", l.state)
}

// send sends what is new, and says whether that was the last.
func (l *liveLines) send(ctx context.Context) (done bool, err error) {
	if l.watch.gone && !l.watch.fixed {
		return true, l.stream.send(0, "gone", struct{}{})
	}
	info, err := l.watch.info()
	if err != nil {
		return false, err
	}
	if l.next > info.Lines+1 {
		if l.watch.ended(info) {
			return true, l.stream.send(0, "gone", struct{}{})
		}
		return false, nil
	}
	if info.Bytes > l.sent && info.Lines >= l.next {
		l.watch.settle()
		if err := l.sendLines(ctx, info); err != nil {
			return false, err
		}
		l.sent = info.Bytes
	}
	if l.watch.ended(info) { // viewers want to see both
		return true, l.stream.send(0, "end", l.current())
	}
	return false, nil
}

// sendLines sends the last of the lines that are there, in more than one event if they are long, and then lets some time
// pass, so that those that come now make one event.
func (l *liveLines) sendLines(ctx context.Context, info server.LogInfo) error {
	for from := max(l.next, info.Lines-int64(l.keep)+1); from <= info.Lines; {
		out, err := l.api.readLines(l.watch, info, from, int(info.Lines-from+1))
		if err != nil {
			return err
		}
		if len(out.Lines) == 0 {
			return fmt.Errorf("reading line %d of %d: %w", from, info.Lines, io.ErrUnexpectedEOF)
		}
		from += int64(len(out.Lines))
		l.next = from
		if from > info.Lines {
			if l.next, err = l.lineAfter(info); err != nil {
				return err
			}
		}
		if err := l.stream.send(l.next, "log", out); err != nil {
			return err
		}
	}
	pause := time.NewTimer(coalesce)
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-pause.C:
		return nil
	}
}

// lineAfter answers which line to send next: the one after the last, or the last once more if it has not ended.
func (l *liveLines) lineAfter(info server.LogInfo) (int64, error) {
	_, end, err := l.api.Logs.Place(l.watch.id, info.Lines)
	if err != nil {
		return 0, err
	}
	if end < info.Bytes {
		return info.Lines + 1, nil
	}
	return info.Lines, nil
}
