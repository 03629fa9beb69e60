package gateway_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/server"
)

// inNamespace says that this process has a network of its own.
const inNamespace = "TUTTI_TEST_NAMESPACE"

// TestSlowNetwork is TestSlowLink on the loopback device of a network namespace, which the kernel slows down to a kilobyte a
// second, and which loses a fifth of it: here TCP itself has to cope.
func TestSlowNetwork(t *testing.T) {
	if os.Getenv(inNamespace) != "" {
		slowNetwork(t)
		return
	}
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can make a network namespace")
	}
	for _, tool := range []string{"unshare", "ip", "tc", "iptables"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "--net", os.Args[0], "-test.run=^TestSlowNetwork$", "-test.v")
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "--- SKIP") {
		t.Skipf("%s", out)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// slow slows the loopback device down. What waits there is bounded, and the rest is lost. Every fifth packet is lost, not one of five by
// chance: chance may lose whatever TCP sends for longer than the fence, and then the job is rightly lost.
var slow = []string{
	"ip link set lo mtu 1500",
	"tc qdisc add dev lo root tbf rate 8kbit burst 3000 limit 12000",
	"iptables -A INPUT -i lo -m statistic --mode nth --every 5 --packet 0 -j DROP",
}

func command(t *testing.T, line string) {
	t.Helper()
	words := strings.Fields(line)
	if out, err := exec.CommandContext(t.Context(), words[0], words[1:]...).CombinedOutput(); err != nil {
		t.Skipf("%s: %v: %s", line, err, out)
	}
}

func slowNetwork(t *testing.T) {
	command(t, "ip link set lo up")
	h := open(t, t.TempDir(), 48*time.Second) // a ping every 12 s, and the job ends if nothing is heard for 43.2 s
	h.agent(t.TempDir(), h.url)
	gate := filepath.Join(t.TempDir(), "gate")
	id := h.start(`echo begun; while [ ! -f ` + gate + ` ]; do sleep 0.05; done; i=0; while [ $i -lt 20000 ]; do echo "line $i"; i=$((i+1)); done; sleep 58`)
	log := server.LogID{Run: id, Job: "test", Epoch: 1, Activity: "a0"}
	waitFor(t, h, log, 6)
	for _, line := range slow {
		command(t, line)
	}
	must(t, os.WriteFile(gate, nil, 0o600))
	time.Sleep(55 * time.Second) // the network's time, in which nothing is to happen
	run, err := h.db.Run(t.Context(), id)
	if err != nil || run.State == plan.Done {
		t.Fatalf("on a slow network the run ended %s: %+v (%v)", run.Result, run.Jobs, err)
	}
	if info, err := h.logs.Info(log); err != nil || info.Bytes < 1<<10 {
		t.Errorf("of the log only %d bytes arrived (%v)", info.Bytes, err)
	} else {
		t.Logf("%d bytes of log arrived", info.Bytes)
	}
	agents, err := h.db.Agents(t.Context())
	if err != nil || len(agents) != 1 || agents[0].Session != 1 || !agents[0].Online {
		t.Errorf("the session did not last: %+v (%v)", agents, err)
	}
	command(t, "tc qdisc del dev lo root")
	command(t, "iptables -F INPUT")
	if run := h.until(id, "done", isDone); run.Result != plan.Passed || h.log(id, 1, "a0") != "begun\n"+numbered(20000) {
		t.Errorf("the run ended %s (%s)", run.Result, run.Jobs[0].Cause)
	}
}
