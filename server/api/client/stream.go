package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tutti-ci/tutti/server"
)

// patience is for how long a stream that was cut is tried again before the server counts as gone. An upgrade of the server, or a
// restore, takes less.
const patience = 10 * time.Minute

const (
	// firstPause is the first of the pauses between attempts; each is twice the one before, up to longestPause.
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
	// steady is how long an attempt lasts at least that shows that the server is there, whether or not it had anything to say.
	steady = time.Second
	// silence is for how long a connection may say nothing at all before another one is made: it may be dead. Of a run the server says
	// something every 15 s; of a log it has nothing to say where nothing is written, and is asked again.
	silence = 45 * time.Second
)

// Changes calls change for each entry of the history of a run after the one numbered after, in order and each once, until
// the run is done. A stream that is cut is resumed. A server that was restored from a backup may tell the history from its
// beginning once more: the numbers then start anew.
func (c *Client) Changes(ctx context.Context, id server.RunID, after int64, change func(server.Change) error) error {
	return c.resume(ctx, func(ctx context.Context) (done, further bool, err error) {
		heardOf, heard, stop := whileHeard(ctx)
		defer stop()
		defer func() {
			if heardOf.Err() != nil && ctx.Err() == nil {
				err = c.silent()
			}
		}()
		path := runPath(id) + "/events?after=" + strconv.FormatInt(after, 10)
		resp, err := c.do(heardOf, http.MethodGet, path, nil, http.Header{"Accept": {"text/event-stream"}})
		if err != nil {
			return false, false, err
		}
		defer resp.Body.Close()
		done, err = readEvents(heardReader{resp.Body, heard}, func(event string, data []byte) error {
			if event == "reset" {
				after = 0
				return nil
			}
			var ch server.Change
			if err := json.Unmarshal(data, &ch); err != nil {
				return stopped(fmt.Errorf("reading an event of run %d: %w", id, err))
			}
			if ch.Seq <= after {
				return nil
			}
			after, further = ch.Seq, true
			return stopped(change(ch))
		})
		return done, further, err
	})
}

// Log copies the log of an activity, that of the job's current attempt, from a byte on to w; see LogOf.
func (c *Client) Log(ctx context.Context, id server.RunID, job, activity string, from int64, follow bool, w io.Writer) error {
	return c.LogOf(ctx, server.LogID{Run: id, Job: job, Activity: activity}, from, follow, w)
}

// LogOf copies a log from a byte on to w; without an epoch, that of the job's current attempt. With follow it goes on until the
// activity is done, or the attempt is, and resumes where it was cut. Without it the error is an *IncompleteError where the log is not
// whole.
func (c *Client) LogOf(ctx context.Context, id server.LogID, from int64, follow bool, w io.Writer) error {
	began := from
	return c.resume(ctx, func(ctx context.Context) (done, further bool, err error) {
		if id.Epoch == 0 && from > began {
			if id.Epoch, err = c.ranUnder(ctx, id); err != nil {
				return false, false, err
			}
		}
		header := http.Header{}
		if from > 0 {
			header.Set("Range", fmt.Sprintf("bytes=%d-", from))
		}
		heardOf, heard, stop := whileHeard(ctx)
		defer stop()
		resp, err := c.do(heardOf, http.MethodGet, logPath(id, follow), nil, header)
		if err != nil {
			if heardOf.Err() != nil && ctx.Err() == nil {
				return false, false, c.silent()
			}
			var e *server.Error
			if from > 0 && errors.As(err, &e) && e.Kind == server.Invalid {
				return true, false, nil // nothing after the last byte
			}
			return false, false, err
		}
		defer resp.Body.Close()
		if from > 0 && resp.StatusCode != http.StatusPartialContent {
			return false, false, stopped(fmt.Errorf("reading the log of %s/%s: the server ignored the range", id.Job, id.Activity))
		}
		if epoch, err := strconv.ParseInt(resp.Header.Get("Tutti-Epoch"), 10, 64); err == nil {
			id.Epoch = epoch
		}
		n, err := io.Copy(stoppingWriter{w}, heardReader{resp.Body, heard})
		from += n
		if why := resp.Header.Get("Tutti-Incomplete"); why != "" && err == nil && !follow {
			err = stopped(&IncompleteError{id, from, why})
		}
		return err == nil, n > 0, err
	})
}

// An IncompleteError says that a log was read as far as it can be, and is not whole.
type IncompleteError struct {
	Log   server.LogID
	Bytes int64
	Why   string
}

func (e *IncompleteError) Error() string {
	return fmt.Sprintf("the log of %s/%s is not whole, it ends at byte %d: %s", e.Log.Job, e.Log.Activity, e.Bytes, e.Why)
}

func logPath(id server.LogID, follow bool) string {
	path := runPath(id.Run) + "/jobs/" + url.PathEscape(id.Job) + "/activities/" + url.PathEscape(id.Activity) + "/log"
	query := url.Values{}
	if follow {
		query.Set("follow", "1")
	}
	if id.Epoch > 0 {
		query.Set("epoch", strconv.FormatInt(id.Epoch, 10))
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// ranUnder finds out of which epoch a log is that began to come before anybody could say it.
func (c *Client) ranUnder(ctx context.Context, id server.LogID) (int64, error) {
	run, err := c.Run(ctx, id.Run)
	var gone *UnreachableError
	switch {
	case errors.As(err, &gone) || server.KindOf(err) == server.Unavailable:
		return 0, err
	case err != nil:
		return 0, stopped(err)
	}
	for _, j := range run.Jobs {
		if j.Name == id.Job && len(j.Attempts) == 0 {
			return j.Epoch, nil
		}
	}
	return 0, stopped(fmt.Errorf("the log of %s/%s was cut off, and the job was begun anew since", id.Job, id.Activity))
}

// RunPatiently answers a run, once the server answers: for somebody who follows it.
func (c *Client) RunPatiently(ctx context.Context, id server.RunID) (run server.Run, err error) {
	err = c.resume(ctx, func(ctx context.Context) (done, further bool, err error) {
		run, err = c.Run(ctx, id)
		return err == nil, false, err
	})
	return run, err
}

// resume calls attempt until it is done, with pauses that grow, and gives up when no attempt got further for longer than
// patience. An error that is the server's answer, or the caller's own, ends it at once; so does a server that never answered.
func (c *Client) resume(ctx context.Context, attempt func(ctx context.Context) (done, further bool, err error)) error {
	pause, stuck, told := firstPause, time.Time{}, false
	for {
		began := time.Now()
		done, further, err := attempt(ctx)
		var answer *server.Error
		var stop *stopError
		var gone *UnreachableError
		switch {
		case done:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &stop):
			return stop.error
		case errors.As(err, &answer) && answer.Kind != server.Unavailable:
			return err
		case errors.As(err, &gone) && !c.answered.Load():
			return err
		case further || gone == nil && answer == nil && time.Since(began) >= steady:
			pause, stuck, told = firstPause, time.Time{}, false
		case stuck.IsZero():
			stuck = time.Now()
		case time.Since(stuck) > patience:
			return err
		case c.Waiting != nil && !told && time.Since(stuck) > longestPause:
			c.Waiting(err)
			told = true
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// silent is the error of a server that did not say a word.
func (c *Client) silent() error {
	return &UnreachableError{c.Server, fmt.Errorf("it said nothing for %s", silence)}
}

// whileHeard answers a context that ends when heard is not called for too long.
func whileHeard(ctx context.Context) (_ context.Context, heard, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(silence, cancel)
	return ctx, func() { timer.Reset(silence) }, func() { timer.Stop(); cancel() }
}

// A heardReader tells whenever something came.
type heardReader struct {
	io.Reader
	heard func()
}

func (r heardReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.heard()
	return n, err
}

// A stopError is the caller's own error on its way through resume.
type stopError struct{ error }

func stopped(err error) error {
	if err == nil {
		return nil
	}
	return &stopError{err}
}

type stoppingWriter struct{ io.Writer }

func (w stoppingWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	return n, stopped(err)
}

// readEvents calls data for each server-sent event, with its name. It answers true at the event "end", and false where the stream
// broke off before it.
func readEvents(r io.Reader, data func(event string, data []byte) error) (ended bool, err error) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 1<<20)
	event, payload := "", ""
	for scanner.Scan() {
		line := scanner.Text()
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && event == "end":
			return true, nil
		case line == "" && payload != "":
			if err := data(event, []byte(payload)); err != nil {
				return false, err
			}
			event, payload = "", ""
		case field == "event":
			event = value
		case field == "data":
			payload += value
		}
	}
	return false, scanner.Err()
}
