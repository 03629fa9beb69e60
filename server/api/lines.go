package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/terminal"
)

const (
	// linesChunk is how many lines viewers ask for at once. A chunk that is full never changes again.
	linesChunk = 512
	maxLines   = 2000
	// maxFullLine is how much of a line is shown to somebody who asks for all of it.
	maxFullLine = 1 << 20
)

// A line is one line of a log as a terminal would show it.
type line struct {
	Text   string `json:"text"`
	Time   int64  `json:"time"` // milliseconds since the activity's start
	Stderr bool   `json:"stderr,omitempty"`
	// Spans are the styles of the text, if it has any: pairs of a length in UTF-16 code units and names of CSS classes.
	Spans []span `json:"spans,omitempty"`
	// Bytes is the line's length where only a beginning of it is shown.
	Bytes int64 `json:"bytes,omitempty"`
}

type span terminal.Span

func (s span) MarshalJSON() ([]byte, error) { return json.Marshal([]any{s.Length, s.Class}) }

// lines are consecutive lines of a log.
type lines struct {
	From     int64  `json:"from"`  // number of the first
	Total    int64  `json:"total"` // in the log now
	Finished bool   `json:"finished,omitempty"`
	Lines    []line `json:"lines"`
}

func (a *API) getLines(w http.ResponseWriter, r *http.Request) error {
	from, err := number(r, "from", 1, 1, 1<<62)
	if err != nil {
		return err
	}
	count, err := number(r, "count", linesChunk, 1, maxLines)
	if err != nil {
		return err
	}
	full, err := flag(r, "full")
	if err != nil {
		return err
	}
	watch, err := a.watch(r)
	if err != nil {
		return err
	}
	defer watch.stop()
	var out lines
	if full {
		count = 1
		out, err = a.readFullLine(watch, from)
	} else {
		out, err = a.readLines(watch, from, int(count))
	}
	if err != nil {
		return err
	}
	complete := from+count <= out.Total // so the last line of it has ended as well
	if watch.fixed && (complete || out.Finished) {
		w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	}
	return writeJSON(w, out)
}

// readLines reads lines, long ones cut.
func (a *API) readLines(watch *watch, from int64, count int) (lines, error) {
	info, err := watch.info()
	if err != nil {
		return lines{}, err
	}
	out := lines{From: from, Total: info.Lines, Finished: info.Finished, Lines: []line{}}
	if from > info.Lines {
		return out, nil
	}
	raw, total, err := a.Logs.Lines(watch.id, from, count)
	if err != nil {
		return lines{}, err
	}
	out.Total = total
	for _, l := range raw {
		out.Lines = append(out.Lines, shownLine(l))
	}
	return out, nil
}

// readFullLine reads one line as far as a browser can bear it.
func (a *API) readFullLine(watch *watch, number int64) (lines, error) {
	out, err := a.readLines(watch, number, 1)
	if err != nil || len(out.Lines) == 0 {
		return out, err
	}
	start, end, err := a.Logs.Place(watch.id, number)
	if err != nil {
		return lines{}, err
	}
	log, err := a.OpenLog(watch.id)
	if err != nil {
		return lines{}, err
	}
	defer log.Close()
	raw := make([]byte, min(end-start, maxFullLine))
	if _, err := log.ReadAt(raw, start); err != nil && err != io.EOF {
		return lines{}, fmt.Errorf("reading line %d: %w", number, err)
	}
	l := server.LogLine{Text: raw, Bytes: end - start}
	full := shownLine(l)
	full.Time, full.Stderr = out.Lines[0].Time, out.Lines[0].Stderr
	out.Lines[0] = full
	return out, nil
}

func shownLine(l server.LogLine) line {
	out := line{Time: l.Time.Milliseconds(), Stderr: l.Stderr}
	if int64(len(l.Text)) < l.Bytes {
		out.Bytes = l.Bytes
	}
	text, spans := terminal.Line(l.Text)
	out.Text = text
	for _, s := range spans {
		out.Spans = append(out.Spans, span(s))
	}
	return out
}
