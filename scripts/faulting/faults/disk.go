package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/scripts/faulting/lab"
)

// diskFaults are those of full disks. Each disk is a small one of the fault's own.
func diskFaults() []Fault {
	return []Fault{
		{
			Name: "spool-full", CI: true, What: "the disk of the agent is full while two jobs write", How: "small disk, filled for 8 s",
			Expect: "the processes wait; the agent says so and takes no work; then all goes on by itself, and no byte is missing", Run: spoolFull,
		},
		{
			Name: "spool-full-at-cancel", What: "a run is canceled while the disk of the agent is full", How: "small disk, filled",
			Expect: "the run is canceled, its process ends", Run: spoolFullAtCancel,
		},
		{
			Name: "spool-full-for-good", What: "the disk of the agent stays full", How: "small disk, filled for eleven minutes", Limit: 15 * time.Minute,
			Expect: "the process is ended, the job is lost, and its cause names the disk", Run: spoolFullForGood,
		},
		{
			Name: "logs-full", CI: true, What: "the disk of the server's logs is full while jobs stream", How: "small disk, filled for 8 s",
			Expect: "the server says so; jobs go on; when there is space again the logs come whole, without a restart", Run: logsFull,
		},
		{
			Name: "database-full", CI: true, What: "the disk of the server's database is full", How: "small disk, filled for 8 s",
			Expect: "what would change something is answered 503 with the reason; jobs go on; it recovers without a restart", Run: databaseFull,
		},
		{
			Name: "docker-full", CI: true, What: "Docker's disk is full while a job writes into its container", How: "own dockerd on a small disk",
			Expect: "the job is not green, its log is whole and its cause names the disk; the agent takes no work until there is space", Run: dockerFull,
		},
		{
			Name: "server-loses-power", CI: true, What: "the server's machine loses its power while jobs stream: what was not synced is gone", How: "ext4 in a file, stopped without its journal, kill -9",
			Expect: "every run that was answered is there; jobs go on, no byte is missing", Run: serverLosesPower,
		},
		{
			Name: "agent-loses-power", What: "the agent's machine loses its power while jobs run", How: "ext4 in a file, own dockerd, all killed, another boot id",
			Expect: "the jobs are lost because the host was rebooted; no process begins again; the next job runs", Run: agentLosesPower,
		},
	}
}

// little makes agents and servers content with small disks.
var little = []string{"--min-free", "1m"}

// onDisk puts the folder of the agent on a small disk.
func onDisk(t *lab.T, size int64) (*lab.Lab, *lab.Disk) {
	var disk *lab.Disk
	l := t.Open(lab.Options{Agent: little, Before: func(l *lab.Lab) {
		disk = t.Disk(filepath.Base(l.Agent().Data), size)
	}})
	return l, disk
}

func spoolFull(t *lab.T) {
	l, disk := onDisk(t, 128<<20)
	r := l.Start("steady", lab.Lines("fast", "-rate 5000 -count 100000"), lab.Lines("one", "-rate 100 -count 2000"))
	r.Live(50)
	disk.Fill(0)
	t.Until("the agent says so", 30*time.Second, func() bool {
		a, ok := l.Server.AgentNamed(l.Agent().Name)
		return ok && a.Problem != ""
	})
	a, _ := l.Server.AgentNamed(l.Agent().Name)
	t.Logf("it says: %s", a.Problem)
	r.Says(a.Problem, "space", "full", "disk")
	t.Sleep(8 * time.Second)
	disk.Free()
	l.Agent().Ready(l.Server, 30*time.Second)
	r.Same(2 * time.Minute)
	r.Once("fast", "say")
	r.Once("one", "say")
}

func spoolFullAtCancel(t *lab.T) {
	l, disk := onDisk(t, 64<<20)
	r := l.Start("long", lab.Lines("one", "-rate 1000 -forever"))
	r.Live(50)
	r.Began("one", "say", time.Minute)
	disk.Fill(0)
	t.Sleep(2 * time.Second)
	r.Cancel()
	run := r.End(90 * time.Second)
	if run.Result != "canceled" {
		t.Errorf("the run is %s (%s), and was to be canceled", run.Result, run.Cause)
	}
	t.Until("no process lives", 30*time.Second, func() bool { return len(t.Watch.Alive(t.Name+"/")) == 0 })
	disk.Free()
	r.NoHole("one", "say")
	l.Agent().Ready(l.Server, time.Minute)
	worksOn(l)
}

func spoolFullForGood(t *lab.T) {
	l, disk := onDisk(t, 64<<20)
	r := l.Start("long", lab.Lines("one", "-rate 1000 -forever"))
	r.Live(50)
	r.Began("one", "say", time.Minute)
	disk.Fill(0)
	t.Until("the process is dead", 12*time.Minute, func() bool { return len(t.Watch.Alive(t.Name+"/")) == 0 })
	disk.Free()
	r.Lost(2*time.Minute, "disk", "space")
	l.Agent().Ready(l.Server, time.Minute)
	worksOn(l)
}

func logsFull(t *lab.T) {
	var disk *lab.Disk
	l := t.Open(lab.Options{Server: little, Before: func(*lab.Lab) { disk = t.Disk("server/logs", 64<<20) }})
	r := l.Start("steady", lab.Lines("one", "-rate 2000 -count 40000"), lab.Lines("two", "-rate 100 -count 1000"))
	r.Live(50)
	disk.Fill(0)
	t.Until("the server says so", 30*time.Second, func() bool { return l.Server.Troubled("logs") })
	read := r.Tail("one/say").Lines()
	t.Sleep(8 * time.Second)
	for _, job := range []string{"one", "two"} {
		if j := r.Job(job); j.State != "running" && j.Result != "passed" {
			t.Errorf("job %s is %s %s (%s) while the disk is full", job, j.State, j.Result, j.Cause)
		}
	}
	t.Logf("%d lines were read before, %d are now", read, r.Tail("one/say").Lines())
	disk.Free()
	r.Same(2 * time.Minute)
	t.Until("the server says nothing any more", time.Minute, func() bool { return !l.Server.Troubled("logs") })
	r.Once("one", "say")
}

func databaseFull(t *lab.T) {
	var disk *lab.Disk
	l := t.Open(lab.Options{Server: little, Before: func(*lab.Lab) {
		disk = t.Disk("server", 64<<20)
		t.Must(os.Mkdir(filepath.Join(disk.Dir, "logs"), 0o755), "making a folder")
		t.Must(os.Mkdir(filepath.Join(t.Dir, "logs"), 0o755), "making a folder")
		t.Must(syscall.Mount(filepath.Join(t.Dir, "logs"), filepath.Join(disk.Dir, "logs"), "", syscall.MS_BIND, ""), "mounting the logs elsewhere")
	}})
	r := l.Start("steady", lab.Lines("one", "-rate 100 -count 1500"), lab.Lines("short", "-rate 100 -count 400"))
	r.Live(50)
	disk.Fill(0)
	t.Until("a change is refused", 30*time.Second, func() bool {
		code, words := l.Server.Tutti("trigger", lab.Project, "steady")
		return code != 0 && words != ""
	})
	t.Until("the server says so", 30*time.Second, func() bool { return l.Server.Troubled("database") })
	if status, _ := l.Server.Page("/healthz"); status != 200 {
		t.Errorf("the server is not alive: status %d", status)
	}
	t.Sleep(8 * time.Second)
	disk.Free()
	t.Until("the server says nothing any more", time.Minute, func() bool { return !l.Server.Troubled("database") })
	r.Same(time.Minute)
	r.Once("one", "say")
	r.OneEnd()
	worksOn(l)
}

func dockerFull(t *lab.T) {
	disk := t.Disk("docker-disk", 200<<20)
	d := t.Dockerd(disk.Dir)
	l := t.Open(lab.Options{Agent: little, Before: onEngine(d)})
	l.Start("warm", lab.Lines("one", "-count 10")).Same(time.Minute)
	r := l.Start("write", lab.Job{Name: "one", Steps: []lab.Step{
		{Name: "say", Lines: "-rate 100 -count 200"},
		{Name: "fill", Script: "dd if=/dev/zero of=/tmp/big bs=64k count=100000 && echo written"},
	}})
	run := r.End(2 * time.Minute)
	if run.Result == "passed" || run.Result == "warned" {
		t.Errorf("the run is %s on a full disk", run.Result)
	}
	r.Says(run.Jobs[0].Cause, "full", "space", "disk")
	r.Whole(run.Jobs[0], run.Jobs[0].Activities[0])
	l.Agent().Clean(time.Minute)
	disk.Fill(0)
	t.Until("the agent says so", time.Minute, func() bool {
		a, ok := l.Server.AgentNamed(l.Agent().Name)
		return ok && a.Problem != ""
	})
	next := l.Start("next", lab.Lines("one", "-count 10"))
	t.Sleep(3 * time.Second)
	next.Never("one", "say")
	disk.Free()
	next.Same(2 * time.Minute)
	t.Logf("%s", fmt.Sprint(run.Jobs[0].Cause))
}

func serverLosesPower(t *lab.T) {
	var disk *lab.Volatile
	l := t.Open(lab.Options{Server: little, Before: func(*lab.Lab) { disk = t.Volatile("server", 256<<20) }})
	r := l.Start("steady", lab.Lines("one", "-rate 200 -count 4000"), lab.Lines("two", "-rate 5000 -count 100000"))
	r.Live(50)
	for range 3 {
		t.Sleep(time.Duration(500+t.Rand.IntN(1000)) * time.Millisecond)
		young := l.Start("young", lab.Lines("one", "-count 10")) // answered, so it must be there
		l.Server.Signal(syscall.SIGSTOP)                         // power goes everywhere at once
		disk.LosePower()
		l.Server.Kill()
		disk.Mend()
		l.Server.Up()
		young.Same(time.Minute)
	}
	r.Same(2 * time.Minute)
	r.Once("one", "say")
	r.Once("two", "say")
}

func agentLosesPower(t *lab.T) {
	d := t.Dockerd("")
	var disk *lab.Volatile
	l := t.Open(lab.Options{Agent: little, Before: func(l *lab.Lab) {
		onEngine(d)(l)
		disk = t.Volatile(filepath.Base(l.Agent().Data), 256<<20)
	}})
	r := l.Start("long", lab.Lines("one", "-rate 100 -forever"), lab.Lines("two", "-rate 5000 -forever"))
	r.Live(100)
	l.Agent().Signal(syscall.SIGSTOP) // power goes everywhere at once
	disk.LosePower()
	l.Agent().Kill()
	d.PowerOff()
	disk.Mend()
	otherBoot(t, l.Agent().Process)
	d.Up()
	l.Agent().Start()
	r.Lost(2*time.Minute, "rebooted")
	r.Once("one", "say")
	r.Once("two", "say")
	l.Agent().Ready(l.Server, time.Minute)
	worksOn(l)
}
