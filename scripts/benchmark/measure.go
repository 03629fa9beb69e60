package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/api/client"
)

// measureIdle reads the memory of both processes once nothing has happened for half a minute, in which the pages that they use are mapped again.
func measureIdle(ctx context.Context, _ engine, l *lab, _ int) ([]row, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(30 * time.Second):
	}
	var rows []row
	for _, p := range []struct {
		name, promise string
		pid           int
	}{{"server", "≤ 45 MB", l.server.Process.Pid}, {"agent", "≤ 25 MB", l.agent.Process.Pid}} {
		rss, err := residentMB(p.pid)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row{What: p.name + ", idle, resident memory", Raw: "–", Ours: fmt.Sprintf("%.0f MB", rss), Ratio: "–", Promise: p.promise})
	}
	return rows, nil
}

func residentMB(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("reading memory: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			return float64(kb) / 1000, err
		}
	}
	return 0, fmt.Errorf("reading memory: /proc/%d/status has no VmRSS", pid)
}

// measureTwenty: twenty activities one after the other, each that does nothing.
func measureTwenty(ctx context.Context, docker engine, l *lab, rounds int) ([]row, error) {
	var raw, ours []time.Duration
	for range rounds {
		d, err := docker.oneActivity(ctx, l.image)
		if err != nil {
			return nil, err
		}
		raw = append(raw, d)
		run, err := l.Start(ctx, project, client.StartRequest{Pipeline: "twenty"})
		if err != nil {
			return nil, err
		}
		if run, err = l.finish(ctx, run.ID); err != nil {
			return nil, err
		}
		activities := run.Jobs[0].Activities
		whole := activities[len(activities)-1].FinishedAt.Sub(*activities[0].StartedAt)
		ours = append(ours, whole/time.Duration(len(activities)))
		if err := l.settled(ctx, docker); err != nil {
			return nil, err
		}
	}
	return []row{{What: "an activity, one of 20 in sequence, over an empty script", Raw: ms(median(raw)), Ours: ms(median(ours)),
		Ratio: ratio(median(ours), median(raw)), Promise: "≤ 15 ms"}}, nil
}

// measureFirstLine: from the call that starts a run to the first byte of its log, read through the API.
func measureFirstLine(ctx context.Context, docker engine, l *lab, rounds int) ([]row, error) {
	var raw, ours []time.Duration
	for range rounds {
		d, err := docker.startWithNetwork(ctx, l.image)
		if err != nil {
			return nil, err
		}
		raw = append(raw, d)
		began := time.Now()
		run, err := l.Start(ctx, project, client.StartRequest{Pipeline: "one"})
		if err != nil {
			return nil, err
		}
		first := &firstByte{}
		if err := l.Log(ctx, run.ID, "one", "one", 0, true, first); err != nil {
			return nil, err
		}
		ours = append(ours, first.at.Sub(began))
		if _, err := l.finish(ctx, run.ID); err != nil {
			return nil, err
		}
		if err := l.settled(ctx, docker); err != nil {
			return nil, err
		}
	}
	return []row{{What: "trigger → first line readable (raw: network, create, start)", Raw: ms(median(raw)), Ours: ms(median(ours)),
		Ratio: ratio(median(ours), median(raw)), Promise: "ratio ≤ 1.0"}}, nil
}

// firstByte notes when the first byte came.
type firstByte struct{ at time.Time }

func (f *firstByte) Write(p []byte) (int, error) {
	if f.at.IsZero() && len(p) > 0 {
		f.at = time.Now()
	}
	return len(p), nil
}

// measureSlow: a container prints the time every 300 ms; how late does a reader of the server see it?
func measureSlow(ctx context.Context, _ engine, l *lab, _ int) ([]row, error) {
	run, err := l.Start(ctx, project, client.StartRequest{Pipeline: "slow"})
	if err != nil {
		return nil, err
	}
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := l.Log(ctx, run.ID, "slow", "slow", 0, true, pw)
		done <- firstError(err, pw.Close())
	}()
	var late []time.Duration
	lines := bufio.NewScanner(pr)
	for lines.Scan() {
		now := time.Now()
		printed, err := strconv.ParseFloat(lines.Text(), 64)
		if err != nil {
			return nil, fmt.Errorf("reading the slow log: %w", err)
		}
		seconds, fraction := math.Modf(printed)
		late = append(late, now.Sub(time.Unix(int64(seconds), int64(fraction*1e9))))
	}
	if err := <-done; err != nil {
		return nil, err
	}
	if len(late) != 40 {
		return nil, fmt.Errorf("the slow log has %d of 40 lines", len(late))
	}
	return []row{{What: "a line every 300 ms: printed → read from the server, p99 (p50 " + ms(percentile(late, 50)) + ")",
		Raw: "–", Ours: ms(percentile(late, 99)), Ratio: "–", Promise: "≤ 50 ms"}}, nil
}

// measureMillion: a million lines of 84 bytes, from the activity's start until the server has the run's end, and so every
// byte with its hash compared.
func measureMillion(ctx context.Context, docker engine, l *lab, rounds int) ([]row, error) {
	want := sha256.New()
	line := append(bytes.Repeat([]byte("m"), 83), '\n')
	for range 1_000_000 {
		want.Write(line)
	}
	raw, _, err := docker.logThroughAPI(ctx, l.image, millionScript)
	if err != nil {
		return nil, err
	}
	var ours []time.Duration
	for range min(rounds, 3) {
		d, err := l.million(ctx, hex.EncodeToString(want.Sum(nil)))
		if err != nil {
			return nil, err
		}
		ours = append(ours, d)
		if err := l.settled(ctx, docker); err != nil {
			return nil, err
		}
	}
	return []row{{What: "1,000,000 lines of 84 bytes, complete and byte-identical (raw: Docker's log API)", Raw: ms(raw), Ours: ms(median(ours)),
		Ratio: ratio(median(ours), raw), Promise: "≤ 2 s"}}, nil
}

func (l *lab) million(ctx context.Context, want string) (time.Duration, error) {
	run, err := l.Start(ctx, project, client.StartRequest{Pipeline: "million"})
	if err != nil {
		return 0, err
	}
	if run, err = l.finish(ctx, run.ID); err != nil {
		return 0, err
	}
	got := sha256.New()
	if err := l.Log(ctx, run.ID, "million", "million", 0, false, got); err != nil {
		return 0, err
	}
	if sum := hex.EncodeToString(got.Sum(nil)); sum != want || l.hashOf(run) != want {
		return 0, fmt.Errorf("the log of a million lines hashes to %s, and the server says %s; it should be %s", sum, l.hashOf(run), want)
	}
	return run.FinishedAt.Sub(*run.Jobs[0].Activities[0].StartedAt), nil
}

func (l *lab) hashOf(run server.Run) string { return run.Jobs[0].Activities[0].LogSHA256 }
