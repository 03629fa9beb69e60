package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api/client"
)

func approveCommand(con console) *cobra.Command {
	return decisionCommand(con, "approve", "Approve what a run asks, so that it goes on", "approved", (*client.Client).Approve)
}

func rejectCommand(con console) *cobra.Command {
	return decisionCommand(con, "reject", "Reject what a run asks: the approval fails, and what needs it is skipped", "rejected", (*client.Client).Reject)
}

func decisionCommand(con console, verb, short, done string, decide func(*client.Client, context.Context, server.RunID, string, string) (server.Run, error)) *cobra.Command {
	var flags clientFlags
	var comment string
	cmd := &cobra.Command{
		Use:   verb + " RUN [APPROVAL]",
		Short: short,
		Long:  short + ".\nAPPROVAL need not be named where exactly one of the run waits for an answer.",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseRunID(args[0])
			if err != nil {
				return err
			}
			c := flags.client()
			var name string
			if len(args) == 2 {
				name = args[1]
			} else if name, err = theQuestion(cmd.Context(), c, id); err != nil {
				return err
			}
			run, err := decide(c, cmd.Context(), id, name, comment)
			if err != nil {
				return err
			}
			if flags.json {
				return printJSON(con.Out, run)
			}
			fmt.Fprintf(con.Out, "%s of run %d is %s\n", name, id, done)
			return nil
		},
	}
	flags.register(cmd)
	cmd.Flags().StringVarP(&comment, "message", "m", "", "a comment that the run shows")
	return cmd
}

// theQuestion answers the name of the only approval of a run that waits for an answer.
func theQuestion(ctx context.Context, src source, id server.RunID) (string, error) {
	run, err := src.RunPatiently(ctx, id)
	if err != nil {
		return "", err
	}
	var open, later []string
	for _, j := range run.Jobs {
		switch {
		case asks(j):
			open = append(open, j.Name)
		case j.Kind == plan.KindApproval && j.State == plan.Waiting:
			later = append(later, j.Name+" waits for "+j.WaitsFor)
		}
	}
	switch {
	case len(open) == 1:
		return open[0], nil
	case len(open) > 1:
		return "", failed(fmt.Errorf("run %d waits for several approvals: name one of %s", id, strings.Join(open, ", ")))
	case len(later) > 0:
		return "", failed(fmt.Errorf("run %d waits for no approval yet: %s", id, strings.Join(later, "; ")))
	}
	return "", failed(fmt.Errorf("run %d waits for no approval", id))
}

// asks says whether a job is an approval that waits for somebody's answer now.
func asks(j server.Job) bool {
	return j.Kind == plan.KindApproval && j.State == plan.Waiting && j.Approval != nil && j.Approval.AskedAt != nil
}

// question is what an approval asks, and whom, in one line.
func question(j server.Job) string {
	who := "anybody"
	if len(j.Approval.Approvers) > 0 {
		who = strings.Join(j.Approval.Approvers, ", ")
	}
	text := "waits for approval by " + who
	if j.Approval.Message != "" {
		text += ": " + oneLine(j.Approval.Message)
	}
	return text
}

// answer is what became of an approval, in one line.
func answer(j server.Job) string {
	text := verdict(j.Result, j.Cause, false)
	if j.Approval != nil && j.Approval.By != "" && j.Result == plan.Passed {
		text = "approved by " + j.Approval.By
		if j.Approval.Comment != "" {
			text += ": " + oneLine(j.Approval.Comment)
		}
	}
	return text
}
