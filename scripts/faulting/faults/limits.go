package faults

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/scripts/faulting/lab"
)

// limitFaults are those of too much: they measure memory and time, so each has the machine to itself.
func limitFaults() []Fault {
	return []Fault{
		{
			Name: "million-lines-a-second", Alone: true, What: "a job writes as fast as it can for a minute, beside a quiet one", How: "payload, 300 MiB of limit for the log",
			Expect: "server and agent stay below 200 MiB; lines of the quiet job are seen within 2 s; what is left out is marked", Limit: 6 * time.Minute, Run: millionLines,
		},
		{
			Name: "log-of-2-GiB", Alone: true, What: "a job writes 2 GiB", How: "payload", Limit: 10 * time.Minute,
			Expect: "server and agent stay below 200 MiB; the download has the hash that the process says", Run: hugeLog,
		},
		{
			Name: "line-of-10-MB", CI: true, What: "a job writes one line of 10 MB", How: "payload",
			Expect: "it arrives as it is; server and agent stay below 150 MiB", Run: longLine,
		},
		{
			Name: "200-slow-readers", Alone: true, What: "200 readers take a byte a second of a log that comes fast", How: "API, raw and live", Limit: 5 * time.Minute,
			Expect: "the server takes at most 50 MiB more; another reader sees lines within 2 s", Run: slowReaders,
		},
		{
			Name: "500-agents-at-once", Alone: true, What: "500 agents connect again when the server is back", How: "agents without engines, server killed", Limit: 5 * time.Minute,
			Expect: "each is welcomed within 10 s of its call; the server stays below 250 MiB", Run: manyAgents,
		},
		{
			Name: "10000-queued-jobs", Alone: true, What: "10,000 jobs wait for an agent while others run", How: "API", Limit: 10 * time.Minute,
			Expect: "a new run on a free agent begins within 5 s, lines are seen within 2 s, the server stays below 400 MiB", Run: manyJobs,
		},
	}
}

// below notes a failure if a process ever took more memory than that.
func below(t *lab.T, p *lab.Process, limit int64) {
	peak := p.Peak()
	t.Logf("%s took at most %d MiB", p.Name, peak>>20)
	if peak > limit {
		t.Errorf("%s took %d MiB, and was to stay below %d", p.Name, peak>>20, limit>>20)
	}
}

// within notes a failure if a line was seen later than that.
func within(t *lab.T, r *lab.Run, name string, limit time.Duration) {
	slowest := r.Tail(name).Slowest()
	t.Logf("lines of %s were seen after at most %s", name, slowest)
	if slowest > limit {
		t.Errorf("a line of %s was seen %s after it was written, and was to be within %s", name, slowest, limit)
	}
}

func millionLines(t *lab.T) {
	l := t.Open(lab.Options{Agent: []string{"--log-limit", "300m"}})
	fast := l.Start("fast", lab.Lines("one", "-for 60s"))
	quiet := l.Start("quiet", lab.Lines("one", "-rate 20 -count 1200"))
	quiet.Same(3 * time.Minute)
	within(t, quiet, "one/say", 2*time.Second)
	run := fast.End(3 * time.Minute)
	fast.Once("one", "say")
	a := run.Jobs[0].Activities[0]
	t.Logf("the fast log has %d MiB, %d MiB are left out", a.LogBytes>>20, a.LogOmitted>>20)
	check := fast.Download("one", "say")
	if check.Doubled+check.Reordered > 0 || a.LogOmitted > 0 != (check.Omitted > 0) || a.LogOmitted != check.Omitted {
		t.Errorf("of the fast log %d lines are doubled, %d reordered; %d bytes are left out by its marker, %d by the server",
			check.Doubled, check.Reordered, check.Omitted, a.LogOmitted)
	}
	below(t, l.Server.Process, 200<<20)
	below(t, l.Agent().Process, 200<<20)
}

func hugeLog(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("huge", lab.Lines("one", "-width 950 -count 2147483"))
	r.Same(8 * time.Minute)
	below(t, l.Server.Process, 200<<20)
	below(t, l.Agent().Process, 200<<20)
}

func longLine(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("long", lab.Lines("one", "-width 10000000 -count 3"))
	r.Same(time.Minute)
	if status, text := l.Server.Page(fmt.Sprintf("/api/v1/runs/%d/jobs/one/activities/say/log/lines?from=1&count=10", r.ID)); status != 200 || len(text) > 4<<20 {
		t.Errorf("the lines for people are %d bytes, status %d", len(text), status)
	}
	below(t, l.Server.Process, 150<<20)
	below(t, l.Agent().Process, 150<<20)
}

func slowReaders(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("fast", lab.Lines("one", "-rate 20000 -count 1200000"), lab.Lines("two", "-rate 50 -count 3000"))
	r.Live(1000)
	before := l.Server.Usage().RSS
	ctx, stop := context.WithCancel(t.Ctx)
	var readers sync.WaitGroup
	var open atomic.Int64
	for i := range 200 {
		path := fmt.Sprintf("/api/v1/runs/%d/jobs/one/activities/say/log%s", r.ID, []string{"?follow=1", "/live"}[i%2])
		readers.Go(func() { readSlowly(ctx, l, path, &open) })
	}
	t.Until("200 readers read", 30*time.Second, func() bool { return open.Load() == 200 })
	var most int64
	for range 30 {
		t.Sleep(time.Second)
		most = max(most, l.Server.Usage().RSS)
	}
	t.Logf("the server takes %d MiB, and %d before the readers", most>>20, before>>20)
	if most > before+50<<20 {
		t.Errorf("the server takes %d MiB more for 200 slow readers", (most-before)>>20)
	}
	stop()
	readers.Wait()
	r.Same(2 * time.Minute)
	within(t, r, "two/say", 2*time.Second)
}

// readSlowly reads a byte a second.
func readSlowly(ctx context.Context, l *lab.Lab, path string, open *atomic.Int64) {
	req, err := http.NewRequestWithContext(ctx, "GET", l.Server.API.Server+path, nil)
	if err != nil {
		l.Errorf("making a request: %v", err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+l.Server.API.Token)
	resp, err := (&http.Client{Transport: &http.Transport{ReadBufferSize: 1 << 10}}).Do(req)
	if err != nil {
		l.Errorf("reading slowly: %v", err)
		return
	}
	defer resp.Body.Close()
	open.Add(1)
	for b := make([]byte, 1); ctx.Err() == nil; {
		if _, err := resp.Body.Read(b); err != nil && err != io.EOF {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func manyAgents(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("steady", lab.Lines("one", "-rate 100 -count 4000"))
	r.Live(50)
	const agents = 500
	ctx, stop := context.WithCancel(t.Ctx)
	var all sync.WaitGroup
	var mu sync.Mutex // guards welcomed and slowest
	welcomed, slowest := 0, time.Duration(0)
	for i := range agents {
		all.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				_ = beAgent(ctx, l, i, func() { // it is cut when the server is killed
					mu.Lock()
					defer mu.Unlock()
					welcomed++
					slowest = max(slowest, time.Since(began))
				})
				select {
				case <-ctx.Done():
				case <-time.After(time.Duration(i) * time.Millisecond):
				}
			}
		})
	}
	count := func() int { mu.Lock(); defer mu.Unlock(); return welcomed }
	t.Until("all agents are there", time.Minute, func() bool { return count() >= agents })
	l.Server.Kill()
	mu.Lock()
	slowest, welcomed = 0, 0
	mu.Unlock()
	t.Sleep(2 * time.Second)
	l.Server.Up()
	t.Until("all agents are back", time.Minute, func() bool { return count() >= agents })
	mu.Lock()
	t.Logf("the slowest of them waited %s for its welcome", slowest)
	if slowest > 10*time.Second {
		t.Errorf("an agent waited %s for its welcome", slowest)
	}
	mu.Unlock()
	r.Same(2 * time.Minute)
	below(t, l.Server.Process, 250<<20)
	stop()
	all.Wait()
}

// beAgent is an agent that can do nothing, until its connection ends.
func beAgent(ctx context.Context, l *lab.Lab, number int, welcomed func()) error {
	token := l.Server.AgentToken()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	c, err := wire.Dialer{URL: l.Server.API.Server, Token: token}.Control(ctx)
	if err != nil {
		return err
	}
	over := context.AfterFunc(ctx, func() { c.Close(wire.CloseNormal, "") })
	defer over()
	name := fmt.Sprintf("crowd-%d", number)
	hello := wire.Hello{
		MinProtocol: wire.MinProtocol, MaxProtocol: wire.MaxProtocol, Agent: strings.Repeat("0", 20) + name, Instance: name, Name: name, BootID: name,
		Status: wire.Status{Labels: []string{"crowd=yes"}, Capacity: 1, Problem: "it is one of a crowd"},
	}
	if err := c.Send(hello); err != nil {
		return err
	}
	for first := true; ; first = false {
		answer, err := c.Receive()
		if err != nil {
			return err
		}
		if answer.Kind != wire.KindWelcome && first {
			return fmt.Errorf("it is answered %s", answer.Kind)
		}
		if first {
			welcomed()
		}
	}
}

func manyJobs(t *lab.T) {
	l := t.Open(lab.Options{Server: []string{"--poll", "0"}})
	const runs, jobs = 50, 200
	crowd := make([]lab.Job, jobs)
	for i := range crowd {
		crowd[i] = lab.Job{Name: fmt.Sprintf("j%d", i), Extra: `    agent { labels = ["nobody=has"] }`, Steps: []lab.Step{{Name: "a", Script: "true"}}}
	}
	first := l.Start("crowd", crowd...)
	for range runs - 1 {
		l.Again("crowd", crowd...)
	}
	t.Until("all of them are queued", 3*time.Minute, func() bool {
		return l.Server.Metric("tutti_queue_jobs") >= runs*jobs
	})
	began := time.Now()
	r := l.Start("quick", lab.Lines("one", "-rate 50 -count 500"))
	r.Reads("one/say", 1, 30*time.Second)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a run began after %s", took)
	}
	r.Same(time.Minute)
	within(t, r, "one/say", 2*time.Second)
	below(t, l.Server.Process, 400<<20)
	for id := first.ID; id < first.ID+runs; id++ {
		_, err := l.Server.API.Cancel(t.Ctx, id)
		t.Check(err, "canceling run %d", id)
	}
	l.Idle(2 * time.Minute)
}
