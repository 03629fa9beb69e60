package server_test

import (
	"errors"
	"testing"

	"github.com/tutti-ci/tutti/server"
)

func TestRedactURL(t *testing.T) {
	for url, want := range map[string]string{
		"https://github.com/google/uuid":         "https://github.com/google/uuid",
		"https://dana:hunter2@example.com/x.git": "https://example.com/x.git",
		"https://token@example.com:8443/x@y":     "https://example.com:8443/x@y",
		"http://a@b:c@d@example.com/x":           "http://example.com/x",
		"ssh://git:hunter2@example.com/x.git":    "ssh://git@example.com/x.git",
		"git@example.com:x.git":                  "git@example.com:x.git",
		"/srv/git/x@y":                           "/srv/git/x@y",
		"https://dana:hunter2@example.com":       "https://example.com",
	} {
		if got := server.RedactURL(url); got != want {
			t.Errorf("%s becomes %s, want %s", url, got, want)
		}
	}
}

func TestErrorf(t *testing.T) {
	cause := errors.New("the cause")
	err := server.Errorf(server.Conflict, "job %q: %w", "test", cause)
	if err.Error() != `job "test": the cause` || err.Message != err.Error() || !errors.Is(err, cause) || server.KindOf(err) != server.Conflict {
		t.Errorf("error is %q, message %q, cause %v", err, err.Message, err.Err)
	}
	if kind := server.KindOf(cause); kind != server.Internal {
		t.Errorf("kind of a foreign error is %s", kind)
	}
}
