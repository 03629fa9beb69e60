package caged_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/caged"
)

// The test binary is its own child: asChild says as what.
const asChild = "CAGED_TEST_CHILD"

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(asChild) {
	case "":
		os.Exit(m.Run())
	case "compile":
		err = caged.Serve(os.Stdin, os.Stdout)
	case "stubborn":
		err = caged.ServeWith(os.Stdin, os.Stdout, misbehave)
	case "mute":
		fmt.Fprintln(os.Stderr, "I have nothing to say")
		os.Exit(3)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// misbehave does what the name of the pipeline says, and compiles nothing.
func misbehave(req dsl.Request) dsl.Response {
	switch req.Pipeline {
	case "loop":
		for i := 0; ; i++ {
			if i < 0 {
				break
			}
		}
	case "overflow":
		overflow(0)
	case "eat":
		var hoard [][]byte
		for {
			b := make([]byte, 64<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			hoard = append(hoard, b)
		}
	case "exit":
		os.Exit(7)
	case "pid":
		return dsl.Response{Pipelines: []dsl.PipelineInfo{{Name: fmt.Sprint(os.Getpid())}}}
	case "env":
		return dsl.Response{Pipelines: []dsl.PipelineInfo{{Name: strings.Join(os.Environ(), " ")}}}
	}
	return dsl.Response{}
}

func overflow(n int) int { return overflow(n+1) + overflow(n+2) }

func newCompiler(t *testing.T, as string, timeout time.Duration) *caged.Compiler {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &caged.Compiler{Command: []string{self}, Env: []string{asChild + "=" + as}, Timeout: timeout}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

const valid = `
pipeline "ci" {
  on "push" {}
  job "test" {
    activity "unit" {
      image  = "golang:1.26"
      script = "go test ./..."
    }
  }
}
`

func request(text string) dsl.Request {
	return dsl.Request{
		Files: []dsl.File{{Name: ".tutti/ci.hcl", Data: []byte(text)}},
		Event: dsl.Event{Kind: dsl.KindPush, Branch: "main", Commit: "abc"},
	}
}

func TestSameAsInProcess(t *testing.T) {
	c := newCompiler(t, "compile", 10*time.Second)
	for name, text := range map[string]string{
		"OK": valid, "Mistakes": strings.Replace(valid, "image", "imgae", 1), "Empty": "",
		"Brackets": "locals { x = " + strings.Repeat("[", 75<<10), "Large": valid + strings.Repeat("# comment\n", 20_000),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.Compile(t.Context(), request(text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(dsl.Compile(request(text)), got); diff != "" {
				t.Errorf("response (-in-process +caged):\n%s", diff)
			}
		})
	}
}

func ask(t *testing.T, c *caged.Compiler, what string) string {
	t.Helper()
	res, err := c.Compile(t.Context(), dsl.Request{Pipeline: what})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Problems) > 0 {
		return res.Problems[0].Code
	}
	if len(res.Pipelines) > 0 {
		return res.Pipelines[0].Name
	}
	return ""
}

func TestChildIsReplaced(t *testing.T) {
	for what, want := range map[string]string{"loop": "E711", "overflow": "E712", "exit": "E712", "eat": "E712"} {
		if what == "eat" && !limitsMemory {
			continue
		}
		t.Run(what, func(t *testing.T) {
			c := newCompiler(t, "stubborn", time.Second)
			if what != "loop" {
				c.Timeout = 20 * time.Second
			}
			before := ask(t, c, "pid")
			if again := ask(t, c, "pid"); again != before {
				t.Errorf("the child was not kept: %s, then %s", before, again)
			}
			if got := ask(t, c, what); got != want {
				t.Errorf("problem = %q, want %s", got, want)
			}
			if after := ask(t, c, "pid"); after == before || after == "" {
				t.Errorf("child = %q after %q", after, before)
			}
		})
	}
}

func TestTimeoutIsKept(t *testing.T) {
	c := newCompiler(t, "stubborn", 500*time.Millisecond)
	if err := c.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, c, "loop"); got != "E711" {
		t.Errorf("problem = %q", got)
	}
}

// TestProcessorTime makes sure that a compilation that never ends is given up without the parent's clock.
func TestProcessorTime(t *testing.T) {
	if !limitsMemory {
		t.Skip("no limits here")
	}
	c := newCompiler(t, "stubborn", time.Minute)
	before := ask(t, c, "pid")
	start := time.Now()
	if got := ask(t, c, "loop"); got != "E711" {
		t.Errorf("problem = %q", got)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
	if after := ask(t, c, "pid"); after == before || after == "" {
		t.Errorf("child = %q after %q", after, before)
	}
}

// TestBusyHost stops the child for longer than it may compute: the files are not to blame for that.
func TestBusyHost(t *testing.T) {
	c := newCompiler(t, "stubborn", 0)
	var pid int
	if _, err := fmt.Sscan(ask(t, c, "pid"), &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil { // our own child
		t.Fatal(err)
	}
	resumed := make(chan error, 1)
	time.AfterFunc(4*time.Second, func() { resumed <- syscall.Kill(pid, syscall.SIGCONT) })
	if got := ask(t, c, "pid"); got != fmt.Sprint(pid) {
		t.Errorf("answer = %q of child %d", got, pid)
	}
	if err := <-resumed; err != nil {
		t.Error(err)
	}
}

// TestIdleDeath kills a child that idles: nobody is to blame for that, so the next request must not be told so.
func TestIdleDeath(t *testing.T) {
	c := newCompiler(t, "stubborn", 5*time.Second)
	var pid int
	if _, err := fmt.Sscan(ask(t, c, "pid"), &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil { // our own child
		t.Fatal(err)
	}
	if got := ask(t, c, "pid"); got == fmt.Sprint(pid) || strings.HasPrefix(got, "E") {
		t.Errorf("answer = %q", got)
	}
}

func TestEndOfInputEndsCompilation(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = []string{asChild + "=stubborn"}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	body := `{"pipeline":"loop"}`
	if _, err := in.Write(append([]byte{0, 0, 0, byte(len(body))}, body...)); err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("child ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the child outlives its input")
		_ = cmd.Process.Kill()
		<-ended
	}
}

func TestCannotStart(t *testing.T) {
	for name, c := range map[string]*caged.Compiler{
		"NoCommand": {}, "NoProgram": {Command: []string{"/nowhere/tutti"}}, "Mute": newCompiler(t, "mute", 0),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := c.Compile(t.Context(), request(valid)); err == nil {
				t.Error("no error")
			} else if name == "Mute" && !strings.Contains(err.Error(), "I have nothing to say") {
				t.Errorf("err = %v", err)
			}
			if _, err := c.Compile(t.Context(), request(valid)); err == nil {
				t.Error("no error the second time")
			}
		})
	}
}

func TestContext(t *testing.T) {
	c := newCompiler(t, "stubborn", 10*time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Compile(ctx, request(valid)); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := c.Compile(ctx, dsl.Request{Pipeline: "loop"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
	if got := ask(t, c, "env"); got != asChild+"=stubborn" {
		t.Errorf("environment of the child = %q", got)
	}
}

func TestManyAtOnce(t *testing.T) {
	c := newCompiler(t, "compile", 20*time.Second)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				if res, err := c.Compile(t.Context(), request(valid)); err != nil || len(res.Plans) != 1 {
					t.Errorf("response = %+v, %v", res, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestClosed(t *testing.T) {
	c := newCompiler(t, "compile", 0)
	if err := c.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Compile(t.Context(), request(valid)); !errors.Is(err, caged.ErrClosed) {
		t.Errorf("err = %v", err)
	}
}

func BenchmarkCaged(b *testing.B) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	c := &caged.Compiler{Command: []string{self}, Env: []string{asChild + "=compile"}}
	defer func() { _ = c.Close() }()
	for b.Loop() {
		if res, err := c.Compile(b.Context(), request(valid)); err != nil || len(res.Plans) != 1 {
			b.Fatal(res, err)
		}
	}
}
