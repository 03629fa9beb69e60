package agent

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
)

// An awayError says that a fetch failed because the server could not be reached, or is not able to answer now. That is no
// reason to lose a job: servers are restarted and upgraded.
type awayError struct{ error }

// Unwrap answers the cause.
func (e awayError) Unwrap() error { return e.error }

// fetchPatiently fetches a workspace, and tries again for as long as ctx lives while the server is away, or the disk is full.
func (s *workspaces) fetchPatiently(ctx context.Context, name string, c wire.Claim) (*os.File, error) {
	for failed := 0; ; failed++ {
		file, err := s.fetch(ctx, name, c)
		var away awayError
		if err == nil || ctx.Err() != nil || !errors.As(err, &away) && !isFull(err) {
			return file, err
		}
		pause := backoff(failed, err)
		s.log.Warn("a workspace cannot be fetched now", "run", c.Run, "job", c.Job, "error", err, "again_in", pause.Round(time.Millisecond))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// fetchSilence is how long a server may send nothing of a workspace.
const fetchSilence = 2 * time.Minute

// errFetchSilent ends a fetch of which nothing comes any more: a connection can look whole for ever.
var errFetchSilent = errors.New("the server sent nothing of it for too long")

// fetch fetches a workspace once.
func (s *workspaces) fetch(ctx context.Context, name string, c wire.Claim) (*os.File, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(fetchSilence, func() { cancel(errFetchSilent) })
	defer watch.Stop()
	file, err := s.receive(ctx, name, c, func() { watch.Reset(fetchSilence) })
	if err != nil && errors.Is(context.Cause(ctx), errFetchSilent) {
		err = awayError{errFetchSilent}
	}
	return file, err
}

// receive fetches a workspace, and tells of each sign of progress.
func (s *workspaces) receive(ctx context.Context, name string, c wire.Claim, progressed func()) (*os.File, error) {
	req, err := s.dial().WorkspaceRequest(ctx, s.agent, c)
	if err != nil {
		return nil, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, awayError{err}
	}
	defer resp.Body.Close() // only read
	if err := wire.CheckResponse(resp); err != nil {
		if resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode == http.StatusTooManyRequests {
			err = awayError{err}
		}
		return nil, err
	}
	tmp, err := os.CreateTemp(s.dir, "fetch-*")
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(tmp, awayReader{resp.Body, progressed})
	if err == nil {
		_, err = tmp.Seek(0, io.SeekStart)
	}
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		return nil, errors.Join(err, tmp.Close(), os.Remove(tmp.Name()))
	}
	return tmp, nil
}

// An awayReader tells errors of reading, which are the connection's, from those of writing, which are the disk's.
type awayReader struct {
	io.Reader
	progressed func()
}

// Read implements io.Reader.
func (r awayReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.progressed()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = awayError{err}
	}
	return n, err
}
