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

// patience is for how long a stream that was cut is tried again before the server counts as gone.
const patience = time.Minute

// firstPause is the first of the pauses between attempts; each is twice the one before.
const firstPause = 50 * time.Millisecond

// Changes calls change for each entry of the history of a run after the one numbered after, in order and each once, until
// the run is done. A stream that is cut is resumed.
func (c *Client) Changes(ctx context.Context, id server.RunID, after int64, change func(server.Change) error) error {
	return c.resume(ctx, func() (done, further bool, err error) {
		path := runPath(id) + "/events?after=" + strconv.FormatInt(after, 10)
		resp, err := c.do(ctx, http.MethodGet, path, nil, http.Header{"Accept": {"text/event-stream"}})
		if err != nil {
			return false, false, err
		}
		defer resp.Body.Close()
		begin := after
		done, err = readEvents(resp.Body, func(data []byte) error {
			var ch server.Change
			if err := json.Unmarshal(data, &ch); err != nil {
				return stopped(fmt.Errorf("reading an event of run %d: %w", id, err))
			}
			if ch.Seq <= after {
				return nil
			}
			after = ch.Seq
			return stopped(change(ch))
		})
		return done, after > begin, err
	})
}

// Log copies the log of an activity from a byte on to w. With follow it goes on until the activity is done, and resumes
// where it was cut.
func (c *Client) Log(ctx context.Context, id server.RunID, job, activity string, from int64, follow bool, w io.Writer) error {
	path := runPath(id) + "/jobs/" + url.PathEscape(job) + "/activities/" + url.PathEscape(activity) + "/log"
	if follow {
		path += "?follow=1"
	}
	return c.resume(ctx, func() (done, further bool, err error) {
		header := http.Header{}
		if from > 0 {
			header.Set("Range", fmt.Sprintf("bytes=%d-", from))
		}
		resp, err := c.do(ctx, http.MethodGet, path, nil, header)
		if err != nil {
			var e *server.Error
			if from > 0 && errors.As(err, &e) && e.Kind == server.Invalid {
				return true, false, nil // nothing after the last byte
			}
			return false, false, err
		}
		defer resp.Body.Close()
		if from > 0 && resp.StatusCode != http.StatusPartialContent {
			return false, false, stopped(fmt.Errorf("reading the log of %s/%s: the server ignored the range", job, activity))
		}
		n, err := io.Copy(stoppingWriter{w}, resp.Body)
		from += n
		return err == nil, n > 0, err
	})
}

// resume calls attempt until it is done, with pauses that grow, and gives up when no attempt got further for longer than
// patience. An error that is the server's answer, or the caller's own, ends it at once; so does no server on the first try.
func (c *Client) resume(ctx context.Context, attempt func() (done, further bool, err error)) error {
	pause, stuck := firstPause, time.Time{}
	for first := true; ; first = false {
		done, further, err := attempt()
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
		case errors.As(err, &gone) && first:
			return err
		case further:
			pause, stuck = firstPause, time.Time{}
		case stuck.IsZero():
			stuck = time.Now()
		case time.Since(stuck) > patience:
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
		pause = min(2*pause, 2*time.Second)
	}
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

// readEvents calls data for each server-sent event. It answers true at the event "end", and false where the stream broke
// off before it.
func readEvents(r io.Reader, data func([]byte) error) (ended bool, err error) {
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
			if err := data([]byte(payload)); err != nil {
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
