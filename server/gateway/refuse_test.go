package gateway_test

import (
	"net/http"
	"testing"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

func TestStrangersAreRefused(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	bearer := "Bearer " + token
	for _, c := range []struct {
		name   string
		path   string
		header http.Header
		want   int
	}{
		{"NoToken", wire.ControlPath, nil, http.StatusUnauthorized},
		{"WrongToken", wire.ControlPath, http.Header{"Authorization": {"Bearer x"}}, http.StatusUnauthorized},
		{"Origin", wire.ControlPath, http.Header{"Authorization": {bearer}, "Origin": {h.url}}, http.StatusForbidden},
		{"Cookie", wire.ControlPath, http.Header{"Authorization": {bearer}, "Cookie": {"a=b"}}, http.StatusForbidden},
		{"NoSession", wire.LogPath + "?agent=x&session=1", http.Header{"Authorization": {bearer}}, http.StatusConflict},
		{"NotHeld", "/agent/v1/runs/1/jobs/test/workspace?agent=x&epoch=1", http.Header{"Authorization": {bearer}}, http.StatusNotFound},
		{"NoEpoch", "/agent/v1/runs/1/jobs/test/workspace?agent=x", http.Header{"Authorization": {bearer}}, http.StatusBadRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := request(t, h.url+c.path, c.header); got != c.want {
				t.Errorf("the answer is %d, want %d", got, c.want)
			}
		})
	}
}

// TestReplacedSession connects a second process under the same identity.
func TestReplacedSession(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	d := wire.Dialer{URL: h.url, Token: token}
	hello := func() (*wire.Control, wire.Envelope) {
		t.Helper()
		c, err := d.Control(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close(wire.CloseNormal, "") })
		err = c.Send(wire.Hello{MinProtocol: wire.MinProtocol, MaxProtocol: wire.MaxProtocol, Agent: "same", Instance: "i", Name: "twin"})
		if err != nil {
			t.Fatal(err)
		}
		e, err := c.Receive()
		if err != nil {
			t.Fatal(err)
		}
		return c, e
	}
	first, e := hello()
	if e.Kind != wire.KindWelcome {
		t.Fatalf("the first is answered %s", e.Kind)
	}
	_, e = hello()
	var welcome wire.Welcome
	if err := e.Into(&welcome); err != nil || welcome.Session != 2 {
		t.Errorf("the second is answered %+v (%v)", welcome, err)
	}
	if _, err := first.Receive(); wire.CloseCode(err) != wire.CloseReplaced {
		t.Errorf("the first ends with %v", err)
	}
	if _, err := d.Logs(t.Context(), "same", 1); err == nil {
		t.Error("a log connection of the older session was taken")
	}
}

func TestRefusedHello(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	for name, hello := range map[string]wire.Hello{
		"TooNew":    {MinProtocol: wire.MaxProtocol + 1, MaxProtocol: wire.MaxProtocol + 2, Agent: "a", Name: "n"},
		"TooOld":    {MinProtocol: 0, MaxProtocol: 0, Agent: "a", Name: "n"},
		"BadName":   {MinProtocol: wire.MinProtocol, MaxProtocol: wire.MaxProtocol, Agent: "../x", Name: "n"},
		"Capacity":  {MinProtocol: wire.MinProtocol, MaxProtocol: wire.MaxProtocol, Agent: "a", Name: "n", Status: wire.Status{Capacity: -1}},
		"Anonymous": {MinProtocol: wire.MinProtocol, MaxProtocol: wire.MaxProtocol, Agent: "a"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := wire.Dialer{URL: h.url, Token: token}.Control(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close(wire.CloseNormal, "")
			if err := c.Send(hello); err != nil {
				t.Fatal(err)
			}
			e, err := c.Receive()
			if err != nil || e.Kind != wire.KindRefused {
				t.Fatalf("the answer is %s, %v", e.Kind, err)
			}
			if _, err := c.Receive(); wire.CloseCode(err) != wire.CloseRefused {
				t.Errorf("the end comes as %v", err)
			}
		})
	}
}

// TestRogueAgent has an agent speak of jobs that are not its own.
func TestRogueAgent(t *testing.T) {
	h := open(t, t.TempDir(), 0)
	h.agent(t.TempDir(), h.url)
	id := h.start("echo mine; exec sleep 60")
	log := server.LogID{Run: id, Job: "test", Epoch: 1, Activity: "a0"}
	waitFor(t, h, log, 5)

	d := wire.Dialer{URL: h.url, Token: token}
	c, err := d.Control(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(wire.CloseNormal, "")
	claim := wire.Claim{Run: int64(id), Job: "test", Epoch: 1}
	must(t, c.Send(wire.Hello{MinProtocol: wire.MinProtocol, MaxProtocol: wire.MaxProtocol, Agent: "rogue", Name: "rogue", Jobs: []wire.Held{{Claim: claim, Phase: wire.PhaseRunning}}}))
	var welcome wire.Welcome
	e, err := c.Receive()
	must(t, err)
	must(t, e.Into(&welcome))
	if len(welcome.Verdicts) != 1 || welcome.Verdicts[0].Do != wire.DoDiscard {
		t.Errorf("the verdicts are %+v", welcome.Verdicts)
	}
	l, err := d.Logs(t.Context(), "rogue", welcome.Session)
	must(t, err)
	defer l.Close(wire.CloseNormal, "")
	must(t, l.Send(wire.LogOpen{Stream: 1, Claim: claim, Activity: "a0"}))
	must(t, l.Send(wire.LogData{Stream: 1, Offset: 5, Payload: []byte("forged")}))
	must(t, c.Send(wire.Report{Claim: claim, Revision: 1 << 40, Phase: wire.PhaseFinished, Result: plan.Passed,
		Activities: []wire.ActivityReport{{Name: "a0", State: plan.Done, Result: plan.Passed, LogBytes: 1, LogSHA256: "x"}}}))
	must(t, c.Send(wire.Accept{Claim: claim}))
	for range 3 {
		if e, err := c.Receive(); err != nil || e.Kind != wire.KindStale {
			t.Fatalf("the answer is %s, %v", e.Kind, err)
		}
	}
	if run, err := h.db.Run(t.Context(), id); err != nil || run.Jobs[0].State != plan.Running {
		t.Errorf("the job is %+v (%v)", run.Jobs[0], err)
	}
	if got := h.log(id, 1, "a0"); got != "mine\n" {
		t.Errorf("the log reads %q", got)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func request(t *testing.T, url string, header http.Header) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
