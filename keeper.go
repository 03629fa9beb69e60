package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// The signals that an agent obeys; see agent/README.md.
const (
	signalStop    = syscall.SIGTERM // drains; once more it cancels
	signalDrain   = syscall.SIGUSR1 // drains, however often it comes
	signalHandoff = syscall.SIGUSR2
	signalReload  = syscall.SIGHUP
)

// agentOrders are what a keeper has an agent do.
type agentOrders interface {
	Drain()
	Cancel()
	Handoff()
	Jobs() int
}

// A keeper obeys the signals for the agent of this process, and says what it does.
type keeper struct {
	agent   agentOrders
	limit   func() time.Duration // of a drain; 0 is for ever
	reload  func() (said string, err error)
	again   string // how to cancel what is being drained: "SIGTERM again"
	errs    io.Writer
	systemd notifier
	signals chan os.Signal

	draining, canceled bool
	late               <-chan time.Time // when the drain takes too long
}

// listen begins to take signals in; what comes before run waits.
func (k *keeper) listen() (stop func()) {
	k.signals = make(chan os.Signal, 8)
	signal.Notify(k.signals, os.Interrupt, signalStop, signalDrain, signalHandoff, signalReload)
	return func() { signal.Stop(k.signals) }
}

// run obeys until over is closed. If ctx is canceled, and not by a signal, the agent is as well.
func (k *keeper) run(ctx context.Context, over <-chan struct{}) {
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	var watch sync.WaitGroup
	defer watch.Wait()
	defer stop()
	watch.Go(func() { k.systemd.watch(watching, func() { k.agent.Jobs() }) })
	k.systemd.tell("READY=1")
	ended := ctx.Done()
	for {
		select {
		case s := <-k.signals:
			k.obey(s)
		case <-k.late:
			k.cancel("the drain took longer than " + plan.Duration(k.limit()).String())
		case <-ended:
			ended = nil
			if context.Cause(ctx) == context.Canceled { // another cause is a signal, which comes here as well
				k.agent.Cancel()
			}
		case <-over:
			return
		}
	}
}

func (k *keeper) obey(s os.Signal) {
	switch s {
	case signalReload:
		k.reloadNow()
	case signalHandoff:
		k.systemd.tell("STOPPING=1")
		k.say("handing over: %s on, and the next agent on this data folder takes it up", k.jobs("goes", "go"))
		k.agent.Handoff()
	case signalDrain:
		if !k.draining {
			k.drain()
		}
	case os.Interrupt, signalStop:
		if k.draining {
			k.cancel("asked for twice")
			return
		}
		k.drain()
	}
}

func (k *keeper) drain() {
	k.draining = true
	k.systemd.tell("STOPPING=1")
	limit := "as long as they need"
	if d := k.limit(); d > 0 {
		k.late = time.After(d)
		limit = plan.Duration(d).String() + " at most"
	}
	if n := k.agent.Jobs(); n > 0 {
		k.say("draining: %s, and no new ones are taken; the agent ends with them, in %s; %s cancels them", k.jobs("runs", "run"), limit, k.again)
	} else {
		k.say("draining: no job runs; the agent ends as soon as the server has all that it is owed; %s ends it at once", k.again)
	}
	k.agent.Drain()
}

func (k *keeper) cancel(why string) {
	k.late = nil
	if k.canceled {
		k.say("the agent is ending already")
		return
	}
	k.canceled = true
	k.say("canceling (%s): %s", why, k.jobs("ends now", "end now"))
	k.agent.Cancel()
}

// reloadNow reads the configuration again. A bad one changes nothing.
func (k *keeper) reloadNow() {
	said, err := k.reload()
	if err != nil {
		k.say("reload: %v\nnothing was changed", err)
		return
	}
	k.say("reload: %s", said)
}

// jobs says how many jobs do something: "2 jobs run".
func (k *keeper) jobs(one, many string) string {
	if n := k.agent.Jobs(); n != 1 {
		return fmt.Sprintf("%d jobs %s", n, many)
	}
	return "1 job " + one
}

func (k *keeper) say(format string, args ...any) {
	fmt.Fprintf(k.errs, "tutti: "+format+"\n", args...)
}
