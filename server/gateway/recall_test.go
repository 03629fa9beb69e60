package gateway_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/gateway"
	"github.com/tutti-ci/tutti/server/store"
)

// backup copies what a server has now.
func (h *house) backup(t *testing.T, from string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	must(t, h.db.Snapshot(t.Context(), filepath.Join(dir, "tutti.db")))
	must(t, os.CopyFS(filepath.Join(dir, "logs"), os.DirFS(filepath.Join(from, "logs"))))
	return dir
}

// restore ends a server, and starts one on a backup.
func (h *house) restore(t *testing.T, backup string) *house {
	t.Helper()
	given, err := h.db.Given(t.Context())
	must(t, err)
	h.close()
	return open(t, backup, 0, func(g *gateway.Gateway) {
		must(t, g.Jobs.(*store.DB).Renew(t.Context(), store.Renewal{
			Backup: time.Now(), After: given, GiveUp: func(time.Duration) time.Duration { return time.Hour },
		}))
	})
}

// passed is the last report of a job whose log is text.
func passed(c wire.Claim, text string) wire.Report {
	sum := sha256.Sum256([]byte(text))
	return wire.Report{Claim: c, Revision: 9, Phase: wire.PhaseFinished, Result: plan.Passed, Activities: []wire.ActivityReport{
		{Name: "a0", State: plan.Done, Result: plan.Passed, LogBytes: int64(len(text)), LogSHA256: hex.EncodeToString(sum[:])},
	}}
}

// bring sends the whole log of a job, and its last report.
func (h *house) bring(t *testing.T, p *puppet, c wire.Claim, text string) {
	t.Helper()
	l := h.logLine(t, p.welcome.Session)
	must(t, l.Send(wire.LogOpen{Stream: 1, Claim: c, Activity: "a0"}))
	have := frame[wire.LogAck](t, l).Length
	for length := have; length < int64(len(text)); length = frame[wire.LogAck](t, l).Length {
		must(t, l.Send(wire.LogData{Stream: 1, Offset: length, Payload: []byte(text[length:])}))
	}
	must(t, p.control.Send(passed(c, text)))
	var said wire.Reported
	if p.await(wire.KindReported, &said); !said.Final {
		t.Errorf("the answer is %+v", said)
	}
}

// givenOutSince restores a backup from before a job was given out.
func givenOutSince(t *testing.T) (second *house, id server.RunID, claim wire.Claim) {
	t.Helper()
	dir := t.TempDir()
	first := open(t, dir, 0)
	id = first.start("true")
	backup := first.backup(t, dir)
	claim = first.puppet(t).run()
	return first.restore(t, backup), id, claim
}

// endedSince restores a backup from when a job ran that has ended since, with this log.
func endedSince(t *testing.T, text string) (second *house, id server.RunID, claim wire.Claim) {
	t.Helper()
	dir := t.TempDir()
	first := open(t, dir, 0)
	id = first.start("true")
	p := first.puppet(t)
	claim = p.run()
	backup := first.backup(t, dir)
	first.bring(t, p, claim, text)
	return first.restore(t, backup), id, claim
}

// TestTakenInAgain restores a backup from before a job was given out, while it runs.
func TestTakenInAgain(t *testing.T) {
	second, id, claim := givenOutSince(t)
	if d := second.explained(t, id); !strings.Contains(d, "since before the restore") {
		t.Errorf("the job waits for %q", d)
	}
	p := second.puppet(t, wire.Held{Claim: claim, Phase: wire.PhaseRunning})
	p.verdict(claim, wire.DoContinue)
	if d := p.ping(1, claim).Jobs[0]; d.Valid == 0 || d.Stale {
		t.Errorf("the lease is %+v", d)
	}
	second.bring(t, p, claim, "it went on\n")
	if run := second.until(id, "done", isDone); run.Result != plan.Passed || second.log(id, claim.Epoch, "a0") != "it went on\n" {
		t.Errorf("the run ended %s", run.Result)
	}
}

// TestRecall restores a backup from when a job ran that has ended since.
func TestRecall(t *testing.T) {
	const text = "all that it wrote\n"
	second, id, claim := endedSince(t, text)
	kept := hello("puppet")
	older := claim
	older.Epoch--
	kept.Kept = []wire.Claim{older, claim, {Run: 77, Job: "unknown", Epoch: 1}}
	p := second.puppetSaying(t, kept)
	p.verdict(claim, wire.DoRecall)
	second.bring(t, p, claim, text)
	if run := second.until(id, "done", isDone); run.Result != plan.Passed || second.log(id, claim.Epoch, "a0") != text {
		t.Errorf("the run ended %s", run.Result)
	}
	// What the server knows the end of it does not want again.
	if p = second.puppetSaying(t, kept); len(p.welcome.Verdicts) != 0 {
		t.Errorf("the verdicts are %+v", p.welcome.Verdicts)
	}
}

// TestAcceptedBeforeTheRestore restores a backup from when a job was accepted, and not begun: it may have been given to somebody
// else since.
func TestAcceptedBeforeTheRestore(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir, 0)
	id := first.start("true")
	claim := first.puppet(t).run()
	second := first.restore(t, first.backup(t, dir))
	p := second.puppet(t, wire.Held{Claim: claim, Phase: wire.PhaseAccepted})
	p.verdict(claim, wire.DoDiscard)
	if cause := second.lost(id); !strings.Contains(cause, "had not begun it") {
		t.Errorf("it was lost because %s", cause)
	}
}

// TestGoneSinceTheBackup restores a backup from when a job ran of which its agent knows nothing any more.
func TestGoneSinceTheBackup(t *testing.T) {
	second, id, _ := endedSince(t, "x")
	sick := hello("puppet")
	sick.Problem = "Docker does not answer"
	second.puppetSaying(t, sick) // which cannot tell
	if run, err := second.db.Run(t.Context(), id); err != nil || run.State == plan.Done {
		t.Errorf("the run is %+v (%v)", run, err)
	}
	second.puppet(t)
	if cause := second.lost(id); cause != "agent puppet came back without it" {
		t.Errorf("it was lost because %s", cause)
	}
}

// TestBeforeTheRestore has an agent come with a try that was given out before a restore, when the job has gone on without it.
func TestBeforeTheRestore(t *testing.T) {
	second, id, old := givenOutSince(t)
	must(t, second.db.Cancel(t.Context(), id, "canceled by dana"))
	second.until(id, "done", isDone)
	p := second.puppet(t, wire.Held{Claim: old, Phase: wire.PhaseRunning})
	p.verdict(old, wire.DoDiscard)
	next := second.start("true")
	if c := p.run(); c.Epoch <= old.Epoch || server.RunID(c.Run) != next || next < id+1000 {
		t.Errorf("given out is %+v, for run %d", c, next)
	}
}
