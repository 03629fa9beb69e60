package agent

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

var _ executor.Reporter = (*job)(nil)

// Started implements executor.Reporter: it makes the activity's place in the spool and begins to ship from there.
func (j *job) Started(activity string, at time.Time) (executor.Output, error) {
	err := j.patiently(func() (err error) {
		j.current.log, j.current.marks, err = j.spool.create(j.claim, activity)
		return err
	})
	if err != nil {
		return executor.Output{}, err
	}
	began := plan.Duration(max(0, at.Sub(j.startedAt)))
	return j.goOn(activity, at, func(a *wire.ActivityReport) { a.State, a.Began = plan.Running, &began })
}

// Rejoined implements executor.Reporter: the log goes on behind what the spool holds.
func (j *job) Rejoined(activity string) (executor.Output, error) {
	err := j.patiently(func() (err error) {
		j.current.log, j.current.marks, err = j.spool.reopen(j.claim, activity)
		return err
	})
	if err != nil {
		return executor.Output{}, err
	}
	started := j.startedAt
	return j.goOn(activity, started, func(a *wire.ActivityReport) {
		if a.Began != nil {
			j.current.started = started.Add(time.Duration(*a.Began))
		}
	})
}

// goOn has the log of an activity shipped from what its files hold, and reports a change.
func (j *job) goOn(activity string, started time.Time, how func(*wire.ActivityReport)) (executor.Output, error) {
	log, marks, st := j.current.log, j.current.marks, j.stream(activity)
	j.current.started, j.current.stream = started, st
	logEnd, marksEnd, err := ends(log, marks)
	if err == nil {
		st.marksEnd.Store(marksEnd) // nobody else knows st yet
		st.logEnd.Store(logEnd)
		j.w.ship.add(st)
		err = j.change(activity, how)
	}
	if err != nil { // the activity will not run, and nobody will call Finished
		j.current = current{}
		err = errors.Join(err, log.Close(), marks.Close())
		j.w.ship.fail(st, err)
		return executor.Output{}, err
	}
	return executor.Output{Log: log, Marks: marks, Wrote: func(logEnd, marksEnd int64) { j.w.ship.wrote(st, logEnd, marksEnd) }}, nil
}

// Going implements executor.Reporter: from now on the journal knows the process that is about to begin.
func (j *job) Going(activity string, p executor.Progress) error {
	noted := record{Going: &going{Claim: j.claim, Activity: activity, At: j.w.boottime(), Progress: p}}
	if p.Ticket == "" {
		return j.note(noted)
	}
	if !j.mayBegin() {
		return errLeaseOver
	}
	if err := j.w.trap("agent.before_ticket"); err != nil {
		return err
	}
	err := j.note(noted)
	if err == nil {
		err = j.patiently(func() error { return j.spool.noteTicket(j.claim, activity, p.Ticket) })
	}
	if err != nil {
		return err
	}
	return j.w.trap("agent.after_ticket")
}

// Finished implements executor.Reporter.
func (j *job) Finished(activity string, outcome executor.Outcome) error {
	if err := j.w.trap("agent.after_exit_before_result"); err != nil {
		return err
	}
	length, hash, err := j.closeLog(activity, outcome.Exit)
	if err != nil {
		return err
	}
	cur := j.current
	j.current = current{}
	if err := j.store(activity, outcome.Outputs); err != nil {
		j.log().Warn("sensitive outputs would not survive the agent", "activity", activity, "error", err)
	}
	return j.change(activity, func(a *wire.ActivityReport) {
		a.State, a.Result, a.Cause = plan.Done, outcome.Result, brief(outcome.Cause)
		a.LogBytes, a.LogSHA256 = length, hash
		a.Outputs, a.Tries = outcome.Outputs, nil
		for _, t := range outcome.Tries {
			a.Tries = append(a.Tries, wire.Try{Cause: cut(t.Cause, maxTryReason), LogEnd: t.LogEnd})
		}
		if e := outcome.Exit; e != nil {
			a.Signal, a.Omitted = e.Signal, e.Omitted
			if !e.Finished.IsZero() || e.Reason != "" { // else nobody knows how it ended
				code := e.Code
				a.ExitCode = &code
			}
		}
		if cur.stream != nil {
			began, took := j.times(cur.started, outcome.Exit)
			a.Began, a.Took = &began, &took
		}
	})
}

// times answers when an activity began, since the job did, and how long it took. Where it had a process these are the
// process's: what was waited for before it, such as an image, is not the script's doing.
func (j *job) times(reported time.Time, exit *executor.Exit) (began, took plan.Duration) {
	start, end := reported, time.Now()
	if exit != nil && !exit.Started.IsZero() && !exit.Finished.IsZero() {
		start, end = exit.Started, exit.Finished
	}
	return plan.Duration(max(0, start.Sub(j.startedAt))), plan.Duration(end.Sub(start))
}

// closeLog ends the log of an activity that was started, and answers its length and hash. Where the engine does not know
// them, because it lost its process, they are what is in the spool. A log that cannot be closed is not waited for.
func (j *job) closeLog(activity string, exit *executor.Exit) (length int64, hash string, err error) {
	cur := j.current
	if cur.stream == nil {
		return 0, "", nil
	}
	defer func() {
		if err != nil {
			j.w.ship.fail(cur.stream, err)
		}
	}()
	info, err := cur.marks.Stat()
	closing := errors.Join(err, cur.log.Close(), cur.marks.Close())
	if closing != nil {
		return 0, "", fmt.Errorf("closing the log of %s: %w", activity, closing)
	}
	if exit != nil && exit.LogSHA256 != "" {
		length, hash = exit.LogBytes, exit.LogSHA256
	} else if length, hash, _, err = j.spool.measure(j.claim, activity); err != nil {
		return 0, "", err
	}
	j.w.ship.complete(cur.stream, length, info.Size())
	return length, hash, nil
}

// current is the activity that runs.
type current struct {
	log, marks *os.File
	started    time.Time
	stream     *stream
}

func (j *job) stream(activity string) *stream {
	return &stream{
		claim: j.claim, activity: activity,
		logPath: j.spool.logPath(j.claim, activity), marksPath: j.spool.marksPath(j.claim, activity),
	}
}

// change changes the report on one activity.
func (j *job) change(activity string, how func(*wire.ActivityReport)) error {
	return j.revise(func(r *wire.Report) error {
		i := slices.IndexFunc(r.Activities, func(a wire.ActivityReport) bool { return a.Name == activity })
		if i < 0 {
			return fmt.Errorf("there is no activity %q in job %q", activity, r.Job)
		}
		how(&r.Activities[i])
		return nil
	})
}

// revise makes a new revision of the report, journals it, and has it sent.
func (j *job) revise(how func(*wire.Report) error) error {
	j.mu.Lock()
	next := j.report
	next.Activities = slices.Clone(next.Activities) // a report that is being sent stays as it is
	next.Revision++
	if err := how(&next); err != nil {
		j.mu.Unlock()
		return err
	}
	j.report = next
	j.mu.Unlock()
	kept := j.forDisk(next)
	if err := j.note(record{Report: &kept}); err != nil {
		return err
	}
	j.w.poke()
	return nil
}

// amend changes the report without a word to the journal: whoever reads that would find the same again.
func (j *job) amend(how func(*wire.Report)) {
	j.mu.Lock()
	next := j.report
	next.Activities = slices.Clone(next.Activities)
	next.Revision++
	how(&next)
	j.report = next
	j.mu.Unlock()
	j.w.poke()
}

// maxReason bounds what a report says in words, and maxTryReason what it says of a try that was followed by another. They may be the
// user's (the name of a command, its PATH), and what nobody can send would be tried for ever.
const (
	maxReason    = 2 << 10
	maxTryReason = 256
)

// brief cuts words that go to the server.
func brief(words string) string { return cut(words, maxReason) }

func cut(words string, most int) string {
	words = strings.ToValidUTF8(words, "\uFFFD")
	if len(words) <= most {
		return words
	}
	end := most - len("…")
	for !utf8.RuneStart(words[end]) {
		end--
	}
	return words[:end] + "…"
}
