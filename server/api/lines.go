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
	// maxText is about how much text one answer has. Lines are read batchLines at a time, so that no more than twice as much
	// is ever held: a line has at most 16 KiB.
	maxText    = 2 << 20
	batchLines = 128
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
	info, err := watch.stored()
	if err != nil {
		return err
	}
	var out lines
	if full {
		out, err = a.readFullLine(watch, info, from)
	} else {
		out, err = a.readLines(watch, info, from, int(count))
	}
	if err != nil {
		return err
	}
	// Where another line follows, the last one of these has ended as well, and they stay as they are. That nobody expects
	// more of the log, which is Finished as well, is no such promise.
	followed := from+int64(len(out.Lines)) <= out.Total
	if watch.fixed && (followed || info.Finished && info.Incomplete == "") {
		w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	}
	return writeJSON(w, out)
}

// readLines reads lines of a log that is so long, long ones cut; fewer than count where they are too much text for one
// answer.
func (a *API) readLines(watch *watch, info server.LogInfo, from int64, count int) (lines, error) {
	out := lines{From: from, Total: info.Lines, Finished: info.Finished || watch.over, Lines: []line{}}
	// Lines that come meanwhile are left out. Else the last one of a batch, read when it was half written, could be followed
	// by others.
	end, text := min(from+int64(count), info.Lines+1), 0
	for from < end && text < maxText {
		raw, _, err := a.Logs.Lines(watch.id, from, int(min(end-from, batchLines)))
		if err != nil {
			return lines{}, err
		}
		if len(raw) == 0 {
			return lines{}, fmt.Errorf("reading line %d of %d: %w", from, info.Lines, io.ErrUnexpectedEOF)
		}
		for _, l := range raw {
			if text >= maxText {
				break
			}
			out.Lines, text, from = append(out.Lines, shownLine(l)), text+len(l.Text), from+1
		}
	}
	return out, nil
}

// readFullLine reads one line as far as a browser can bear it.
func (a *API) readFullLine(watch *watch, info server.LogInfo, number int64) (lines, error) {
	out, err := a.readLines(watch, info, number, 1)
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
