package executor

import (
	"errors"
	"fmt"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// interrupted answers the outcome of an activity whose context ended.
func interrupted(cause error, exit *Exit) Outcome {
	outcome := Outcome{Result: plan.Lost, Cause: cause.Error(), Exit: exit}
	var canceled Canceled
	var late timedOut
	var over overtime
	switch {
	case errors.As(cause, &canceled):
		outcome.Result = plan.Canceled
	case errors.As(cause, &late), errors.As(cause, &over):
		outcome.Result = plan.Failed
	}
	return outcome
}

// judge answers the outcome of a process that ended by itself, and if it failed, the kind of its failure.
func judge(exit Exit) (Outcome, plan.Cause) {
	outcome := Outcome{Result: plan.Failed, Exit: &exit}
	switch {
	case exit.Reason != "":
		outcome.Cause = exit.Reason
	case exit.Code == 0:
		outcome.Result = plan.Passed
		return outcome, ""
	case exit.OOM && exit.Limit > 0:
		outcome.Cause = fmt.Sprintf("out of memory (limit %s)", size(exit.Limit))
		return outcome, plan.CauseOOM
	case exit.OOM:
		outcome.Cause = "out of memory"
		return outcome, plan.CauseOOM
	case exit.Signal != "":
		outcome.Cause = "killed by " + exit.Signal
	default:
		outcome.Cause = fmt.Sprintf("exit code %d", exit.Code)
	}
	return outcome, plan.CauseExit
}

// allow makes a failure a warning, if the activity may fail.
func (o *Outcome) allow(activity plan.Activity) {
	if activity.AllowFailure && o.Result == plan.Failed {
		o.Result = plan.Warned
	}
}

// size writes a number of bytes as people write limits: in the largest unit that divides it.
func size(bytes int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if bytes >= unit.size && bytes%unit.size == 0 {
			return fmt.Sprintf("%d %s", bytes/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", bytes)
}
