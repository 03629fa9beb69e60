package faults

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tutti-ci/tutti/scripts/faulting/lab"
)

// filesBelow lists the files below a folder whose names have a word in them, the largest first.
func filesBelow(t *lab.T, dir, word string) []string {
	var files []string
	var largest int64
	t.Must(filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !strings.Contains(path[len(dir):], word) {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Size() > largest {
			largest = info.Size()
			files = append([]string{path}, files...)
		} else {
			files = append(files, path)
		}
		return err
	}), "looking for files")
	if len(files) == 0 {
		t.Fatalf("there is no file with %q below %s", word, dir)
	}
	return files
}

func sizeOf(t *lab.T, file string) int64 {
	info, err := os.Stat(file)
	t.Must(err, "looking at %s", file)
	return info.Size()
}

func journalHurt(t *lab.T) {
	for range 6 {
		l := t.Open(lab.Options{Server: lab.Short})
		r := l.Start("steady", lab.Lines("one", "-rate 100 -count 600"))
		r.Live(50)
		l.Agent().Kill()
		journal := filesBelow(t, l.Agent().Data, "journal")[0]
		if size := sizeOf(t, journal); t.Rand.IntN(2) == 0 {
			flip(t, journal, t.Rand.Int64N(size), 1)
		} else {
			t.Must(os.Truncate(journal, t.Rand.Int64N(size)), "cutting the journal")
			t.Logf("the journal of %d bytes was cut to %d", size, sizeOf(t, journal))
		}
		l.Agent().Start()
		run := r.End(2 * time.Minute)
		if run.Result == "passed" {
			r.Same(time.Minute)
		} else if run.Cause == "" {
			t.Errorf("the run is %s without a cause", run.Result)
		}
		r.NoHole("one", "say")
		l.Agent().Ready(l.Server, time.Minute)
		l.Agent().Clean(time.Minute)
		l.Close()
	}
}

func spoolHurt(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("steady", lab.Lines("one", "-rate 200 -count 2000"))
	r.Live(50)
	l.Server.Kill() // so that the agent has what the server has not
	t.Sleep(3 * time.Second)
	l.Agent().Kill()
	spool := filesBelow(t, filepath.Join(l.Agent().Data, "spool"), "")[0]
	flip(t, spool, sizeOf(t, spool)-2000, 10)
	l.Server.Up()
	l.Agent().Start()
	run := r.End(time.Minute)
	a := run.Jobs[0].Activities[0]
	t.Logf("the run is %s (%s), its log is incomplete: %q", run.Result, run.Cause, a.LogIncomplete)
	if check := r.Download("one", "say"); check.Whole() != nil && a.LogIncomplete == "" && !strings.Contains(run.Jobs[0].Cause, "log") {
		t.Errorf("the log is damaged (%v), and nothing says so", check.Whole())
	}
	l.Agent().Ready(l.Server, time.Minute)
	worksOn(l)
}

func logsHurt(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("steady", lab.Lines("one", "-count 5000"))
	r.Same(time.Minute)
	l.Server.Stop(15 * time.Second)
	log := filesBelow(t, filepath.Join(l.Server.Data, "logs"), "")[0]
	flip(t, log, sizeOf(t, log)/2, 10)
	l.Server.Up()
	check, err := r.TryDownload("one", "say")
	if err == nil && check.Altered > 0 {
		t.Errorf("wrong bytes are shown: %v", check.Err())
	}
	t.Logf("the download says %v, the log %v", err, check.Whole())
	if a := r.Job("one").Activities[0]; err == nil && a.LogIncomplete == "" {
		t.Errorf("nothing says that the log is damaged")
	}
}
