package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent/wire/wiretest"
)

// lines connects two lifelines over a link.
func lines(t *testing.T, c wiretest.Conditions) (a, b *lifeline, link *wiretest.Link) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	link, err = wiretest.NewLink(listener.Addr().String(), 1, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(link.Close)
	dialed, err := net.Dial("tcp", link.Addr)
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	a, b = newLifeline(dialed), newLifeline(accepted)
	for _, l := range []*lifeline{a, b} {
		l.idle, l.patience = 640*time.Millisecond, 640*time.Millisecond
		l.armed.Store(true)
		t.Cleanup(func() { l.Close() })
	}
	return a, b, link
}

// TestSlowLineLasts sends what takes several times as long as either end would wait for nothing.
func TestSlowLineLasts(t *testing.T) {
	a, b, _ := lines(t, wiretest.Conditions{Rate: 100_000})
	const size = 300_000
	sent := make(chan error, 1)
	go func() {
		_, err := a.Write(make([]byte, size))
		sent <- err
	}()
	began := time.Now()
	if _, err := io.ReadFull(b, make([]byte, size)); err != nil {
		t.Error(err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("the link was not slow: %s", took)
	}
}

// TestDeadLineEnds has the other end take nothing, and say nothing.
func TestDeadLineEnds(t *testing.T) {
	a, b, _ := lines(t, wiretest.Conditions{NoUp: true})
	began := time.Now()
	if _, err := a.Write(make([]byte, 32<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a write that nobody takes ends with %v", err)
	}
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a read of nothing ends with %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("both took %s", took)
	}
	if !a.stuck.Load() {
		t.Error("the line does not know that it is stuck")
	}
}

// TestFarewellIsShort bounds a write although the line would wait longer.
func TestFarewellIsShort(t *testing.T) {
	a, _, _ := lines(t, wiretest.Conditions{NoUp: true})
	a.patience = time.Hour
	if err := a.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Write(make([]byte, 32<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a bounded write ends with %v", err)
	}
}
