package web_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/server/api"
	"github.com/tutti-ci/tutti/server/auth"
	"github.com/tutti-ci/tutti/server/web"
)

// timedRecorder remembers until when a body may be read.
type timedRecorder struct {
	*httptest.ResponseRecorder
	until time.Time
}

func (r *timedRecorder) SetReadDeadline(t time.Time) error {
	r.until = t
	return nil
}

// Anybody may send a form to sign in, so it must be neither long nor slow.
func TestSignInFormIsBounded(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	door, err := auth.Open(t.TempDir(), time.Now, log)
	if err != nil {
		t.Fatal(err)
	}
	site, err := web.New(web.Config{Door: door, Status: api.Status, Now: time.Now, Version: "test", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	send := func(body string) *timedRecorder {
		r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := &timedRecorder{ResponseRecorder: httptest.NewRecorder()}
		site.Handler().ServeHTTP(w, r)
		return w
	}
	code, _ := door.NewCode()
	if w := send("code=" + code + "&next=" + strings.Repeat("x", 16<<10)); w.Code != http.StatusBadRequest {
		t.Errorf("a long form answers %d, want 400", w.Code)
	}
	w := send("code=" + code)
	if w.Code != http.StatusSeeOther {
		t.Errorf("a good form answers %d: %s", w.Code, w.Body)
	}
	if left := time.Until(w.until); left <= 0 || left > 10*time.Second {
		t.Errorf("a form may take %v, want 10 s", left)
	}
}
