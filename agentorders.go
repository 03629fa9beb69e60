package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/agent"
)

// lookAgain is the time between two looks at whether an agent has ended.
const lookAgain = 50 * time.Millisecond

func agentDrainCommand(con console) *cobra.Command {
	var data string
	var limit time.Duration
	var wait bool
	cmd := &cobra.Command{
		Use:   "drain",
		Short: "Let the agent of a data folder end its jobs and then itself; it takes no new ones",
		Long: `Has the agent of this host take no new jobs, and end when its last job has. With --limit it waits, and cancels what still
runs then; without it, the agent's own --drain-limit counts. With --wait it answers when the agent has ended.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			pid, err := order(data, signalDrain)
			if err != nil {
				return err
			}
			fmt.Fprintf(con.Out, "the agent (process %d) takes no new jobs, and ends with the last one\n", pid)
			if !wait && limit <= 0 {
				return nil
			}
			return awaitEnd(cmd.Context(), con, data, pid, limit)
		},
	}
	registerFolder(cmd, &data)
	cmd.Flags().Var((*spanValue)(&limit), "limit", "wait, and cancel the jobs that run longer than this")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the agent has ended")
	return cmd
}

// awaitEnd waits until the agent that is being drained has ended, and cancels its jobs after limit, if that is not 0.
func awaitEnd(ctx context.Context, con console, data string, pid int, limit time.Duration) error {
	var late <-chan time.Time
	if limit > 0 {
		late = time.After(limit)
	}
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for {
		if now, err := agent.HolderOf(data); err != nil || now != pid {
			fmt.Fprintln(con.Out, "the agent has ended")
			return nil
		}
		select {
		case <-look.C:
		case <-late:
			late = nil
			fmt.Fprintf(con.Out, "the jobs run longer than %s: they are canceled\n", limit)
			if _, err := order(data, signalStop); err != nil {
				return err
			}
		case <-ctx.Done():
			return failed(errors.New("the agent still drains; nobody waits for it any more"))
		}
	}
}

func agentHandoffCommand(con console) *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "handoff",
		Short: "End the agent of a data folder and leave its jobs running, for the next agent to take up: the way to upgrade",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			pid, err := order(data, signalHandoff)
			if err != nil {
				return err
			}
			if err := awaitEnd(cmd.Context(), con, data, pid, 0); err != nil {
				return err
			}
			fmt.Fprintln(con.Out, "what ran still runs; start the next agent on the same data folder")
			return nil
		},
	}
	registerFolder(cmd, &data)
	return cmd
}

func agentReloadCommand(con console) *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have the agent of a data folder read its --config and its token again",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			pid, err := order(data, signalReload)
			if err != nil {
				return err
			}
			fmt.Fprintf(con.Out, "the agent (process %d) reads its configuration again; its log says what came of it\n", pid)
			return nil
		},
	}
	registerFolder(cmd, &data)
	return cmd
}

func registerFolder(cmd *cobra.Command, data *string) {
	cmd.Flags().StringVar(data, "data", defaultAgentData(), "folder of the agent")
}

// order sends a signal to the process that uses a data folder.
func order(data string, s syscall.Signal) (pid int, err error) {
	pid, err = agent.HolderOf(data)
	if err != nil {
		return 0, failed(fmt.Errorf("%w; name its folder with --data", err))
	}
	if err := syscall.Kill(pid, s); err != nil {
		return 0, failed(fmt.Errorf("telling the agent (process %d): %w; do it as the agent's user", pid, err))
	}
	return pid, nil
}
