package agent

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// A desk is a server for agents, in memory, that gives out one job. It keeps to the protocol, and takes the word of no message that
// does not.
type desk struct {
	t   *testing.T
	url string

	mu       sync.Mutex // guards what follows
	changed  chan struct{}
	fence    time.Duration
	offer    wire.Offer
	place    string // "queued", "offered", "running", "done"
	deaf     bool   // it answers nothing
	mute     bool   // it lets nothing start
	cancel   string
	recall   bool // it wants what is kept
	report   wire.Report
	logs     map[string][]byte
	banned   map[string]bool // instances that are dead, whatever they say
	sessions map[string]*wire.Control
	status   wire.Status
	hello    wire.Hello
	kinds    []string // of what it heard
}

// newDesk opens a desk with a job to give out.
func newDesk(t *testing.T, job plan.Job) *desk {
	t.Helper()
	d := &desk{t: t, changed: make(chan struct{}), fence: time.Minute, place: "queued", logs: make(map[string][]byte),
		banned: make(map[string]bool), sessions: make(map[string]*wire.Control)}
	d.offer = offer(1)
	d.offer.Commit = ""
	var err error
	d.offer.Plan, err = json.Marshal(job)
	must(t, err)
	sum := sha256.Sum256(d.offer.Plan)
	d.offer.SHA256, d.offer.Job = hex.EncodeToString(sum[:]), job.Name
	mux := http.NewServeMux()
	mux.HandleFunc(wire.ControlPath, d.control)
	mux.HandleFunc(wire.LogPath, d.shipped)
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	d.url = web.URL
	return d
}

// set changes the desk.
func (d *desk) set(how func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	how()
	d.tell()
}

func (d *desk) tell() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// until waits until the desk is as it should be.
func (d *desk) until(what string, is func() bool) {
	d.t.Helper()
	late := time.After(20 * time.Second)
	for {
		d.mu.Lock()
		ok, changed := is(), d.changed
		d.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-late:
			d.mu.Lock()
			defer d.mu.Unlock()
			d.t.Fatalf("it is not %s in time: %s, %+v, heard %v", what, d.place, d.report, d.kinds)
		}
	}
}

// hangUp closes the connections.
func (d *desk) hangUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, control := range d.sessions {
		control.Close(wire.CloseGoing, "hung up")
	}
}

// runs waits until the first activity of a counted job has written some lines.
func (d *desk) runs() {
	d.t.Helper()
	d.until("running", func() bool { return len(d.logs["unit"]) > 100 })
}

func (d *desk) isDone() bool { return d.place == "done" }

func (d *desk) control(rw http.ResponseWriter, r *http.Request) {
	control, err := wire.AcceptControl(rw, r)
	if err != nil {
		return
	}
	defer control.Close(wire.CloseNormal, "")
	instance := ""
	for {
		e, err := control.Receive()
		if err != nil {
			return
		}
		d.mu.Lock()
		if e.Kind == wire.KindHello {
			d.hello = wire.Hello{}
			must(d.t, e.Into(&d.hello))
			instance = d.hello.Instance
			d.sessions[instance] = control
		}
		var answers []wire.Message
		if d.banned[instance] {
			d.mu.Unlock()
			return
		}
		if !d.deaf {
			answers = d.hear(e)
		}
		d.kinds = append(d.kinds, string(e.Kind))
		d.tell()
		d.mu.Unlock()
		for _, m := range answers {
			if control.Send(m) != nil {
				return
			}
		}
	}
}

// hear answers one message. The caller holds mu.
func (d *desk) hear(e wire.Envelope) (answers []wire.Message) {
	switch e.Kind {
	case wire.KindHello:
		return d.welcome()
	case wire.KindStatus:
		d.status = wire.Status{}
		must(d.t, e.Into(&d.status))
	case wire.KindAccept:
		var m wire.Accept
		must(d.t, e.Into(&m))
		if m.Claim != d.offer.Claim || d.place == "done" || d.place == "queued" {
			return []wire.Message{wire.Stale{Claim: m.Claim}}
		}
		d.place = "running"
		if !d.mute {
			return []wire.Message{wire.Start{Claim: m.Claim, Valid: plan.Duration(d.fence)}}
		}
	case wire.KindDecline:
		d.place = "queued"
	case wire.KindPing:
		var m wire.Ping
		must(d.t, e.Into(&m))
		pong := wire.Pong{Seq: m.Seq}
		for _, c := range m.Jobs {
			pong.Jobs = append(pong.Jobs, wire.Desired{Claim: c, Valid: plan.Duration(d.fence), Cancel: d.cancel != "", Reason: d.cancel,
				Stale: c != d.offer.Claim || d.place == "done"})
		}
		return []wire.Message{pong}
	case wire.KindReport:
		return d.hearReport(e)
	}
	return nil
}

func (d *desk) welcome() []wire.Message {
	welcome := wire.Welcome{Protocol: wire.MaxProtocol, Server: "test", Session: int64(len(d.sessions)), Fence: plan.Duration(d.fence)}
	welcome.Suspect = plan.Duration(d.fence / 2)
	d.status = d.hello.Status
	answers, held := []wire.Message{}, false
	for _, h := range d.hello.Jobs {
		v := wire.Verdict{Claim: h.Claim, Do: wire.DoDiscard}
		if h.Claim == d.offer.Claim && (d.place == "offered" || d.place == "running") {
			held, d.place, v.Do = true, "running", wire.DoContinue
			if d.cancel != "" {
				v.Do, v.Reason = wire.DoStop, d.cancel
			}
			if h.Phase == wire.PhaseAccepted && !d.mute {
				answers = append(answers, wire.Start{Claim: h.Claim, Valid: plan.Duration(d.fence)})
			}
		}
		welcome.Verdicts = append(welcome.Verdicts, v)
	}
	for _, c := range d.hello.Kept {
		if d.recall && c == d.offer.Claim {
			held, d.recall, d.place = true, false, "running"
			welcome.Verdicts = append(welcome.Verdicts, wire.Verdict{Claim: c, Do: wire.DoRecall})
		}
	}
	if !held && (d.place == "queued" || d.place == "offered") && d.hello.Capacity > 0 {
		d.offer.Epoch++
		d.place = "offered"
		answers = append(answers, d.offer)
	}
	if !held && d.place == "running" { // what the agent came without is not there any more
		d.place, d.report.Result, d.report.Cause = "done", plan.Lost, "the agent came without it"
	}
	return append([]wire.Message{welcome}, answers...)
}

func (d *desk) hearReport(e wire.Envelope) []wire.Message {
	var m wire.Report
	must(d.t, e.Into(&m))
	if m.Claim != d.offer.Claim || d.place != "running" {
		return []wire.Message{wire.Stale{Claim: m.Claim}}
	}
	answer := wire.Reported{Claim: m.Claim, Revision: m.Revision}
	if m.Revision <= d.report.Revision {
		return []wire.Message{wire.Reported{Claim: m.Claim, Revision: d.report.Revision}}
	}
	d.report = m
	if m.Result == "" {
		return []wire.Message{answer}
	}
	for _, a := range m.Activities {
		if sum := sha256.Sum256(d.logs[a.Name]); a.LogIncomplete == "" && a.LogSHA256 != "" && a.LogSHA256 != hex.EncodeToString(sum[:]) {
			answer.Missing = true
		}
	}
	if !answer.Missing {
		answer.Final, d.place = true, "done"
	}
	return []wire.Message{answer}
}

func (d *desk) shipped(rw http.ResponseWriter, r *http.Request) {
	logs, err := wire.AcceptLogs(rw, r)
	if err != nil {
		return
	}
	defer logs.Close(wire.CloseNormal, "")
	names := make(map[uint32]string)
	for {
		frame, err := logs.Receive()
		if err != nil {
			return
		}
		d.mu.Lock()
		var answer wire.LogFrame
		switch f := frame.(type) {
		case wire.LogOpen:
			names[f.Stream] = f.Activity
			answer = wire.LogAck{Stream: f.Stream, Length: int64(len(d.logs[f.Activity]))}
		case wire.LogData:
			answer = d.write(f, names[f.Stream])
		}
		d.tell()
		deaf := d.deaf
		d.mu.Unlock()
		if deaf || answer == nil {
			continue
		}
		if logs.Send(answer) != nil {
			return
		}
	}
}

func (d *desk) write(f wire.LogData, activity string) wire.LogFrame {
	have := d.logs[activity]
	end := int64(len(have))
	if f.Offset > end {
		return wire.LogRewind{Stream: f.Stream, Length: end}
	}
	overlap := min(end-f.Offset, int64(len(f.Payload)))
	if !bytes.Equal(have[f.Offset:f.Offset+overlap], f.Payload[:overlap]) {
		d.t.Errorf("the log of %s differs at %d", activity, f.Offset)
		return wire.LogDiverged{Stream: f.Stream, At: f.Offset}
	}
	d.logs[activity] = append(have, f.Payload[overlap:]...)
	return wire.LogAck{Stream: f.Stream, Length: int64(len(d.logs[activity]))}
}
