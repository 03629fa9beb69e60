package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tutti-ci/tutti/scripts/faulting/lab"
)

// stateFaults are those of what is kept on disks: databases, journals, logs, backups.
func stateFaults() []Fault {
	return []Fault{
		{
			Name: "restored", CI: true, What: "the server goes back to a backup while a job runs that the backup does not know, or not so far", How: "tutti server backup, tutti server restore, online",
			Expect: "jobs that run go on; logs that the backup lacks come again; numbers of runs go on above the old ones; the server says that it was restored", Run: restored,
		},
		{
			Name: "restored-offline", What: "the server's folder is lost, and comes back from a backup", How: "folder deleted, tutti server restore",
			Expect: "a job that was running goes on, no byte is missing", Run: restoredOffline,
		},
		{
			Name: "killed-in-backup", What: "the server is killed in the middle of a backup", How: "failpoint",
			Expect: "the backup fails and says so; nothing that looks like a whole backup is left; jobs go on", Run: killedInBackup,
		},
		{
			Name: "killed-in-migration", CI: true, What: "the server is killed in the middle of a change of its tables", How: "failpoint, twice",
			Expect: "the next start goes on by itself", Run: killedInMigration,
		},
		{
			Name: "database-page-flipped", CI: true, What: "a page of the database is damaged while the server is stopped", How: "bytes flipped in the file",
			Expect: "the server refuses to start and names the command that restores; after that it works", Run: pageFlipped,
		},
		{
			Name: "folder-of-newer-version", What: "the data folder is from a newer release", How: "version in the database raised",
			Expect: "the server refuses to start, in one sentence", Run: newerFolder,
		},
		{
			Name: "two-servers", CI: true, What: "a second server is started on the same data folder", How: "second process",
			Expect: "it ends at once and says why; the first one goes on", Run: twoServers,
		},
		{
			Name: "two-agents-on-a-folder", What: "a second agent is started on the same data folder", How: "second process",
			Expect: "it ends at once and says why; the first one goes on", Run: twoAgents,
		},
		{
			Name: "journal-flipped", What: "a byte of the agent's journal is another, or its end is missing, while the agent is down", How: "bytes of the file, at random places",
			Expect: "the agent starts, says so in a sentence, and the run is over with a cause or goes on; nothing is left on Docker", Run: journalHurt, Limit: 5 * time.Minute,
		},
		{
			Name: "spool-flipped", What: "the log on the agent's disk is damaged while the agent is down", How: "bytes of the file that were not sent yet",
			Expect: "the run is over, and its log is whole or says what is missing", Run: spoolHurt,
		},
		{
			Name: "logs-flipped", What: "a stored log is damaged on the server's disk", How: "bytes flipped in the file",
			Expect: "reading it fails or says what is damaged; a wrong byte is never shown", Run: logsHurt,
		},
	}
}

// backUp makes a backup of the server, and answers its file.
func backUp(t *lab.T, l *lab.Lab) string {
	file := filepath.Join(t.Dir, "backup")
	if code, words := l.Server.Tutti("server", "backup", file); code != 0 {
		t.Fatalf("the backup failed: %s", words)
	}
	return file
}

// bringBack restores a server that does not run, and starts it.
func bringBack(t *lab.T, l *lab.Lab, file string) {
	if code, words := t.Command(nil, t.Tutti, "server", "restore", file, "--data", l.Server.Data); code != 0 {
		t.Fatalf("the restore failed: %s", words)
	}
	l.Server.Up()
}

func restored(t *lab.T) {
	l := t.Open(lab.Options{})
	old := l.Start("old", lab.Lines("one", "-rate 100 -count 2500"))
	old.Live(50)
	file := backUp(t, l)
	done := l.Start("done", lab.Lines("one", "-rate 100 -count 100"))
	done.Same(time.Minute)
	young := l.Start("young", lab.Lines("one", "-rate 100 -count 1500"))
	young.Live(50)
	young.Began("one", "say", time.Minute)
	if code, words := l.Server.Tutti("server", "restore", file); code != 0 {
		t.Fatalf("the restore failed: %s", words)
	}
	l.Server.Answers(time.Minute)
	if !l.Server.Troubled("restored") {
		t.Errorf("the server does not say that it was restored")
	}
	old.Same(2 * time.Minute)
	old.Once("one", "say")
	t.Until("the process of the run that nobody knows any more is dead", time.Minute, func() bool {
		return len(t.Watch.Alive(t.Name+"/young/")) == 0
	})
	young.Forget()
	next := l.Start("next", lab.Lines("one", "-count 10"))
	if next.ID <= young.ID {
		t.Errorf("the next run is number %d, and %d was used already", next.ID, young.ID)
	}
	next.Same(3 * time.Minute)
}

func restoredOffline(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("steady", lab.Lines("one", "-rate 100 -count 2000"))
	r.Live(50)
	file := backUp(t, l)
	t.Sleep(3 * time.Second)
	l.Server.Kill()
	t.Must(os.RemoveAll(l.Server.Data), "losing the folder")
	bringBack(t, l, file)
	r.Same(2 * time.Minute)
	r.Once("one", "say")
}

func killedInBackup(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("steady", lab.Lines("one", "-rate 100 -count 1500"))
	r.Live(50)
	l.Server.Stop(15 * time.Second)
	l.Server.Up("TUTTI_FAILPOINTS=backup.during=kill9")
	file := filepath.Join(t.Dir, "backup")
	code, words := l.Server.Tutti("server", "backup", file)
	if code == 0 {
		t.Errorf("the backup succeeded: %s", words)
	}
	l.Server.Died(15 * time.Second)
	l.Server.Up()
	if _, err := os.Stat(file); err == nil {
		t.Errorf("a file of the name of the backup is left")
	}
	if code, words := l.Server.Tutti("server", "backup", file); code != 0 {
		t.Errorf("the next backup fails: %s", words)
	}
	r.Same(time.Minute)
	r.Once("one", "say")
}

func killedInMigration(t *lab.T) {
	l := t.Open(lab.Options{Before: func(l *lab.Lab) {
		for i := range 2 {
			l.Server.Start(fmt.Sprintf("TUTTI_FAILPOINTS=store.during_migration=%d*off->kill9", i))
			l.Server.Died(30 * time.Second)
		}
	}})
	worksOn(l)
}

// flip changes bytes of a file.
func flip(t *lab.T, file string, at int64, n int) {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	t.Must(err, "opening a file to hurt")
	defer f.Close()
	b := make([]byte, n)
	_, err = f.ReadAt(b, at)
	t.Must(err, "reading a file to hurt")
	for i := range b {
		b[i] ^= 0x5a
	}
	_, err = f.WriteAt(b, at)
	t.Must(err, "hurting a file")
	t.Logf("%d bytes of %s are flipped from %d on", n, filepath.Base(file), at)
}

func pageFlipped(t *lab.T) {
	l := t.Open(lab.Options{})
	l.Start("first", lab.Lines("one", "-count 10")).Same(time.Minute)
	file := backUp(t, l)
	l.Server.Stop(15 * time.Second)
	database := filepath.Join(l.Server.Data, "tutti.db")
	info, err := os.Stat(database)
	t.Must(err, "looking at the database")
	for page := int64(2); page < info.Size()/4096; page += 3 {
		flip(t, database, page*4096, 200)
	}
	said := len(l.Server.Says())
	l.Server.Start()
	if l.Server.ExitCode(30*time.Second) == 0 {
		t.Errorf("the server ends as if nothing were wrong")
	}
	if words := l.Server.Says()[said:]; !strings.Contains(words, "tutti server restore") {
		t.Errorf("the server does not name the command that restores: %s", words)
	}
	bringBack(t, l, file)
	l.Agent().Ready(l.Server, time.Minute)
	l.Start("next", lab.Lines("one", "-count 10")).Same(3 * time.Minute)
}

func newerFolder(t *lab.T) {
	l := t.Open(lab.Options{})
	l.Server.Stop(15 * time.Second)
	database := filepath.Join(l.Server.Data, "tutti.db")
	f, err := os.OpenFile(database, os.O_RDWR, 0)
	t.Must(err, "opening the database")
	_, err = f.WriteAt([]byte{0, 0, 3, 0xe7}, 60) // user_version in SQLite's header
	t.Must(err, "changing the database")
	t.Must(f.Close(), "changing the database")
	said := len(l.Server.Says())
	l.Server.Start()
	if l.Server.ExitCode(30*time.Second) == 0 {
		t.Errorf("the server ends as if nothing were wrong")
	}
	words := strings.TrimSpace(l.Server.Says()[said:])
	lines := strings.Split(words, "\n")
	if len(lines) != 2 || !strings.Contains(lines[1], "newer") { // the first is the harness's
		t.Errorf("the server says: %s", words)
	}
}

func twoServers(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("steady", lab.Lines("one", "-rate 100 -count 500"))
	second := t.Process("second", slices.Clone(l.Server.Args)...)
	second.Args[slices.Index(second.Args, "--listen")+1] = "127.0.0.1:0"
	second.Start()
	if second.ExitCode(30*time.Second) != 1 || !strings.Contains(second.Says(), "in use by another tutti") {
		t.Errorf("the second server says: %s", second.Says())
	}
	r.Same(time.Minute)
}

func twoAgents(t *lab.T) {
	l := t.Open(lab.Options{})
	r := l.Start("steady", lab.Lines("one", "-rate 100 -count 500"))
	r.Live(10)
	second := t.Process("second", l.Agent().Args...)
	second.Start()
	if second.ExitCode(30*time.Second) == 0 || !strings.Contains(second.Says(), "use") {
		t.Errorf("the second agent says: %s", second.Says())
	}
	r.Same(time.Minute)
	r.Once("one", "say")
}
