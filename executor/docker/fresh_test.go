package docker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/docker"
	"github.com/tutti-ci/tutti/executor/docker/dockertest"
	"github.com/tutti-ci/tutti/executor/enginetest"
)

// sequence answers a job of scripts in one image.
func sequence(image string, scripts ...string) executor.RoomSpec {
	spec := executor.RoomSpec{Run: 7, Epoch: 2, Job: plan.Job{Name: "sequence"}}
	for i, script := range scripts {
		spec.Job.Activities = append(spec.Job.Activities, plan.Activity{Name: fmt.Sprintf("a%d", i), Image: image, Script: script})
	}
	return spec
}

// only answers the first activity of a job.
func only(spec executor.RoomSpec) executor.Step {
	return executor.Step{Activity: spec.Job.Activities[0]}
}

// What an activity does must never be seen by the next one, whether it gets a new container or the same one again.
func TestEveryActivityGetsAFreshContainer(t *testing.T) {
	for name, c := range map[string]struct{ do, see, want string }{
		"FileInTmp":      {"echo x > /tmp/left", "ls /tmp", ""},
		"FileInHome":     {"echo x > /root/.bashrc", "ls -A /root", ""},
		"FileInShm":      {"echo x > /dev/shm/left", "ls -A /dev/shm", ""},
		"FileInDev":      {"echo x > /dev/left", "ls /dev | grep left || true", ""},
		"FileInScripts":  {"echo x > /tutti/tmp/left", "ls -A /tutti/tmp", ".output\na1"},
		"FileInCgroup":   {"echo x > /sys/fs/cgroup/left 2>/dev/null || true", "ls /sys/fs/cgroup | grep left || true", ""},
		"Hosts":          {"echo 10.1.2.3 evil >> /etc/hosts; chmod 600 /etc/hosts", "grep evil /etc/hosts || true; stat -c %a /etc/hosts", "644"},
		"ResolvConf":     {": > /etc/resolv.conf", "[ -s /etc/resolv.conf ] && echo full", "full"},
		"Process":        {"sleep 1000 & sleep 1000 & true", "ps | grep -c 'sleep 100[0]' || true", "0"},
		"Daemon":         {"setsid sh -c 'touch /workspace/up; sleep 1000' & while [ ! -f /workspace/up ]; do sleep 0.01; done", "ps | grep -c 'sleep 100[0]' || true", "0"},
		"Mode":           {"chmod 777 /bin/busybox", "stat -c %a /bin/busybox", "755"},
		"ModeOfRoot":     {"chmod 700 /", "stat -c %a /", "755"},
		"ModeOfParent":   {"chmod 700 /etc", "stat -c %a /etc", "755"},
		"OwnerOfFolder":  {"chown 1000 /var", "stat -c %u /var", "0"},
		"Removed":        {"rm /etc/group", "ls /etc/group", "/etc/group"},
		"MadeAndRemoved": {"echo x > /root/a; rm /root/a", "ls -A /root", ""},
		"ModeOfShm":      {"chmod 700 /dev/shm", "stat -c %a /dev/shm", "1777"},
		"ModeOfNull":     {"chmod 600 /dev/null", "stat -c %a /dev/null", "666"},
		"ReplacedNull":   {"rm /dev/null; echo junk > /dev/null", "cat /dev/null", ""},
		"Niceness":       {"renice -n 7 -p 1 >/dev/null; echo 900 > /proc/1/oom_score_adj", "cut -d' ' -f19 /proc/self/stat; cat /proc/self/oom_score_adj", "0\n500"},
		"Limits":         {"prlimit --pid 1 --nofile=20 2>/dev/null; ulimit -n 30", "[ $(ulimit -n) -gt 100 ] && echo many", "many"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := sequence(dockertest.Busybox(t), c.do+" || true", c.see)
			room := enginetest.Open(t, newEngine(t, docker.Config{}), spec)
			_, texts := enginetest.RunAll(t, room, spec.Job)
			if got := strings.TrimSpace(texts[1]); got != c.want {
				t.Errorf("after %q, %q shows %q instead of %q", c.do, c.see, got, c.want)
			}
		})
	}
}

// An image with a volume keeps files where nobody looks, so that its containers are used once.
func TestVolumesOfImagesAreFresh(t *testing.T) {
	image := dockertest.Image(t, "busybox-volume", "VOLUME /data")
	spec := sequence(image, "echo x > /data/left", "ls -A /data")
	room := enginetest.Open(t, newEngine(t, docker.Config{}), spec)
	_, texts := enginetest.RunAll(t, room, spec.Job)
	if texts[1] != "" {
		t.Errorf("the next activity sees %q", texts[1])
	}
}

// Activities that leave nothing behind share one container; this is what makes short ones fast. The hostname cannot tell,
// because containers of a job share it, but the shim's age does.
func TestUntouchedContainersAreUsedAgain(t *testing.T) {
	const age = "stat -c %Z /tutti/run; cut -d' ' -f22 /proc/1/stat"
	spec := sequence(dockertest.Busybox(t), age, age, age)
	room := enginetest.Open(t, newEngine(t, docker.Config{}), spec)
	_, texts := enginetest.RunAll(t, room, spec.Job)
	if texts[0] != texts[1] || texts[1] != texts[2] {
		t.Errorf("three containers were used: %q", texts)
	}
}

func TestSeveralImages(t *testing.T) {
	root, user := dockertest.Busybox(t), dockertest.BusyboxUser(t)
	spec := sequence(root, "id -u", "id -u; sleep 0.3", "id -u", "id -u; sleep 0.3", "id -u")
	for _, i := range []int{1, 2} {
		spec.Job.Activities[i].Image = user
	}
	room := enginetest.Open(t, newEngine(t, docker.Config{}), spec)
	_, texts := enginetest.RunAll(t, room, spec.Job)
	if got := strings.Join(texts, ""); got != "0\n1000\n1000\n0\n0\n" {
		t.Errorf("users %q", got)
	}
}
