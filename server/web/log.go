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
	Job      server.Job
	Activity server.Activity
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

// A logLine is a line as it is shown.
type logLine struct {
	Number   int64
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
		for i, a := range j.Activities {
			if a.Name != activity {
				continue
			}
			v.Job, v.Activity = j, a
			if i > 0 {
				v.Previous = j.Activities[i-1].Name
			}
			if i+1 < len(j.Activities) {
				v.Next = j.Activities[i+1].Name
			}
			v.API = "/api/v1" + logPath(v.Run.ID, job, activity) + "/log"
			return nil
		}
	}
	return server.Errorf(server.NotFound, "run %d has no activity %q in a job %q", v.Run.ID, activity, job)
}

func (v *logView) logID() server.LogID {
	return server.LogID{Run: v.Run.ID, Job: v.Job.Name, Epoch: v.Job.Epoch, Activity: v.Activity.Name}
}

// readWindow reads the lines that the page shows first: those that the URL marks, else the first failing ones of a log
// that failed, else the end.
func (s *Site) readWindow(v *logView) error {
	over := v.Job.LogOver(v.Activity)
	if v.Job.Epoch == 0 {
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
		shown := logLine{Number: l.Number, Text: text, Pieces: pieces(text, spans), Time: l.Time, Stderr: l.Stderr}
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

// preference reads a switch that the script keeps in a cookie, so that the server renders what the person chose.
func preference(r *http.Request, name string, fallback bool) bool {
	c, err := r.Cookie(name)
	if err != nil {
		return fallback
	}
	return c.Value == "1"
}
