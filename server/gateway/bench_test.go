package gateway_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/agent"
	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/server"
)

// direct is an engine whose activities are a function that writes to the spool itself.
type direct struct {
	run func(ctx context.Context, out executor.Output) ([]byte, error)
}

func (direct) Check(context.Context) error                      { return nil }
func (direct) Sweep(context.Context, []executor.RoomSpec) error { return nil }
func (direct) Close() error                                     { return nil }

func (d direct) Open(context.Context, executor.RoomSpec) (executor.Room, error) {
	return directRoom(d), nil
}

func (direct) Adopt(context.Context, executor.RoomSpec) (executor.Room, error) {
	return nil, &executor.GoneError{Reason: "nothing is left of it"}
}

type directRoom direct

func (directRoom) Close(context.Context) error { return nil }
func (directRoom) Renew()                      {}
func (directRoom) Leave()                      {}

func (directRoom) Rejoin(context.Context, executor.Step, executor.Output, executor.Ticket) (executor.Exit, error) {
	return executor.Exit{}, executor.ErrNotBegun
}

func (r directRoom) Run(ctx context.Context, _ executor.Step, out executor.Output) (executor.Exit, error) {
	began := time.Now()
	if out.Going != nil {
		if err := out.Going("it runs"); err != nil {
			return executor.Exit{}, err
		}
	}
	text, err := r.run(ctx, out)
	sum := sha256.Sum256(text)
	return executor.Exit{LogBytes: int64(len(text)), LogSHA256: hex.EncodeToString(sum[:]), Started: began, Finished: time.Now()}, err
}

func (h *house) directAgent(run func(ctx context.Context, out executor.Output) ([]byte, error)) {
	a := &agent.Agent{
		ServerURL: h.url, Token: token, DataDir: h.t.TempDir(), Name: "host", Capacity: 1, Version: "test",
		Engine: direct{run}, Log: testLogger(h.t),
	}
	h.background(a.Run)
}

// BenchmarkLine measures from the moment at which a line is in the spool to the one at which it can be read on the server.
func BenchmarkLine(b *testing.B) {
	h := open(b, b.TempDir(), 0)
	write, stop := make(chan int), make(chan struct{})
	h.directAgent(func(_ context.Context, out executor.Output) ([]byte, error) {
		var text []byte
		for {
			select {
			case n := <-write:
				line := fmt.Appendf(nil, "line %d\n", n)
				text = append(text, line...)
				if _, err := out.Log.Write(line); err != nil {
					return text, err
				}
				out.Wrote(int64(len(text)), 0)
			case <-stop:
				return text, nil
			}
		}
	})
	id := h.start("")
	log := server.LogID{Run: id, Job: "test", Epoch: 1, Activity: "a0"}
	heard, deaf := h.logs.Listen(log)
	defer deaf()
	var took []time.Duration
	lines := int64(0)
	for b.Loop() {
		time.Sleep(5 * time.Millisecond) // a slow writer
		begun := time.Now()
		write <- int(lines)
		lines++
		for {
			<-heard
			if info, err := h.logs.Info(log); err != nil {
				b.Fatal(err)
			} else if info.Lines == lines {
				break
			}
		}
		took = append(took, time.Since(begun))
	}
	close(stop)
	h.until(id, "done", isDone)
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs/p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs/p99")
}

// BenchmarkFlood measures from the start of an activity that leaves 84 MB in the spool to the end of its run, with all
// of them durable, hashed and indexed on the server.
func BenchmarkFlood(b *testing.B) {
	line := []byte("0123456 the quick brown fox jumps over the lazy dog, again and again and again....\n")
	text := bytes.Repeat(line, 84_000_000/len(line))
	h := open(b, b.TempDir(), 0)
	var begun time.Time
	h.directAgent(func(_ context.Context, out executor.Output) ([]byte, error) {
		begun = time.Now()
		for off := 0; off < len(text); {
			n := min(64<<10, len(text)-off)
			if _, err := out.Log.Write(text[off : off+n]); err != nil {
				return nil, err
			}
			off += n
			out.Wrote(int64(off), 0)
		}
		return text, nil
	})
	b.SetBytes(int64(len(text)))
	var total time.Duration
	runs := 0
	for b.Loop() {
		run := h.until(h.start(""), "done", isDone)
		if run.Result != plan.Passed || run.Jobs[0].Activities[0].LogBytes != int64(len(text)) {
			b.Fatalf("the run ended %s: %+v", run.Result, run.Jobs)
		}
		total, runs = total+time.Since(begun), runs+1
	}
	b.ReportMetric(float64(total.Milliseconds())/float64(runs), "ms/flood")
}

// BenchmarkJob measures from the creation of a run with one activity that does nothing to its end.
func BenchmarkJob(b *testing.B) {
	h := open(b, b.TempDir(), 0)
	h.directAgent(func(_ context.Context, out executor.Output) ([]byte, error) {
		text := []byte("done\n")
		_, err := out.Log.Write(text)
		out.Wrote(int64(len(text)), 0)
		return text, err
	})
	for b.Loop() {
		h.until(h.start(""), "done", isDone)
	}
}
