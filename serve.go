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
	"github.com/tutti-ci/tutti/server/api"
)

// lastRequests is how long requests under way may take when the server ends.
const lastRequests = 5 * time.Second

// Serve answers requests until ctx ends, and waits for all that it started.
func (s *serverProcess) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer freeAfterStart(s.log).Stop()
	srv := &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		// Streams and websockets end with the server: their requests' contexts come from here.
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	s.instance.start(ctx)
	s.answer(s.instance)
	var parts sync.WaitGroup
	kept := make(chan error, 1)
	parts.Go(func() {
		kept <- s.keep(ctx)
		cancel()
	})
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
	err = errors.Join(unlessClosed(err), <-stopped, <-kept)
	parts.Wait()
	return err
}

// keep lets the instance work until ctx ends, and puts another one in its place when a backup is restored.
func (s *serverProcess) keep(ctx context.Context) error {
	defer func() {
		s.answer(nil) // whoever comes now is not waited for
		s.instance.stop(lastRequests)
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.instance.failed:
			return err
		case order := <-s.restores:
			restored, err := s.replace(ctx, order)
			order.done <- restoreEnd{restored, err}
			if s.answering() == nil {
				return fmt.Errorf("restoring a backup: %w", err)
			}
		}
	}
}

// serve answers a request by the instance of now.
func (s *serverProcess) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	in := s.serving
	if in != nil {
		in.requests.Add(1)
	}
	s.mu.Unlock()
	if in == nil {
		w.Header().Set("Retry-After", "2")
		w.Header().Set("Refresh", "2") // a browser that a person navigates here comes back by itself
		api.WriteError(w, r, s.log, server.Errorf(server.Unavailable, "the server is being stopped, or a backup restored: try again in a moment"))
		return
	}
	visit := &visit{leave: sync.OnceFunc(in.requests.Done)}
	defer visit.leave()
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), visitKey{}, visit))
	defer cancel()
	defer context.AfterFunc(in.life, cancel)()
	in.handler.ServeHTTP(w, r.WithContext(ctx))
}

// A visit is a request that an instance answers.
type visit struct {
	leave func() // says that the instance need not wait for it
}

type visitKey struct{}

// answer makes an instance the one that answers requests; nil is none.
func (s *serverProcess) answer(in *instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serving = in
}

// answering answers which one that is.
func (s *serverProcess) answering() *instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.serving
}

func unlessClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving: %w", err)
}
