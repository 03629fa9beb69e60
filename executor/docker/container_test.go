package docker_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/docker"
	"github.com/tutti-ci/tutti/executor/docker/dockertest"
	"github.com/tutti-ci/tutti/executor/enginetest"
)

func TestUserOfTheImage(t *testing.T) {
	spec := sequence(dockertest.BusyboxUser(t),
		`id -u; id -g; id -G; echo $HOME $PWD $IMAGE; echo x > made; stat -c '%u %a' made given .; echo to-stdout > /dev/stdout; grep -E 'CapEff|NoNewPrivs' /proc/self/status`)
	spec.Workspace = func(context.Context) (*os.File, error) { return tarOf(t, "given", "x"), nil }
	room := enginetest.Open(t, newEngine(t, docker.Config{}), spec)
	_, texts := enginetest.RunAll(t, room, spec.Job)
	want := "1000\n1000\n1000 29\n/home/dev /workspace busybox-user\n1000 644\n1000 640\n0 777\nto-stdout\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n"
	if texts[0] != want {
		t.Errorf("log %q\nwant %q", texts[0], want)
	}
}

func tarOf(t *testing.T, name, content string) *os.File {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o640, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.CreateTemp(t.TempDir(), "tar")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(buf.Bytes()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	return f
}

// Docker must not know what the user wrote, and everything must be labelled.
func TestInspectShowsNothingOfTheUser(t *testing.T) {
	spec := sequence(dockertest.Busybox(t), "echo SECRET-SCRIPT; sleep 60")
	spec.Job.Activities[0].Env = map[string]string{"TOKEN": "SECRET-ENV"}
	room, spool := enginetest.Open(t, newEngine(t, docker.Config{Memory: 256 << 20}), spec), enginetest.NewSpool(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = room.Run(ctx, only(spec), spool.Output()) // is canceled
	}()
	defer func() { cancel(); <-done }()
	spool.AwaitBytes(1)

	id := awaitContainer(t, docker.LabelAgent+"="+agentID(t), docker.LabelRun+"=7", docker.LabelJob+"=sequence",
		docker.LabelEpoch+"=2", docker.LabelActivity+"=a0")
	info, err := dockertest.Require(t).ContainerInspect(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(info)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("SECRET")) {
		t.Errorf("inspect shows a secret: %s", text)
	}
	host := info.HostConfig
	if host.Memory != 256<<20 || host.MemorySwap != 256<<20 || host.Privileged || *host.PidsLimit == 0 || len(host.Binds) != 0 {
		t.Errorf("host config %+v", host)
	}
}

func TestOutOfMemory(t *testing.T) {
	spec := sequence(dockertest.Busybox(t), `echo before; tail /dev/zero; echo after`, "echo alive")
	room := enginetest.Open(t, newEngine(t, docker.Config{Memory: 64 << 20}), spec)
	exits, texts := enginetest.RunAll(t, room, spec.Job)
	if exit := exits[0]; !exit.OOM || exit.Limit != 64<<20 || exit.Code != 137 {
		t.Errorf("exit %+v", exit)
	}
	if !strings.HasPrefix(texts[0], "before\n") || strings.Contains(texts[0], "after") {
		t.Errorf("log %q", texts[0])
	}
	if exits[1].OOM || texts[1] != "alive\n" {
		t.Errorf("the next one: %+v, log %q", exits[1], texts[1])
	}
}

func TestMissingShells(t *testing.T) {
	image := dockertest.Busybox(t)
	spec := sequence(image, "true", "#!/no/such/shell\n", "true", "no first line")
	spec.Job.Activities[0].Shell = "bash"
	spec.Job.Activities[1].Shell = "none"
	spec.Job.Activities[3].Shell = "none"
	room := enginetest.Open(t, newEngine(t, docker.Config{}), spec)
	exits, _ := enginetest.RunAll(t, room, spec.Job)
	for i, want := range []struct {
		code   int
		reason string
	}{
		{127, "the image has no bash"},
		{127, "the program in the script's #! line is not in the image"},
		{0, ""},
		{126, "the script has no #! line"},
	} {
		if exits[i].Code != want.code || exits[i].Reason != want.reason {
			t.Errorf("activity %d: %+v, want %+v", i, exits[i], want)
		}
	}
}

// Orphans become children of the shim; none may stay as a zombie while the activity runs.
func TestZombiesAreReaped(t *testing.T) {
	spec := sequence(dockertest.Busybox(t), `
mkdir ended
for i in $(seq 50); do ( (echo > ended/$i) & ) ; done
for i in $(seq 500); do
	[ $(ls ended | wc -l) = 50 ] || { sleep 0.01; continue; }
	left=$(grep -l 'State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l)
	[ $left = 0 ] && break
	sleep 0.01
done
ls ended | wc -l
echo $left`)
	room := enginetest.Open(t, newEngine(t, docker.Config{}), spec)
	_, texts := enginetest.RunAll(t, room, spec.Job)
	if texts[0] != "50\n0\n" {
		t.Errorf("orphans and zombies: %q", texts[0])
	}
}

// The shim must not be open to the processes of the container, not even to root's.
func TestShimIsOutOfReach(t *testing.T) {
	spec := sequence(dockertest.Busybox(t), `
for f in /proc/1/fd/*; do
	readlink $f && echo sees a descriptor
	(echo x >> $f) 2>/dev/null && echo writes to a descriptor
done
cat /proc/1/environ 2>/dev/null && echo sees environment
head -c1 /proc/1/mem 2>/dev/null && echo reads memory
(echo x > /tutti/shim) 2>/dev/null && echo writes the shim
(echo x > /tutti/run/x) 2>/dev/null && echo writes beside the socket
for s in HUP INT QUIT TERM USR1 SEGV ABRT KILL STOP; do kill -$s 1; done
(exit 0) & # an orphan can only be reaped by a shim that is there and runs
for i in $(seq 500); do grep -q 'State:.[SR]' /proc/1/status && break; sleep 0.01; done
echo alive`)
	room := enginetest.Open(t, newEngine(t, docker.Config{}), spec)
	_, texts := enginetest.RunAll(t, room, spec.Job)
	if texts[0] != "alive\n" {
		t.Errorf("log %q", texts[0])
	}
}

func TestNetworkIsSharedInAJobAndNotBetweenJobs(t *testing.T) {
	engine, image := newEngine(t, docker.Config{}), dockertest.Busybox(t)
	var addresses [2]string
	var group sync.WaitGroup
	for i := range addresses {
		spec := sequence(image, "ip -4 addr show eth0 | grep inet; touch /tmp/x", "ip -4 addr show eth0 | grep inet")
		spec.Run = int64(i + 1)
		room := enginetest.Open(t, engine, spec)
		group.Go(func() {
			_, texts := enginetest.RunAll(t, room, spec.Job)
			addresses[i] = strings.Join(texts, "")
		})
	}
	group.Wait()
	for _, a := range addresses {
		if lines := strings.Split(a, "\n"); len(lines) != 3 || lines[0] != lines[1] {
			t.Errorf("addresses in a job: %q", a)
		}
	}
	if addresses[0] == addresses[1] {
		t.Errorf("both jobs have %q", addresses[0])
	}
}

func TestWholeJob(t *testing.T) {
	spec := sequence(dockertest.Busybox(t), "echo one", "exit 4", "echo three")
	room := enginetest.Open(t, newEngine(t, docker.Config{}), spec)
	outcome, err := executor.Run(t.Context(), t.Context(), executor.Work{Job: spec.Job, Room: room, Reporter: &reporter{t: t}})
	if err != nil || outcome.Cause != "a1: exit code 4" {
		t.Errorf("outcome %+v, %v", outcome, err)
	}
}

type reporter struct {
	t     *testing.T
	ended []executor.Outcome
}

func (r *reporter) Started(string, time.Time) (executor.Output, error) {
	return enginetest.NewSpool(r.t).Output(), nil
}

func (r *reporter) Going(string, executor.Progress) error { return nil }
func (r *reporter) Rejoined(string) (executor.Output, error) {
	return enginetest.NewSpool(r.t).Output(), nil
}

func (r *reporter) Finished(_ string, o executor.Outcome) error {
	r.ended = append(r.ended, o)
	return nil
}
