package gateway_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server/gateway"
	"github.com/tutti-ci/tutti/server/queue"
)

// TestTraps has each step fail once, after what it stored: the same try goes on, and ends as if nothing had been.
func TestTraps(t *testing.T) {
	for _, point := range []string{"server.before_offer_tx", "server.after_running_tx", "server.after_result_tx"} {
		t.Run(point, func(t *testing.T) {
			var passed atomic.Int64
			trap := func(at string) error {
				if at == point && passed.Add(1) == 1 {
					return errors.New("trapped")
				}
				return nil
			}
			h := open(t, t.TempDir(), 0, func(g *gateway.Gateway) {
				g.Trap = trap
				g.Queue.(*queue.Queue).Trap = trap
			})
			h.agent(t.TempDir(), h.url)
			run := h.until(h.start("echo once"), "done", isDone)
			if job := run.Jobs[0]; run.Result != plan.Passed || job.Epoch != 1 || h.log(run.ID, 1, "a0") != "once\n" || passed.Load() == 0 {
				t.Errorf("the run ended %s (%s) at epoch %d, log %q", run.Result, job.Cause, job.Epoch, h.log(run.ID, 1, "a0"))
			}
		})
	}
}
