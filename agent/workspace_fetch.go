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

// fetchPatiently fetches a workspace, and tries again for as long as ctx lives while the server is away.
func (s *workspaces) fetchPatiently(ctx context.Context, name string, c wire.Claim) (*os.File, error) {
	for failed := 0; ; failed++ {
		file, err := s.fetch(ctx, name, c)
		var away awayError
		if err == nil || ctx.Err() != nil || !errors.As(err, &away) {
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

func (s *workspaces) fetch(ctx context.Context, name string, c wire.Claim) (*os.File, error) {
	req, err := s.dialer.WorkspaceRequest(ctx, s.agent, c)
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
	_, err = io.Copy(tmp, awayReader{resp.Body})
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
type awayReader struct{ io.Reader }

// Read implements io.Reader.
func (r awayReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = awayError{err}
	}
	return n, err
}
