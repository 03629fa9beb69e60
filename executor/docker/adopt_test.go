package docker

import (
	"testing"
	"time"

	"github.com/tutti-ci/tutti/executor"
	"github.com/tutti-ci/tutti/executor/docker/dockertest"
	"github.com/tutti-ci/tutti/executor/enginetest"
)

// A shim whose agent is gone keeps its process and its log going, and tells whoever listens next what became of them.
func TestShimOutlivesItsAgent(t *testing.T) {
	dockertest.Require(t)
	engine, err := New(Config{DataDir: t.TempDir(), AgentID: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	spec := enginetest.Script(dockertest.Busybox(t), "echo one; sleep 0.5; echo two; exit 6")
	opened := enginetest.Open(t, engine, spec)
	r := opened.(*room)
	activity := spec.Job.Activities[0]
	c, err := r.take(t.Context(), activity)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.furnished(t.Context()); err != nil {
		t.Fatal(err)
	}
	spool := enginetest.NewSpool(t)
	if _, err := r.show(t.Context(), c, executor.Step{Activity: activity}, spool.Output()); err != nil {
		t.Fatal(err)
	}
	first := <-c.in
	if first.Started == nil {
		t.Fatalf("the shim says %+v", first)
	}
	if err := c.conn.Close(); err != nil { // the agent dies
		t.Fatal(err)
	}

	next := &box{dir: c.dir}
	if err := next.listen(); err != nil {
		t.Fatal(err)
	}
	if err := next.greet(); err != nil {
		t.Fatal(err)
	}
	defer next.conn.Close()
	if next.hello.Token == "" {
		t.Error("the shim came back without its token")
	}
	exit := next.hello.Exit
	for deadline := time.Now().Add(20 * time.Second); exit == nil && time.Now().Before(deadline); {
		m, err := next.conn.Receive()
		if err != nil {
			t.Fatal(err)
		}
		exit = m.Exit
	}
	if exit == nil || exit.Code != 6 || exit.Log != 8 || spool.Text() != "one\ntwo\n" {
		t.Errorf("exit %+v, log %q", exit, spool.Text())
	}
}
