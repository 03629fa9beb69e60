package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
)

// A request that ends with its server is answered, though in vain: no answer would be an empty one with status 200, which a
// reader of a log takes for the end of it.
func TestAnEndedRequestIsNoEmptySuccess(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	(&API{Log: slog.New(slog.DiscardHandler)}).fail(w, httptest.NewRequestWithContext(ctx, "GET", "/", nil), ctx.Err())
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("it is answered with status %d", w.Code)
	}
}
