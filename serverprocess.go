package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api"
	"github.com/tutti-ci/tutti/server/backup"
	"github.com/tutti-ci/tutti/server/clock"
	"github.com/tutti-ci/tutti/server/trigger"
)

// serverConfig is what a server can be told.
type serverConfig struct {
	Listen         string
	Data           string
	PublicURL      string // where people reach it; by default where it listens
	Poll           time.Duration
	Suspect, Fence time.Duration // see the flags of the same names
	BackupEvery    time.Duration
	MinFree        int64 // bytes
	InProcess      bool  // compile without the cage: for the pipelines of whoever started the process
	// Libraries reads libraries; nil is mirrors in a folder of Data.
	Libraries trigger.Libraries
	// Given makes the server that of a local run: these settings take the place of stored ones, and no time and no end of a
	// run starts another one.
	Given *givenSettings
}

// A serverProcess is a server: a port, and an instance that answers there.
type serverProcess struct {
	*instance        // the one of now; only what serves, or the owner before it does, may use it
	URL       string // for people
	LocalURL  string // on this host

	compiler compiler
	listener net.Listener
	troubles *server.Troubles
	clock    *clock.Clock
	log      *slog.Logger
	restores chan restoreOrder
	reopened func(agentToken string) // called before another instance answers; nil means nothing

	restoring sync.Mutex // held by the one restore that there may be

	mu      sync.Mutex // guards serving
	serving *instance  // that answers requests; nil while there is none
}

// A compiler is what the trigger compiles with, and its end.
type compiler interface {
	trigger.Compiler
	Close() error
}

// openServer opens the data folder and the port. Nothing is served before Serve; the caller closes the process.
func openServer(ctx context.Context, cfg serverConfig, log *slog.Logger) (_ *serverProcess, err error) {
	s := &serverProcess{log: log, troubles: &server.Troubles{}, clock: clock.From(wall(), clock.Elapsed), restores: make(chan restoreOrder)}
	s.troubles.Changed = s.troubled
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.listener, err = listen(ctx, cfg.Listen); err != nil {
		return nil, err
	}
	s.LocalURL = localURL(s.listener.Addr())
	s.URL = strings.TrimSuffix(cfg.PublicURL, "/")
	if s.URL == "" {
		s.URL = s.LocalURL
	}
	s.instance = s.newInstance(cfg)
	err = s.instance.open(ctx, func() (err error) {
		if s.compiler, err = newCompiler(ctx, cfg.InProcess, log); err != nil { // which costs time, and so waits for the folder
			return err
		}
		s.instance.compiler = s.compiler
		return backup.Finish(cfg.Data)
	})
	if err != nil {
		return nil, err
	}
	s.announce()
	return s, nil
}

// newInstance makes an instance that is not open yet.
func (s *serverProcess) newInstance(cfg serverConfig) *instance {
	in := &instance{cfg: cfg, url: s.URL, compiler: s.compiler, clock: s.clock, troubles: s.troubles, log: s.log}
	if cfg.Given == nil {
		in.keeper = backups{s, in}
	}
	return in
}

// announce makes known where the server is, and whether by TLS.
func (s *serverProcess) announce() {
	s.auth.HTTPS = strings.HasPrefix(s.URL, "https://")
	if err := s.Store.Announce(s.LocalURL); err != nil {
		s.log.Warn("commands on this host will not find the server by its data folder", "error", err)
	}
}

// troubled takes note that the server's troubles changed: jobs may start again, or not any more.
func (s *serverProcess) troubled() {
	if in := s.answering(); in != nil {
		in.queue.Wake()
		in.bell.Ring(server.AllRuns)
	}
}

// listen takes the port, or says who may have it.
func listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, failed(fmt.Errorf("the address %s is taken: another server listens there; stop it, or choose another with --listen", address))
	}
	if err != nil {
		return nil, failed(fmt.Errorf("cannot listen on %q: %w", address, err))
	}
	return l, nil
}

// localURL is where a listener is reached from its own host.
func localURL(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "http://" + addr.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// LoginLink makes a link that signs one person in, once.
func (s *serverProcess) LoginLink() string {
	code, _ := s.auth.NewCode()
	return api.LoginURL(s.URL, code)
}

// Close gives everything back that openServer took.
func (s *serverProcess) Close() error {
	var errs []error
	if s.listener != nil {
		if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, fmt.Errorf("closing the port: %w", err))
		}
	}
	if s.compiler != nil {
		errs = append(errs, s.compiler.Close())
	}
	if s.instance != nil {
		errs = append(errs, s.instance.close())
	}
	return errors.Join(errs...)
}
