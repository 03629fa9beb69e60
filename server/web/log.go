package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
	"github.com/tutti-ci/tutti/server/terminal"
)

// windowLines is how many lines of a log the server renders into its page. The script fetches the others.
const windowLines = 150

// contextLines is how many lines are shown above the one that a log is opened at. The script does about the same.
const contextLines = 12

// logView is the page of an activity's log.
type logView struct {
	Run      server.Run
	Title    string
	Job      server.Job // as it was in the attempt that is shown
	Activity server.Activity
	Epoch    int64  // of the earlier attempt that the URL asks for; 0 shows the current one, whichever it is
	Attempts int    // at the job, the current one included
	Previous string // names of the activities beside it; empty at the ends
	Next     string
	API      string // path of the log in the API
	Info     server.LogInfo
	Lines    []logLine
	First    int64 // number of the first of the lines, and of the last
	Last     int64
	Selected lineRange // what the URL marks; zero if nothing
	Failing  int64     // the line at which a failed log is opened
	Digits   int       // of the largest number of a line
	Wrap     bool
	Times    bool
	Earlier  int64 // numbers for ?L= that show what is before and behind; 0 if nothing is
	Later    int64
	AtEnd    bool // the page is opened at the log's end
}

// Path is that of the page of another activity, in the same attempt.
func (v logView) Path(activity string) string {
	return attemptPath(v.Run.ID, v.Job.Name, activity, v.Epoch)
}

// Attempt is the number of the one that is shown.
func (v logView) Attempt() int { return len(v.Job.Attempts) + 1 }

// Query is what links within the page begin with.
func (v logView) Query() string {
	if v.Epoch == 0 {
		return "?"
	}
	return fmt.Sprintf("?epoch=%d&", v.Epoch)
}

// A logLine is a line as it is shown.
type logLine struct {
	Number   int64
	Link     string // to it on the page of the log
	Text     string
	Pieces   []piece
	Time     time.Duration
	Stderr   bool
	Selected bool
	Cut      int64 // bytes of the whole line, if only a beginning is shown
}

// A piece is a stretch of a line in one style.
type piece struct{ Text, Class string }

// A lineRange is lines from one to another, both included.
type lineRange struct{ From, To int64 }

func (s *Site) showLog(w http.ResponseWriter, r *http.Request) error {
	run, err := s.run(r)
	if err != nil {
		return err
	}
	view := logView{Run: run, Title: titleOf(run)}
	if view.Epoch, err = parseEpoch(r.URL.Query().Get("epoch")); err != nil {
		return err
	}
	if err := view.find(r.PathValue("job"), r.PathValue("activity")); err != nil {
		return err
	}
	if view.Selected, err = parseLines(r.URL.Query().Get("L")); err != nil {
		return err
	}
	view.Wrap, view.Times = preference(r, "tutti_wrap", true), preference(r, "tutti_times", false)
	if err := s.readWindow(&view); err != nil {
		return err
	}
	a := view.Activity
	f := frame{Title: fmt.Sprintf("%s / %s · %s #%d", view.Job.Title(), a.Name, run.Project, run.ID), Icon: shape(a.State, a.Result), Nav: "runs", Full: true, View: view}
	return s.show(w, r, "log", f)
}

// find picks the job and the activity, and those beside it.
func (v *logView) find(job, activity string) error {
	for _, j := range v.Run.Jobs {
		if j.Name != job {
			continue
		}
		if err := v.pick(j); err != nil {
			return err
		}
		for i, a := range v.Job.Activities {
			if a.Name != activity {
				continue
			}
			v.Activity = a
			if i > 0 {
				v.Previous = v.Job.Activities[i-1].Name
			}
			if i+1 < len(v.Job.Activities) {
				v.Next = v.Job.Activities[i+1].Name
			}
			v.API = "/api/v1" + logPath(v.Run.ID, job, activity) + "/log"
			return nil
		}
	}
	return server.Errorf(server.NotFound, "run %d has no activity %q in a job %q", v.Run.ID, activity, job)
}

// pick takes the attempt at the job that the URL asks for.
func (v *logView) pick(j server.Job) error {
	v.Job, v.Attempts = j, len(j.Attempts)+1
	if v.Epoch == 0 {
		return nil
	}
	if v.Epoch == j.LogEpoch() {
		v.Epoch = 0
		return nil
	}
	old, ok := j.AsOf(v.Epoch)
	if !ok {
		return server.Errorf(server.NotFound, "job %s of run %d has no attempt with the epoch %d", j.Title(), v.Run.ID, v.Epoch)
	}
	v.Job = old
	return nil
}

func (v *logView) logID() server.LogID {
	return server.LogID{Run: v.Run.ID, Job: v.Job.Name, Epoch: v.Job.LogEpoch(), Activity: v.Activity.Name}
}

// readWindow reads the lines that the page shows first: those that the URL marks, else the first failing ones of a log
// that failed, else the end.
func (s *Site) readWindow(v *logView) error {
	over := v.Job.LogOver(v.Activity)
	if v.Job.LogEpoch() == 0 {
		v.Digits, v.Info.Finished = 1, over
		return nil
	}
	info, err := s.Logs.Info(v.logID())
	if err != nil {
		return err
	}
	v.Info = info
	// The page streams until both the log and the activity have ended, whichever comes first.
	v.Info.Finished = over || info.Finished && v.Activity.State == plan.Done
	if v.Selected.From == 0 && bad(v.Activity.Result) {
		tail, err := s.tail(v.logID())
		if err != nil {
			return err
		}
		if i := firstFailing(tail); i >= 0 {
			v.Failing = tail[i].Number
		}
	}
	from := max(1, info.Lines-windowLines+1)
	if at := max(v.Selected.From, v.Failing); at > 0 {
		from = min(from, max(1, at-contextLines))
	}
	lines, _, err := s.Logs.Lines(v.logID(), from, windowLines)
	if err != nil {
		return err
	}
	v.Lines = showLines(lines)
	for i := range v.Lines {
		n := v.Lines[i].Number
		v.Lines[i].Link = fmt.Sprintf("%sL=%d", v.Query(), n)
		v.Lines[i].Selected = v.Selected.From <= n && n <= v.Selected.To
	}
	v.AtEnd = v.Selected.From == 0 && v.Failing == 0
	v.First, v.Last = from, from+int64(len(lines))-1
	if from > 1 {
		v.Earlier = max(1, from-windowLines/2)
	}
	if v.Last < info.Lines {
		v.Later = min(info.Lines, v.Last+windowLines/2)
	}
	v.Digits = len(strconv.FormatInt(max(info.Lines, 1), 10))
	return nil
}

// showLines turns lines into what a terminal would show of them.
func showLines(lines []server.LogLine) []logLine {
	out := make([]logLine, 0, len(lines))
	for _, l := range lines {
		text, spans := terminal.Line(l.Text)
		shown := logLine{Number: l.Number, Link: fmt.Sprintf("?L=%d", l.Number), Text: text, Pieces: pieces(text, spans), Time: l.Time, Stderr: l.Stderr}
		if int64(len(l.Text)) < l.Bytes {
			shown.Cut = l.Bytes
		}
		out = append(out, shown)
	}
	return out
}

// pieces cuts a text where its style changes.
func pieces(text string, spans []terminal.Span) []piece {
	if spans == nil {
		return []piece{{Text: text}}
	}
	units := utf16.Encode([]rune(text))
	var out []piece
	for _, s := range spans {
		out = append(out, piece{string(utf16.Decode(units[:s.Length])), s.Class})
		units = units[s.Length:]
	}
	return out
}

// parseLines reads "500" or "500-510".
func parseLines(text string) (lineRange, error) {
	if text == "" {
		return lineRange{}, nil
	}
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	from, err := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	if err != nil || err2 != nil || from < 1 || to < from {
		return lineRange{}, server.Errorf(server.Invalid, "L=%q: give the number of a line, or of two as in 500-510", text)
	}
	return lineRange{from, to}, nil
}

// parseEpoch reads the epoch of an attempt; 0 if there is none.
func parseEpoch(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	epoch, err := strconv.ParseInt(text, 10, 64)
	if err != nil || epoch < 1 {
		return 0, server.Errorf(server.Invalid, "epoch=%q: give a number from 1", text)
	}
	return epoch, nil
}

// preference reads a switch that the script keeps in a cookie, so that the server renders what the person chose.
func preference(r *http.Request, name string, fallback bool) bool {
	c, err := r.Cookie(name)
	if err != nil {
		return fallback
	}
	return c.Value == "1"
}
