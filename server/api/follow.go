package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tutti-ci/tutti/server"
)

// followLog answers the bytes of a log as they come, until there will be no more. "Range: bytes=N-" starts at N.
//
// A client must be able to tell the end of the log from the end of the connection: the body ends properly only where
// the log does. A client may have more of a log that goes on than the server, which was killed in between: the same bytes come again
// from the agent, and the client gets those behind what it has.
//
// Who does not ask for an epoch gets the log of the attempt that writes first. The header Tutti-Epoch says which one that is, if it is
// known when the answer begins.
func (a *API) followLog(w http.ResponseWriter, r *http.Request, watch *watch) error {
	from, ranged := openRange(r)
	info, err := watch.info()
	if err != nil {
		return err
	}
	if from > info.Bytes && info.Finished {
		return server.Errorf(server.Conflict, "the log ends at byte %d, though more of it was there before: the server was restored from a backup, or its disk was damaged", info.Bytes)
	}
	if from > 0 && from == info.Bytes && info.Finished {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", info.Bytes))
		return checkRange(r, info.Bytes)
	}
	if info.Bytes > 0 || from > 0 {
		watch.settle()
	}
	if err := setLogHeaders(w, r, watch, info, strings.NewReader("")); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	if ranged {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/*", from, max(from, info.Bytes-1)))
		w.WriteHeader(http.StatusPartialContent)
	}
	f := follower{watch: watch, w: w, rc: http.NewResponseController(w), off: from}
	if err := f.run(r.Context()); err != nil {
		a.cut(r, err)
	}
	return nil
}

// openRange reads "Range: bytes=N-", which is all that a follower can ask for.
func openRange(r *http.Request) (from int64, ok bool) {
	text, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes=")
	text, open := strings.CutSuffix(text, "-")
	from, err := strconv.ParseInt(text, 10, 64)
	if !ok || !open || err != nil || from < 0 {
		return 0, false
	}
	return from, true
}

// A follower copies a growing log to a client.
type follower struct {
	watch *watch
	w     http.ResponseWriter
	rc    *http.ResponseController
	off   int64
}

func (f *follower) run(ctx context.Context) error {
	for {
		info, err := f.watch.info()
		if err != nil {
			return err
		}
		if err := f.copyTo(info.Bytes); err != nil {
			return err
		}
		if info.Finished {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.watch.grown:
		case <-f.watch.changed:
			if err := f.watch.look(ctx); err != nil {
				return err
			}
		}
	}
}

// copyTo sends the bytes from where the client is to end, and flushes, so that the client sees headers at once and bytes
// when they come.
func (f *follower) copyTo(end int64) error {
	if end > f.off {
		f.watch.settle()
		log, err := f.watch.api.OpenLog(f.watch.id)
		if err != nil {
			return err
		}
		defer log.Close()
		for f.off < end {
			if err := f.deadline(); err != nil {
				return err
			}
			n, err := io.Copy(f.w, io.NewSectionReader(log, f.off, min(end-f.off, 1<<20)))
			f.off += n
			if err == nil && n == 0 {
				err = io.ErrUnexpectedEOF
			}
			if err != nil {
				return fmt.Errorf("following a log at byte %d: %w", f.off, err)
			}
		}
	}
	if err := f.deadline(); err != nil {
		return err
	}
	return f.rc.Flush()
}

func (f *follower) deadline() error { return f.rc.SetWriteDeadline(time.Now().Add(writeTimeout)) }
