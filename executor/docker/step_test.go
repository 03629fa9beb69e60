package docker_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/docker"
	"github.com/tutti-ci/tutti/executor/docker/dockertest"
	"github.com/tutti-ci/tutti/executor/enginetest"
)

func TestUserOfTheActivity(t *testing.T) {
	spec := sequence(dockertest.Busybox(t),
		`id -u; id -g; echo $HOME; echo x > $TUTTI_OUTPUT/x; stat -c '%u %a' $TUTTI_OUTPUT given; echo y >> given`,
		`id -u; echo x > $TUTTI_OUTPUT/x; stat -c %u $TUTTI_OUTPUT`, "true", `id -u; id -g`)
	for i, user := range []string{"dev", "", "nobody-knows", "1000:29"} {
		spec.Job.Activities[i].User = user
	}
	spec.Workspace = func(context.Context) (*os.File, error) { return tarOf(t, "given", "x"), nil }
	room := enginetest.Open(t, newEngine(t, docker.Config{}), spec)
	exits, texts := enginetest.RunAll(t, room, spec.Job)
	for i, want := range []string{"1000\n1000\n/home/dev\n1000 700\n1000 640\n", "0\n0\n", "", "1000\n29\n"} {
		if texts[i] != want || i != 2 && exits[i].Code != 0 {
			t.Errorf("activity %d: %+v, log %q", i, exits[i], texts[i])
		}
	}
	if exits[2].Code != 126 || !strings.Contains(exits[2].Reason, "no user nobody-knows") {
		t.Errorf("a user that is not there: %+v", exits[2])
	}
}

// The limits of the job hold for its containers, but never loosen those of the agent.
func TestLimitsOfTheJob(t *testing.T) {
	const show = `cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null || true
cat /sys/fs/cgroup/cpu*/cpu.cfs_quota_us 2>/dev/null | sort -u | grep . || cut -d' ' -f1 /sys/fs/cgroup/cpu.max`
	for name, c := range map[string]struct {
		agent, job int64
		want       string
	}{
		"OfJob":   {0, 64 << 20, "67108864"},
		"Less":    {128 << 20, 64 << 20, "67108864"},
		"NotMore": {64 << 20, 128 << 20, "67108864"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := sequence(dockertest.Busybox(t), show, "tail /dev/zero")
			spec.Job.Memory, spec.Job.CPU = c.job, 0.5
			room := enginetest.Open(t, newEngine(t, docker.Config{Memory: c.agent}), spec)
			exits, texts := enginetest.RunAll(t, room, spec.Job)
			if texts[0] != c.want+"\n50000\n" {
				t.Errorf("limits %q", texts[0])
			}
			if !exits[1].OOM || exits[1].Limit != 64<<20 {
				t.Errorf("exit %+v", exits[1])
			}
		})
	}
}

// More processors than there are is no reason to fail.
func TestMoreProcessorsThanThereAre(t *testing.T) {
	spec := sequence(dockertest.Busybox(t), "echo fine")
	spec.Job.CPU = 10_000
	if _, texts := enginetest.RunAll(t, enginetest.Open(t, newEngine(t, docker.Config{}), spec), spec.Job); texts[0] != "fine\n" {
		t.Errorf("log %q", texts[0])
	}
}

// Activities that do nothing but put something out leave their container as it was.
func TestContainersAreUsedAgainAfterOutputs(t *testing.T) {
	const age = "stat -c %Z /tutti/run; cut -d' ' -f22 /proc/1/stat; ls -A $TUTTI_OUTPUT; echo 1 > $TUTTI_OUTPUT/n"
	spec := sequence(dockertest.Busybox(t), age, age, age)
	for i := range spec.Job.Activities {
		spec.Job.Activities[i].Outputs = []plan.Output{{Name: "n", Type: plan.Type{Kind: plan.TypeNumber}}}
	}
	exits, texts := enginetest.RunAll(t, enginetest.Open(t, newEngine(t, docker.Config{}), spec), spec.Job)
	if texts[0] != texts[1] || texts[1] != texts[2] {
		t.Errorf("three containers were used: %q", texts)
	}
	for _, exit := range exits {
		if string(exit.Outputs["n"]) != "1\n" || exit.OutputsErr != "" {
			t.Errorf("exit %+v", exit)
		}
	}
}

// What is left of outputs, wherever it was put, must not be seen by the next activity.
func TestOutputsLeaveNothing(t *testing.T) {
	for name, do := range map[string]string{
		"Many":    `for i in $(seq 1500); do echo > $TUTTI_OUTPUT/$i; done`,
		"Deep":    `mkdir -p $TUTTI_OUTPUT/a/b/c`,
		"Link":    `rm -r $TUTTI_OUTPUT; ln -s /workspace $TUTTI_OUTPUT`,
		"File":    `rm -r $TUTTI_OUTPUT; echo x > $TUTTI_OUTPUT; echo x > /tutti/tmp/left`,
		"Renamed": `mv $TUTTI_OUTPUT /tutti/tmp/moved`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := sequence(dockertest.Busybox(t), "echo x > kept; "+do, "ls -A /tutti/tmp $TUTTI_OUTPUT; ls")
			_, texts := enginetest.RunAll(t, enginetest.Open(t, newEngine(t, docker.Config{}), spec), spec.Job)
			if texts[1] != "/tutti/tmp:\n.output\na1\n\n/tutti/tmp/.output:\nkept\n" {
				t.Errorf("the next activity sees %q", texts[1])
			}
		})
	}
}

// An activity whose container somebody killed can be tried again, though that container was the one whose network the
// others join.
func TestTriedAgainAfterAKill(t *testing.T) {
	spec := sequence(dockertest.Busybox(t), "[ -f made ] && exit 0; touch made; echo ready; sleep 60", "cat /proc/net/dev | grep -c eth0; ls")
	room, spool := enginetest.Open(t, newEngine(t, docker.Config{}), spec), enginetest.NewSpool(t)
	out, done := spool.Output(), make(chan error, 1)
	go func() {
		_, err := room.Run(t.Context(), only(spec), out)
		done <- err
	}()
	spool.AwaitBytes(1)
	id := awaitContainer(t, docker.LabelAgent+"="+agentID(t), docker.LabelActivity+"=a0")
	if err := dockertest.Require(t).ContainerKill(t.Context(), id, "KILL"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Fatal("a container that was killed passed")
	}
	exit, err := room.Run(t.Context(), only(spec), out)
	if err != nil || exit.Code != 0 || spool.Text() != "ready\n" {
		t.Errorf("the second try: %+v, %v; log %q", exit, err, spool.Text())
	}
	next := enginetest.NewSpool(t)
	exit, err = room.Run(t.Context(), executor.Step{Activity: spec.Job.Activities[1]}, next.Output())
	if err != nil || exit.Code != 0 || next.Text() != "1\nmade\n" {
		t.Errorf("the next activity: %+v, %v; log %q", exit, err, next.Text())
	}
}

// A whole job on real containers: a condition, an output, and a failure that is tried again.
func TestWholeJobWithConditions(t *testing.T) {
	spec := sequence(dockertest.Busybox(t), "echo 7 > $TUTTI_OUTPUT/n", "echo x >> tries; [ $(wc -l < tries) -gt 1 ]", "exit 4", "echo cleans")
	spec.Job.Activities[0].Outputs = []plan.Output{{Name: "n", Type: plan.Type{Kind: plan.TypeNumber}}}
	spec.Job.Activities[1].Retries.Any = 1
	spec.Job.Activities[3].RunOn = plan.OnFailed
	room, told := enginetest.Open(t, newEngine(t, docker.Config{}), spec), &reporter{t: t}
	outcome, err := executor.Run(t.Context(), t.Context(), executor.Work{Job: spec.Job, Room: room, Reporter: told})
	if err != nil || outcome.Cause != "a2: exit code 4" || len(told.ended) != 4 {
		t.Fatalf("outcome %+v, %v: %+v", outcome, err, told.ended)
	}
	if string(told.ended[0].Outputs["n"]) != "7" || len(told.ended[1].Tries) != 1 || told.ended[3].Result != plan.Passed {
		t.Errorf("they ended %+v", told.ended)
	}
}
