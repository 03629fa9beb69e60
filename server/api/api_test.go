package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/servertest"
)

// An answer is what came back for a request.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request with the admin's token.
func do(t testing.TB, s *servertest.Server, method, path, body string, header ...string) answer {
	t.Helper()
	resp := open(t, s, method, path, body, header...)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(data)}
}

func open(t testing.TB, s *servertest.Server, method, path, body string, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+string(s.Auth.Admin))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func decode[T any](t testing.TB, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return v
}

func logPath(run server.RunID) string {
	return fmt.Sprintf("/api/v1/runs/%d/jobs/test/activities/unit/log", run)
}

func TestErrors(t *testing.T) {
	s := servertest.New(t)
	run := s.Logged([]byte("a\n"))
	for name, tt := range map[string]struct {
		method, path, body string
		header             []string
		status             int
		code               server.Kind
		says               string
	}{
		"UnknownRoute":    {method: "GET", path: "/api/v1/nothing", status: 404, code: server.NotFound, says: "there is no /api/v1/nothing"},
		"WrongMethod":     {method: "DELETE", path: "/api/v1/projects", status: 405, code: server.Invalid, says: "possible: GET, HEAD, POST"},
		"UnknownRun":      {method: "GET", path: "/api/v1/runs/7", status: 404, code: server.NotFound, says: "no run 7"},
		"NoRunAtAll":      {method: "GET", path: "/api/v1/runs/x", status: 404, code: server.NotFound, says: `no run "x"`},
		"UnknownProject":  {method: "POST", path: "/api/v1/projects/none/push", status: 404, code: server.NotFound, says: "none"},
		"UnknownJob":      {method: "GET", path: "/api/v1/runs/1/jobs/x/activities/unit/log", status: 404, code: server.NotFound, says: `no job "x"`},
		"UnknownEpoch":    {method: "GET", path: logPath(run.ID) + "?epoch=99", status: 404, code: server.NotFound, says: "no epoch 99"},
		"NoJSON":          {method: "POST", path: "/api/v1/projects", body: "{\n  \"name\": nope}", status: 400, code: server.Invalid, says: "line 2, column 12"},
		"UnfinishedJSON":  {method: "POST", path: "/api/v1/projects", body: `{"name": "a"`, status: 400, code: server.Invalid, says: "ends too early"},
		"WrongType":       {method: "POST", path: "/api/v1/projects", body: `{"name": 5}`, status: 400, code: server.Invalid, says: `"name" cannot be of type number`},
		"UnknownField":    {method: "POST", path: "/api/v1/projects", body: `{"nmae": "a"}`, status: 400, code: server.Invalid, says: `unknown field "nmae"`},
		"TwoBodies":       {method: "POST", path: "/api/v1/projects", body: `{"name": "a"} {}`, status: 400, code: server.Invalid, says: "more after its end"},
		"TooLarge":        {method: "POST", path: "/api/v1/projects", body: `{"name": "` + strings.Repeat("a", 1<<20) + `"}`, status: 413, code: server.Invalid, says: "1 MiB"},
		"BadName":         {method: "POST", path: "/api/v1/projects", body: `{"name": "A B", "url": "x"}`, status: 400, code: server.Invalid, says: "lower-case"},
		"NameTaken":       {method: "POST", path: "/api/v1/projects", body: `{"name": "app", "url": "x"}`, status: 409, code: server.Conflict, says: "app"},
		"CancelWhenDone":  {method: "POST", path: "/api/v1/runs/1/cancel", status: 409, code: server.Conflict, says: "1"},
		"BadLimit":        {method: "GET", path: "/api/v1/runs?limit=0", status: 400, code: server.Invalid, says: "from 1 to 500"},
		"EmptySearch":     {method: "GET", path: logPath(run.ID) + "/search?q=", status: 400, code: server.Invalid, says: "q="},
		"BadExpression":   {method: "GET", path: logPath(run.ID) + "/search?regexp=1&q=(", status: 400, code: server.Invalid, says: "regular expression"},
		"RangeBehindEnd":  {method: "GET", path: logPath(run.ID), header: []string{"Range", "bytes=2-"}, status: 416, code: server.Invalid, says: "2 bytes"},
		"FollowBehindEnd": {method: "GET", path: logPath(run.ID) + "?follow=1", header: []string{"Range", "bytes=2-"}, status: 416, code: server.Invalid, says: "2 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			got := do(t, s, tt.method, tt.path, tt.body, tt.header...)
			if got.status != tt.status {
				t.Errorf("status %d, want %d: %s", got.status, tt.status, got.body)
			}
			e := decode[struct {
				Error struct {
					Code    server.Kind
					Message string
				}
			}](t, got).Error
			if e.Code != tt.code || !strings.Contains(e.Message, tt.says) {
				t.Errorf("error %q %q, want %q and %q in it", e.Code, e.Message, tt.code, tt.says)
			}
		})
	}
}

// A form on another site can make a signed-in browser send anything but JSON. Who shows a token sends what it likes.
func TestOnlyBrowsersHaveToSayThatTheySendJSON(t *testing.T) {
	s := servertest.New(t)
	signedIn := httptest.NewRecorder()
	code, _ := s.Auth.NewCode()
	if err := s.Auth.SignIn(signedIn, httptest.NewRequest(http.MethodPost, "/login", nil), code); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		browser bool
		kind    string
		status  int
	}{
		"BrowserForm": {true, "application/x-www-form-urlencoded", http.StatusUnsupportedMediaType},
		"BrowserJSON": {true, "application/json; charset=utf-8", http.StatusBadRequest},
		"TokenForm":   {false, "application/x-www-form-urlencoded", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/api/v1/projects", strings.NewReader(`{"name": "A B"}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", tt.kind)
			if tt.browser {
				req.AddCookie(signedIn.Result().Cookies()[0])
				req.Header.Set("Sec-Fetch-Site", "same-origin")
			} else {
				req.Header.Set("Authorization", "Bearer "+string(s.Auth.Admin))
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != tt.status {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.status)
			}
		})
	}
}

func TestProjectsAndRuns(t *testing.T) {
	s := servertest.New(t)
	created := do(t, s, "POST", "/api/v1/projects", `{"name": "lib", "url": "/srv/lib.git"}`)
	if p := decode[server.Project](t, created); created.status != 201 || p.Name != "lib" || p.CreatedAt.IsZero() {
		t.Errorf("creating a project answers %d %+v", created.status, p)
	}
	if got := decode[struct{ Projects []server.Project }](t, do(t, s, "GET", "/api/v1/projects", "")); len(got.Projects) != 2 {
		t.Errorf("there are %d projects, want 2", len(got.Projects))
	}
	pushed := decode[struct{ Runs []server.Run }](t, do(t, s, "POST", "/api/v1/projects/lib/push", ""))
	if len(pushed.Runs) != 1 || pushed.Runs[0].Project != "lib" {
		t.Fatalf("a push answers %+v", pushed)
	}
	started := do(t, s, "POST", "/api/v1/projects/app/runs", `{"pipeline": "ci", "inputs": {"a": "b"}}`)
	run := decode[server.Run](t, started)
	if started.status != 201 || run.Event.Actor != "admin" || run.Inputs["a"] != "b" {
		t.Errorf("starting a run answers %d %+v", started.status, run)
	}
	list := func(query string) (ids []server.RunID) {
		for _, r := range decode[struct{ Runs []server.Run }](t, do(t, s, "GET", "/api/v1/runs"+query, "")).Runs {
			ids = append(ids, r.ID)
		}
		return ids
	}
	for query, want := range map[string][]server.RunID{"": {2, 1}, "?project=lib": {1}, "?before=2": {1}, "?limit=1": {2}} {
		if diff := cmp.Diff(want, list(query)); diff != "" {
			t.Errorf("runs%s (-want +got):\n%s", query, diff)
		}
	}
	if got := decode[server.Run](t, do(t, s, "GET", "/api/v1/runs/2", "")); !strings.Contains(got.Jobs[0].WaitsFor, "agent") {
		t.Errorf("the queued job waits for %q, want it to say for which agent", got.Jobs[0].WaitsFor)
	}
	if got := decode[server.Run](t, do(t, s, "POST", "/api/v1/runs/2/cancel", "")); got.Result != plan.Canceled {
		t.Errorf("the canceled run is %s %s", got.State, got.Result)
	}
}

func TestLog(t *testing.T) {
	s := servertest.New(t)
	log := append(servertest.Lines(2000), "\x00\xff no line break at the end"...)
	run := s.Logged(log)
	path := logPath(run.ID)

	t.Run("Raw", func(t *testing.T) {
		got := do(t, s, "GET", path, "")
		if got.body != string(log) {
			t.Errorf("the log has %d other bytes, want %d", len(got.body), len(log))
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Content-Type": "text/plain; charset=utf-8", "Content-Disposition": `inline; filename="run-1-test-unit.log"`} {
			if got.header.Get(name) != want {
				t.Errorf("%s is %q, want %q", name, got.header.Get(name), want)
			}
		}
		if again := do(t, s, "GET", path, "", "If-None-Match", got.header.Get("ETag")); again.status != 304 {
			t.Errorf("the same log again is %d, want 304", again.status)
		}
	})
	t.Run("Range", func(t *testing.T) {
		for _, r := range []struct {
			header   string
			from, to int
		}{{"bytes=10-19", 10, 20}, {"bytes=100-", 100, len(log)}, {"bytes=-7", len(log) - 7, len(log)}} {
			if got := do(t, s, "GET", path, "", "Range", r.header); got.status != 206 || got.body != string(log[r.from:r.to]) {
				t.Errorf("%s answers %d and %d bytes", r.header, got.status, len(got.body))
			}
		}
	})
	t.Run("Binary", func(t *testing.T) {
		bin := s.Logged([]byte{0, 1, 2, 0xff})
		if got := do(t, s, "GET", logPath(bin.ID), "").header.Get("Content-Type"); got != "application/octet-stream" {
			t.Errorf("a log of odd bytes is %q", got)
		}
	})
	t.Run("Lines", func(t *testing.T) {
		got := do(t, s, "GET", path+"/lines?from=2000&count=5", "")
		want := `{"from":2000,"total":2001,"finished":true,"lines":[{"text":"=== RUN   TestSomething/with_a_name_of_usual_length/2000/and_a_little_more_of_it","time":0},{"text":"␀� no line break at the end","time":0}]}`
		if strings.TrimSpace(got.body) != want {
			t.Errorf("lines are %s\nwant %s", got.body, want)
		}
		colours := do(t, s, "GET", path+"/lines?from=7&count=1", "")
		if want := `"spans":[[2,"f2"],[`; !strings.Contains(colours.body, want) {
			t.Errorf("line 7 is %s, want %s in it", colours.body, want)
		}
		if cache := do(t, s, "GET", path+"/lines?from=1&count=512&epoch=1", "").header.Get("Cache-Control"); !strings.Contains(cache, "immutable") {
			t.Errorf("a full chunk of a certain epoch has Cache-Control %q", cache)
		}
	})
	t.Run("Search", func(t *testing.T) {
		got := decode[struct {
			Total int64
			Lines []int64
		}](t, do(t, s, "GET", path+"/search?q=coverage:+71.0&limit=2&from=100", ""))
		if want := int64(bytes.Count(log, []byte("coverage: 71.0"))); got.Total != want {
			t.Errorf("search counts %d lines, want %d", got.Total, want)
		}
		if diff := cmp.Diff([]int64{140, 210}, got.Lines); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
	})
}

func TestFollow(t *testing.T) {
	s := servertest.New(t)
	run := s.Run(servertest.NewJob("test", nil, "unit"))
	resp := open(t, s, "GET", logPath(run.ID)+"?follow=1", "") // before the job has begun
	defer resp.Body.Close()
	body := bufio.NewReader(resp.Body)
	c := s.Start(run.ID, "test")
	id := servertest.LogOf(c, "unit")
	for i := range 5 {
		want := fmt.Sprintf("line %d\n", i)
		s.Append(id, want, 0, false)
		if got, err := body.ReadString('\n'); got != want || err != nil {
			t.Fatalf("followed %q, %v; want %q", got, err, want)
		}
	}
	part := open(t, s, "GET", logPath(run.ID)+"?follow=1", "", "Range", "bytes=7-")
	defer part.Body.Close()
	if part.StatusCode != 206 {
		t.Fatalf("following from a byte on is %d, want 206", part.StatusCode)
	}
	s.Finish(id)
	s.Report(c, plan.Passed, "", servertest.Ended("unit", plan.Passed, "", 0, time.Second, nil))
	if rest, err := io.ReadAll(body); len(rest) > 0 || err != nil {
		t.Errorf("after the end came %q, %v", rest, err)
	}
	if rest, err := io.ReadAll(part.Body); string(rest) != "line 1\nline 2\nline 3\nline 4\n" || err != nil {
		t.Errorf("from byte 7 on came %q, %v", rest, err)
	}
}

// An event is a server-sent event.
type event struct{ id, name, data string }

func events(t testing.TB, ctx context.Context, body io.Reader) func() event {
	scanner := bufio.NewScanner(body)
	scanner.Buffer(nil, 4<<20)
	return func() event {
		t.Helper()
		var e event
		for scanner.Scan() {
			name, value, _ := strings.Cut(scanner.Text(), ": ")
			switch {
			case name == "id":
				e.id = value
			case name == "event":
				e.name = value
			case name == "data":
				e.data = value
			case name == "" && e.name != "":
				return e
			}
		}
		t.Fatalf("the stream broke off: %v, %v", scanner.Err(), ctx.Err())
		return e
	}
}

func TestEvents(t *testing.T) {
	s := servertest.New(t)
	run := s.Run(servertest.NewJob("test", nil, "unit"))
	resp := open(t, s, "GET", fmt.Sprintf("/api/v1/runs/%d/events", run.ID), "")
	defer resp.Body.Close()
	next := events(t, t.Context(), resp.Body)
	c := s.Start(run.ID, "test")
	s.Report(c, plan.Passed, "", servertest.Ended("unit", plan.Passed, "", 0, time.Second, nil))

	var all []event
	for {
		e := next()
		if e.name == "end" {
			break
		}
		all = append(all, e)
	}
	last := decode[server.Change](t, answer{body: all[len(all)-1].data})
	if last.Kind != "run" || last.Result != plan.Passed {
		t.Errorf("the last change is %+v, want the run's end", last)
	}
	for cut := range all {
		resp := open(t, s, "GET", fmt.Sprintf("/api/v1/runs/%d/events", run.ID), "", "Last-Event-ID", all[cut].id)
		next := events(t, t.Context(), resp.Body)
		for _, want := range append(all[cut+1:], event{"", "end", "{}"}) {
			if got := next(); got != want {
				t.Errorf("after event %s came %+v, want %+v", all[cut].id, got, want)
			}
		}
		resp.Body.Close()
	}
}

func TestLiveLines(t *testing.T) {
	s := servertest.New(t)
	run := s.Run(servertest.NewJob("test", nil, "unit"))
	c := s.Start(run.ID, "test")
	id := servertest.LogOf(c, "unit")
	s.Append(id, string(servertest.Lines(1000)), 0, false)
	resp := open(t, s, "GET", logPath(run.ID)+"/live?keep=10", "")
	defer resp.Body.Close()
	next := events(t, t.Context(), resp.Body)

	type lines struct {
		From, Total int64
		Lines       []struct{ Text string }
	}
	if e := next(); e != (event{"", "state", `{"state":"waiting","epoch":1}`}) {
		t.Errorf("the first event is %+v, want the state", e)
	}
	e := next()
	got := decode[lines](t, answer{body: e.data})
	if e.id != "1001" || got.From != 991 || got.Total != 1000 || len(got.Lines) != 10 {
		t.Errorf("the first lines are %+v", e)
	}
	s.Append(id, "half", 0, false)
	e = next()
	if got := decode[lines](t, answer{body: e.data}); e.id != "1001" || got.From != 1001 || got.Lines[0].Text != "half" {
		t.Errorf("a line that is not over is %+v, want it again the next time", e)
	}
	s.Append(id, " and half\n", 0, true)
	e = next()
	if got := decode[lines](t, answer{body: e.data}); e.id != "1002" || got.From != 1001 || got.Lines[0].Text != "half and half" {
		t.Errorf("the whole line is %+v", e)
	}
	s.Finish(id)
	s.Report(c, plan.Passed, "", servertest.Ended("unit", plan.Passed, "", 0, time.Second, nil))
	if e := next(); e != (event{"", "state", `{"state":"done","result":"passed","epoch":1}`}) {
		t.Errorf("after the end of the activity came %+v", e)
	}
	if e := next(); e.name != "end" {
		t.Errorf("after the end of the log came %+v", e)
	}
	gone := open(t, s, "GET", logPath(run.ID)+"/live?from=5000", "")
	defer gone.Body.Close()
	nextGone := events(t, t.Context(), gone.Body)
	nextGone() // the state
	if e := nextGone(); e.name != "gone" {
		t.Errorf("from a line that never was came %+v", e)
	}
}

func TestHealthAndMetrics(t *testing.T) {
	s := servertest.New(t)
	s.Logged([]byte("a\n"))
	s.Run(servertest.NewJob("test", nil, "unit"))
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready"} {
		resp, err := http.Get(s.URL + path) // without a token
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, err := io.ReadAll(resp.Body); resp.StatusCode != 200 || !strings.HasPrefix(string(body), want) || err != nil {
			t.Errorf("%s is %d %q %v", path, resp.StatusCode, body, err)
		}
	}
	got := do(t, s, "GET", "/metrics", "").body
	for _, want := range []string{
		`tutti_queue_jobs 1`, `tutti_agents{online="true"} 1`, `tutti_runs{result="passed"} 1`, `tutti_log_bytes_total 0`,
		`tutti_http_requests_total{route="GET /healthz",status="200"} 1`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("metrics have no %s", want)
		}
	}
}

// TestGetNeverWrites reads every page and every endpoint that can be read, and looks whether anything is different then.
func TestGetNeverWrites(t *testing.T) {
	s := servertest.New(t)
	s.Logged([]byte("a\n"))
	s.Run(servertest.NewJob("test", nil, "unit"))
	state := func() string {
		var b strings.Builder
		for id := server.RunID(1); id <= 2; id++ {
			run, err := s.DB.Run(t.Context(), id)
			changes, err2 := s.DB.Changes(t.Context(), id, 0, 0)
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			if err := json.NewEncoder(&b).Encode([]any{run, changes}); err != nil { // %+v would write addresses of times
				t.Fatal(err)
			}
		}
		return b.String()
	}
	before := state()
	for _, path := range []string{
		"/", "/runs/1", "/runs/2", "/runs/2/cancel", "/runs/1/jobs/test/activities/unit", "/agents", "/login?code=x", "/logout",
		"/api/v1/projects", "/api/v1/projects/app", "/api/v1/projects/app/push", "/api/v1/projects/app/runs", "/api/v1/runs", "/api/v1/runs/1",
		"/api/v1/runs/2/cancel", "/api/v1/runs/2/jobs/test/approve", "/api/v1/projects/app/variables", "/api/v1/projects/app/secrets", "/api/v1/runs/1/events", "/api/v1/agents", "/api/v1/troubles", "/troubles", "/api/v1/login-links", "/api/v1/openapi.json", "/metrics",
		logPath(1), logPath(1) + "?follow=1", logPath(1) + "/lines", logPath(1) + "/live", logPath(1) + "/search?q=a",
	} {
		do(t, s, "GET", path, "")
	}
	if after := state(); after != before {
		t.Errorf("reading changed something:\n%s", cmp.Diff(before, after))
	}
}
