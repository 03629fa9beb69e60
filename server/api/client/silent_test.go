package client_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api/client"
)

// transport answers requests in the place of a server.
type transport func(r *http.Request) *http.Response

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r), nil }

// A deadBody is a connection that carries nothing any more, and is not closed.
type deadBody struct{ r *http.Request }

func (b deadBody) Read([]byte) (int, error) {
	<-b.r.Context().Done()
	return 0, b.r.Context().Err()
}

// A connection may die without a word. What is followed goes on over another one, and comes once.
func TestALogThatFallsSilentIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		c := &client.Client{Server: "http://server", HTTP: &http.Client{Transport: transport(func(r *http.Request) *http.Response {
			requests++
			answer := &http.Response{StatusCode: http.StatusPartialContent, Header: http.Header{"Tutti-Epoch": {"1"}}}
			switch have := r.Header.Get("Range"); {
			case requests == 1 && have == "":
				answer.StatusCode = http.StatusOK
				answer.Body = io.NopCloser(io.MultiReader(strings.NewReader("first "), deadBody{r}))
			case requests < 30 && have == "bytes=6-": // nothing is written for long
				answer.Body = io.NopCloser(deadBody{r})
			case have == "bytes=6-":
				answer.Body = io.NopCloser(strings.NewReader("second"))
			default:
				t.Errorf("request %d is for %q", requests, have)
				answer.Body = http.NoBody
			}
			return answer
		})}}
		var got bytes.Buffer
		err := c.LogOf(t.Context(), server.LogID{Run: 1, Job: "j", Epoch: 1, Activity: "a"}, 0, true, &got)
		if err != nil || got.String() != "first second" {
			t.Errorf("after %d requests came %q, %v", requests, got.String(), err)
		}
	})
}
