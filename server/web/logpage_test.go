package web_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/servertest"
)

// The page of a log streams unless it says that the log is finished.
func TestLogPageStreamsUntilBothLogAndActivityEnded(t *testing.T) {
	s := servertest.New(t)
	page := func(path string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+string(s.Auth.Admin))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("the page is %d, %v: %s", resp.StatusCode, err, body)
		}
		return string(body)
	}
	run := s.Run(servertest.NewJob("test", nil, "unit", "lint", "ship"))
	c := s.Start(run.ID, "test")
	unit, lint := servertest.LogOf(c, "unit"), servertest.LogOf(c, "lint")
	s.Append(unit, "half of it\n", 0, false)
	s.Write(lint, []byte("all of it\n"))
	s.Report(c, "", "",
		servertest.Ended("unit", plan.Passed, "", 0, time.Second, []byte("half of it\nand the rest\n")),
		servertest.Running("lint", time.Second))
	check := func(when, activity string, want bool) {
		t.Helper()
		if !strings.Contains(page(logPage(run.ID, "test", activity)), fmt.Sprintf(`data-finished="%t"`, want)) {
			t.Errorf("%s the page of %s does not say finished=%t", when, activity, want)
		}
	}
	check("while its tail is missing", "unit", false)
	check("while it runs", "lint", false)
	s.Append(unit, "and the rest\n", 0, false)
	s.Finish(unit)
	check("with its tail", "unit", true)
	s.Report(c, "", "", servertest.Ended("lint", plan.Failed, "exit code 1", time.Second, time.Second, []byte("all of it\n")),
		server.ActivityReport{Name: "ship", State: plan.Done, Result: plan.Skipped, Cause: "lint failed"})
	check("when it failed", "lint", true)
	check("when it was skipped", "ship", true)
}
