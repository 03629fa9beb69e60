package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/agent"
)

const defaultListen = "127.0.0.1:8884"

func (c *serverConfig) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.Listen, "listen", defaultListen, "address to listen on; port 0 takes a free one")
	cmd.Flags().StringVar(&c.Data, "data", defaultDataDir(), "folder for the database, logs, tokens and mirrors")
	cmd.Flags().DurationVar(&c.Poll, "poll", 30*time.Second, "how often to look at repositories for pushes that nobody told of; 0 is never")
	cmd.Flags().DurationVar(&c.Suspect, "suspect", 45*time.Second, "after how long without a word from its agent a job says so")
	cmd.Flags().DurationVar(&c.Fence, "fence", 10*time.Minute, "for how long a job may go on while its agent and the server hear nothing of each other; it is lost then")
	cmd.Flags().DurationVar(&c.BackupEvery, "backup-every", time.Hour, "how often to copy the database into the folder backups of --data; 0 is never")
	c.MinFree = defaultMinFree
	cmd.Flags().Var((*floorValue)(&c.MinFree), "min-free", minFreeUsage)
	cmd.Flags().StringVar(&c.PublicURL, "url", "", "where people reach the server, if not at the address it listens on")
}

// The least and the most that --fence may be: below, no ping would come in time; above, a job that nobody hears of would stand there
// as running for days.
const (
	leastFence = 5 * time.Second
	mostFence  = 24 * time.Hour
)

// check refuses what flags can say and a server cannot be.
func (c *serverConfig) check() error {
	switch {
	case c.Fence < leastFence || c.Fence > mostFence:
		return misused("--fence %s: it is a time from %s to %s", c.Fence, leastFence, mostFence)
	case c.Suspect < time.Second || c.Suspect > c.Fence:
		return misused("--suspect %s: it is a time from 1s to --fence, which is %s", c.Suspect, c.Fence)
	case c.Poll < 0:
		return misused("--poll %s: it is a time such as 30s, or 0 for never", c.Poll)
	case c.BackupEvery < 0:
		return misused("--backup-every %s: it is a time such as 1h, or 0 for never", c.BackupEvery)
	}
	return nil
}

func upCommand(con console) *cobra.Command {
	var srv serverConfig
	var shown agentConfig
	var file string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run a server and an agent in one process: all that one machine needs",
		Long: `Runs a server and an agent in one process. Ctrl-C or SIGTERM takes no new jobs and ends when those that run have; once more
cancels them. SIGUSR2 ends both and leaves the jobs running, for the next one on the same data to take up.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			k := keeper{again: "Ctrl-C again", errs: con.Err, systemd: systemd()}
			defer k.listen()()
			source := newAgentSource(cmd.Flags(), file, false)
			ag, err := source.read()
			if err = cmp.Or(badConfig(err), srv.check()); err != nil {
				return err
			}
			// The parts outlive the signal that ends them: the agent's last words need a server.
			h, err := startHost(context.WithoutCancel(cmd.Context()), hostConfig{Server: srv, Agent: ag, Log: newLog(con.Err)})
			if err != nil {
				return err
			}
			h.Agent.source = source
			welcome(con.Out, h.Server, srv.Data)
			k.agent, k.limit, k.reload = h.Agent, h.Agent.drainLimit, h.Agent.reload
			k.run(cmd.Context(), h.Failed())
			return h.Stop()
		},
	}
	srv.register(cmd)
	shown.register(cmd.Flags())
	registerConfigFile(cmd, &file)
	return cmd
}

func registerConfigFile(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "config", "", "file with settings of the agent, such as TUTTI_CAPACITY=4; SIGHUP reads it again")
}

// badConfig answers the exit code for a configuration that cannot be meant so.
func badConfig(err error) error {
	var bad *configError
	if errors.As(err, &bad) {
		return &exitError{Code: exitUsage, Err: bad}
	}
	return err
}

func serverCommand(con console) *cobra.Command {
	var cfg serverConfig
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run a server; agents connect to it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cfg.check(); err != nil {
				return err
			}
			s, err := openServer(cmd.Context(), cfg, newLog(con.Err))
			if err != nil {
				return err
			}
			welcome(con.Out, s, cfg.Data)
			return errors.Join(s.Serve(cmd.Context()), s.Close())
		},
	}
	cfg.register(cmd)
	cmd.AddCommand(backupCommand(con), restoreCommand(con))
	return cmd
}

func agentCommand(con console) *cobra.Command {
	var shown agentConfig
	var file string
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Run an agent: it takes jobs from a server and runs them in containers",
		Long: `Runs an agent. SIGTERM or Ctrl-C drains it: it takes no new jobs, and ends when those that run have; once more cancels them.
SIGUSR1 drains, however often it comes. SIGUSR2 ends the agent and leaves its jobs running, for the next one on the same data folder
to take up. SIGHUP reads --config and the token again.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			k := keeper{again: "SIGTERM again", errs: con.Err, systemd: systemd()}
			defer k.listen()()
			source := newAgentSource(cmd.Flags(), file, true)
			cfg, err := source.read()
			if err != nil {
				return badConfig(err)
			}
			a, err := openAgent(cfg, newLog(con.Err))
			if err != nil {
				return err
			}
			a.source = source
			k.agent, k.limit, k.reload = a, a.drainLimit, a.reload
			var running sync.WaitGroup
			over := make(chan struct{})
			running.Go(func() {
				defer close(over)
				err = a.Run(context.WithoutCancel(cmd.Context())) // a signal means what the keeper says
			})
			k.run(cmd.Context(), over)
			running.Wait()
			if errors.Is(err, agent.ErrInUse) {
				return failed(err)
			}
			return err
		},
	}
	shown.register(cmd.Flags())
	shown.registerAlone(cmd.Flags())
	registerConfigFile(cmd, &file)
	cmd.AddCommand(agentDrainCommand(con), agentHandoffCommand(con), agentReloadCommand(con))
	return cmd
}

// welcome says where the server is and how to get in.
func welcome(out io.Writer, s *serverProcess, data string) {
	fmt.Fprintf(out, "Tutti is at      %s\ndata is in       %s\nsign in once at  %s\n", s.URL, data, s.LoginLink())
}

// newLog is the log of a process that runs for long.
func newLog(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// quietLog is the log of a process that has something else to say: only what goes wrong.
func quietLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelError}))
}
