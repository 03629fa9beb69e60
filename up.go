package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const defaultListen = "127.0.0.1:8884"

func (c *serverConfig) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.Listen, "listen", defaultListen, "address to listen on; port 0 takes a free one")
	cmd.Flags().StringVar(&c.Data, "data", defaultDataDir(), "folder for the database, logs, tokens and mirrors")
	cmd.Flags().DurationVar(&c.Poll, "poll", 30*time.Second, "how often to look at repositories for pushes that nobody told of; 0 is never")
	cmd.Flags().DurationVar(&c.Fence, "fence", 10*time.Minute, "after how long without a word from its agent a job counts as lost")
	cmd.Flags().StringVar(&c.PublicURL, "url", "", "where people reach the server, if not at the address it listens on")
}

func (c *agentConfig) register(cmd *cobra.Command) {
	cmd.Flags().IntVar(&c.Capacity, "capacity", defaultCapacity(), "how many jobs to run at once")
	cmd.Flags().StringArrayVar(&c.Labels, "label", nil, "a label that jobs may ask for, as KEY=VALUE; may be repeated")
	cmd.Flags().StringVar(&c.Name, "name", "", "name of the agent, for people; by default the host's")
	cmd.Flags().StringVar(&c.MemoryText, "memory", "", "limit of memory of each activity's container, as in 2g; by default none")
}

// check refuses what flags can say and an agent cannot be.
func (c *agentConfig) check() error {
	if c.Capacity < 1 {
		return misused("--capacity %d: an agent runs at least one job at once", c.Capacity)
	}
	for _, label := range c.Labels {
		if key, value, ok := strings.Cut(label, "="); !ok || key == "" || value == "" {
			return misused("--label %q is not of the form KEY=VALUE", label)
		}
	}
	memory, err := parseSize(c.MemoryText)
	c.Memory = memory
	return err
}

func upCommand(con console) *cobra.Command {
	var srv serverConfig
	var ag agentConfig
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run a server and an agent in one process: all that one machine needs",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := ag.check(); err != nil {
				return err
			}
			// The parts outlive the signal that ends them: the agent's last words need a server.
			h, err := startHost(context.WithoutCancel(cmd.Context()), hostConfig{Server: srv, Agent: ag, Log: newLog(con.Err)})
			if err != nil {
				return err
			}
			welcome(con.Out, h.Server, srv.Data)
			select {
			case <-cmd.Context().Done():
			case <-h.Failed():
			}
			return h.Stop()
		},
	}
	srv.register(cmd)
	ag.register(cmd)
	return cmd
}

func serverCommand(con console) *cobra.Command {
	var cfg serverConfig
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run a server; agents connect to it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := openServer(cmd.Context(), cfg, newLog(con.Err))
			if err != nil {
				return err
			}
			welcome(con.Out, s, cfg.Data)
			return errors.Join(s.Serve(cmd.Context()), s.Close())
		},
	}
	cfg.register(cmd)
	return cmd
}

func agentCommand(con console) *cobra.Command {
	var cfg agentConfig
	var tokenFile string
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Run an agent: it takes jobs from a server and runs them in containers",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cfg.check(); err != nil {
				return err
			}
			token, err := os.ReadFile(tokenFile)
			if err != nil {
				return failed(fmt.Errorf("reading the agent's token: %w; copy agent.token from the server's data folder and name it with --token-file", err))
			}
			cfg.Token = strings.TrimSpace(string(token))
			a, err := openAgent(cfg, newLog(con.Err))
			if err != nil {
				return err
			}
			return a.Run(cmd.Context())
		},
	}
	cfg.register(cmd)
	cmd.Flags().StringVar(&cfg.Server, "server", "http://"+defaultListen, "URL of the server")
	cmd.Flags().StringVar(&tokenFile, "token-file", filepath.Join(defaultDataDir(), "agent.token"), "file with the agents' token of the server")
	cmd.Flags().StringVar(&cfg.Data, "data", filepath.Join(defaultDataDir(), "agent"), "folder for the agent's identity, journal and spool")
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
