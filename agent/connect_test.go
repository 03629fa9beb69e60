package agent

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
)

func TestBackoff(t *testing.T) {
	broken := errors.New("connection refused")
	for name, c := range map[string]struct {
		failed      int
		err         error
		least, most time.Duration
	}{
		"First":   {0, broken, minBackoff, 2 * minBackoff},
		"Fourth":  {3, broken, minBackoff, 16 * minBackoff},
		"Many":    {1000, broken, minBackoff, maxBackoff},
		"Denied":  {0, &wire.RefusedError{Status: http.StatusUnauthorized}, deniedBackoff, deniedBackoff + time.Minute},
		"Refused": {0, refusedError{wire.Refused{RetryAfter: plan.Duration(time.Minute)}}, time.Minute, 66 * time.Second},
		"Renamed": {9, errRenamed, minBackoff, minBackoff},
	} {
		least, most := time.Hour, time.Duration(0)
		for range 2000 {
			d := backoff(c.failed, c.err)
			least, most = min(least, d), max(most, d)
		}
		if least < c.least || most > c.most {
			t.Errorf("%s: it waits %s to %s, want %s to %s", name, least, most, c.least, c.most)
		}
		if c.least < c.most && most-least < (c.most-c.least)/2 {
			t.Errorf("%s: all agents come back between %s and %s", name, least, most)
		}
	}
}

// TestTroubleIsSaidOnce has the same trouble again and again, and another, and the first one after it was over.
func TestTroubleIsSaidOnce(t *testing.T) {
	var said strings.Builder
	r := repeated{log: slog.New(slog.NewTextHandler(&said, nil))}
	tooOld := refusedError{wire.Refused{Reason: "upgrade the agent"}}
	for range 5 {
		r.say("no connection", tooOld, time.Second)
	}
	if n := strings.Count(said.String(), "upgrade the agent"); n != 1 {
		t.Errorf("it is said %d times: %s", n, &said)
	}
	r.say("no connection", errors.New("connection refused"), time.Second)
	r.say("no connection", tooOld, time.Second)
	r.over()
	r.say("no connection", tooOld, time.Second)
	if n := strings.Count(said.String(), "upgrade the agent"); n != 3 {
		t.Errorf("it is said %d times: %s", n, &said)
	}
}
