package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/tutti-ci/tutti/server"
)

// lastRequests is how long requests under way may take when the server ends.
const lastRequests = 5 * time.Second

// Serve answers requests until ctx ends, and waits for all that it started.
func (s *serverProcess) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer freeAfterStart().Stop()
	srv := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		// Streams and websockets end with the server: their requests' contexts come from here.
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	var parts sync.WaitGroup
	ended := make(chan error, 2)
	parts.Go(func() { ended <- s.gateway.Run(ctx) })
	parts.Go(func() { ended <- s.flow.Run(ctx) })
	if !s.local {
		changed, stop := s.bell.Listen(server.AllRuns)
		defer stop()
		parts.Go(func() { s.Trigger.Follow(ctx, changed) })
		parts.Go(func() { s.Trigger.KeepTime(ctx) })
	}
	if s.poll > 0 {
		parts.Go(func() { s.Trigger.Poll(ctx, s.poll) })
	}
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		limited, done := context.WithTimeout(context.WithoutCancel(ctx), lastRequests)
		defer done()
		err := srv.Shutdown(limited)
		if errors.Is(err, context.DeadlineExceeded) {
			err = srv.Close()
		}
		stopped <- err
	})
	err := srv.Serve(s.listener)
	cancel()
	err = errors.Join(unlessClosed(err), <-stopped, <-ended, <-ended)
	parts.Wait()
	return err
}

func unlessClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving: %w", err)
}
