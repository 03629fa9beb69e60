package web

import (
	"fmt"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// A timeline is the drawing of when a run's jobs waited and ran. Places are percentages of its width.
type timeline struct {
	Rows   []timelineRow
	Ticks  []tick
	Height int
}

type timelineRow struct {
	Job   string // its name, and what people call it
	Title string
	Y     int
	Bars  []bar
}

type bar struct {
	X, Width string
	Shape    string // "queue", or that of an activity
	Title    string
}

type tick struct {
	X, Label, Anchor string
}

// Sizes of the picture, in pixels; those of the names beside it are in the style sheet.
const (
	timelineRowHeight = 26
	timelineAxis      = 24
)

// drawTimeline draws the jobs that were queued at least, and the approvals that were asked for.
func drawTimeline(run server.Run, now time.Time) *timeline {
	end := now
	if run.FinishedAt != nil {
		end = *run.FinishedAt
	}
	s := scale{from: run.CreatedAt, length: max(end.Sub(run.CreatedAt), 10*time.Millisecond), now: end}
	t := &timeline{}
	for _, j := range run.Jobs {
		row := timelineRow{Job: j.Name, Title: j.Title(), Y: len(t.Rows) * timelineRowHeight}
		switch {
		case j.Approval != nil && j.Approval.AskedAt != nil && !j.Approval.AskedAt.After(end):
			row.Bars = append(row.Bars, s.bar(asking, "waiting for a person", j.Approval.AskedAt, j.FinishedAt))
		case j.QueuedAt == nil || j.QueuedAt.After(end) || j.Kind != plan.KindJob:
			continue
		default:
			row.Bars = append(row.Bars, s.jobBars(j)...)
		}
		for _, a := range j.Activities {
			if a.StartedAt != nil {
				row.Bars = append(row.Bars, s.bar(shape(a.State, a.Result), a.Name, a.StartedAt, a.FinishedAt))
			}
		}
		t.Rows = append(t.Rows, row)
	}
	if len(t.Rows) == 0 {
		return nil
	}
	t.Height = len(t.Rows)*timelineRowHeight + timelineAxis
	t.Ticks = s.ticks()
	return t
}

// jobBars draws when a job was in the queue, and its earlier attempts.
func (s scale) jobBars(j server.Job) []bar {
	var bars []bar
	queued := j.QueuedAt
	for i, a := range j.Attempts {
		bars = append(bars, s.bar("queue", "queue", queued, orElse(a.StartedAt, &a.FinishedAt)))
		if a.StartedAt != nil {
			bars = append(bars, s.bar(string(a.Result), fmt.Sprintf("attempt %d", i+1), a.StartedAt, &a.FinishedAt))
		}
		queued = &a.FinishedAt
	}
	return append(bars, s.bar("queue", "queue", queued, orElse(j.StartedAt, j.FinishedAt)))
}

// A scale turns times into percentages.
type scale struct {
	from   time.Time
	length time.Duration
	now    time.Time
}

func (s scale) percent(d time.Duration) string {
	return fmt.Sprintf("%.3f%%", min(max(100*float64(d)/float64(s.length), 0), 100))
}

// bar draws a stretch of time; one without an end reaches until now.
func (s scale) bar(shape, name string, from, to *time.Time) bar {
	end := s.now
	if to != nil {
		end = *to
	}
	took := max(end.Sub(*from), 0)
	begin := min(max(from.Sub(s.from), 0), s.length)
	width := min(max(took, s.length/400), s.length-begin) // at least a hair, and never beyond the picture
	return bar{s.percent(begin), s.percent(width), shape, name + " · " + duration(took)}
}

// ticks marks round times, about five of them.
func (s scale) ticks() []tick {
	ms := time.Millisecond
	steps := []time.Duration{2 * ms, 5 * ms, 10 * ms, 20 * ms, 50 * ms, 100 * ms, 200 * ms, 500 * ms, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour}
	step := steps[len(steps)-1]
	for _, each := range steps {
		if s.length/each <= 5 {
			step = each
			break
		}
	}
	for s.length/step > 10 {
		step *= 2
	}
	var ticks []tick
	for at := time.Duration(0); at <= s.length; at += step {
		anchor := "middle"
		switch {
		case at == 0:
			anchor = "start"
		case float64(at) > 0.94*float64(s.length):
			anchor = "end"
		}
		ticks = append(ticks, tick{s.percent(at), tickLabel(at), anchor})
	}
	return ticks
}

// tickLabel leaves out what is zero: "2m", not "2m 00s".
func tickLabel(d time.Duration) string {
	switch {
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= time.Minute && d < time.Hour && d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d == 0:
		return "0"
	case d < time.Minute && d%time.Second == 0:
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return duration(d)
}

func orElse(a, b *time.Time) *time.Time {
	if a != nil {
		return a
	}
	return b
}
