package enginetest

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// testAfterMissingImage runs an activity after one whose image could not be had, which had to be the first container.
func testAfterMissingImage(t *testing.T, s Subject) {
	spec := executor.RoomSpec{Run: 1, Epoch: 1, Job: plan.Job{Name: "job", Activities: []plan.Activity{
		{Name: "missing", Image: MissingImage, Script: "true"},
		{Name: "there", Image: s.Image, Script: "cat file"},
	}}}
	calls := 0
	spec.Workspace = func(context.Context) (*os.File, error) {
		calls++
		return tarStream(t, map[string]string{"file": "content\n"}), nil
	}
	room := Open(t, s.Engine, spec)
	for range 2 { // it is asked for again each time
		var image *executor.ImageError
		if _, err := room.Run(t.Context(), only(spec), NewSpool(t).Output()); !errors.As(err, &image) {
			t.Fatalf("Run answers %v", err)
		}
	}
	spool := NewSpool(t)
	exit, err := room.Run(t.Context(), executor.Step{Activity: spec.Job.Activities[1]}, spool.Output())
	if err != nil || exit.Code != 0 || spool.Text() != "content\n" || calls != 1 {
		t.Errorf("exit %+v, %v; log %q after %d calls", exit, err, spool.Text(), calls)
	}
}

// testAfterCancel runs an activity after one that was canceled.
func testAfterCancel(t *testing.T, s Subject) {
	spec := executor.RoomSpec{Run: 1, Epoch: 1, Job: plan.Job{Name: "job", Activities: []plan.Activity{
		{Name: "hangs", Image: s.Image, Script: "echo x > made; echo ready; sleep 60"},
		{Name: "always", Image: s.Image, Script: "cat made", RunOn: plan.OnAlways},
	}}}
	room, spool := Open(t, s.Engine, spec), NewSpool(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	done := make(chan error, 1)
	go func() {
		_, err := room.Run(ctx, only(spec), spool.Output())
		done <- err
	}()
	spool.AwaitBytes(int64(len("ready\n")))
	cancel(executor.Canceled{Reason: "by a test"})
	if err := <-done; !errors.Is(err, executor.Canceled{Reason: "by a test"}) {
		t.Fatalf("Run answers %v", err)
	}
	spool = NewSpool(t)
	exit, err := room.Run(t.Context(), executor.Step{Activity: spec.Job.Activities[1]}, spool.Output())
	if err != nil || exit.Code != 0 || spool.Text() != "x\n" {
		t.Errorf("exit %+v, %v; log %q", exit, err, spool.Text())
	}
}

// testLateImage runs activities whose images and environments are only known when their turn comes.
func testLateImage(t *testing.T, s Subject) {
	spec := executor.RoomSpec{Run: 1, Epoch: 1, Job: plan.Job{Name: "job", Activities: []plan.Activity{
		{Name: "first", Late: true, Script: "echo $WHO"},
		{Name: "known", Image: s.Image, Script: "sleep 0.1; echo known"},
		{Name: "last", Late: true, Script: "echo $WHO"},
		{Name: "known-again", Image: s.Image, Script: "echo again"},
	}}}
	room := Open(t, s.Engine, spec)
	var text strings.Builder
	for _, a := range spec.Job.Activities {
		a.Image, a.Env = s.Image, map[string]string{"WHO": a.Name}
		spool := NewSpool(t)
		exit, err := room.Run(t.Context(), executor.Step{Activity: a}, spool.Output())
		if err != nil || exit.Code != 0 {
			t.Fatalf("%s: %+v, %v", a.Name, exit, err)
		}
		text.WriteString(spool.Text())
	}
	if text.String() != "first\nknown\nlast\nagain\n" {
		t.Errorf("logs %q", text.String())
	}
}

func testWorkdir(t *testing.T, s Subject) {
	spec := executor.RoomSpec{Run: 1, Epoch: 1, Job: plan.Job{Name: "job", Activities: []plan.Activity{
		{Name: "makes", Image: s.Image, Script: "mkdir -p a/b; echo x > a/b/file; echo file > plain"},
		{Name: "starts-there", Image: s.Image, Workdir: "a/b", Script: "cat file"},
		{Name: "missing", Image: s.Image, Workdir: "a/c", Script: "echo never"},
		{Name: "file", Image: s.Image, Workdir: "plain", Script: "echo never"},
		{Name: "goes-on", Image: s.Image, Workdir: "a", Command: []string{"cat", "b/file"}},
	}}}
	exits, texts := RunAll(t, Open(t, s.Engine, spec), spec.Job)
	if texts[1] != "x\n" || texts[4] != "x\n" {
		t.Errorf("logs %q", texts)
	}
	for _, i := range []int{2, 3} {
		if !strings.Contains(exits[i].Reason, spec.Job.Activities[i].Workdir) || exits[i].Code == 0 || texts[i] != "" {
			t.Errorf("%s: %+v, log %q", spec.Job.Activities[i].Name, exits[i], texts[i])
		}
	}
}

func outputs(names ...string) (list []plan.Output) {
	for _, name := range names {
		list = append(list, plan.Output{Name: name, Type: plan.Type{Kind: plan.TypeString}})
	}
	return list
}

// testOutputs reads what activities put out: all that is declared and there, also if they fail.
func testOutputs(t *testing.T, s Subject) {
	spec := executor.RoomSpec{Run: 1, Epoch: 1, Job: plan.Job{Name: "job", Activities: []plan.Activity{
		{Name: "puts", Image: s.Image, Outputs: outputs("a", "b", "missing"), Script: `
printf 'one\n' > "$TUTTI_OUTPUT/a"; printf '\000\377' > $TUTTI_OUTPUT/b; echo x > $TUTTI_OUTPUT/undeclared`},
		{Name: "fails", Image: s.Image, Outputs: outputs("a"), Script: `echo two > $TUTTI_OUTPUT/a; exit 3`},
		{Name: "none", Image: s.Image, Script: `ls -A $TUTTI_OUTPUT; echo x > $TUTTI_OUTPUT/a`},
	}}}
	exits, texts := RunAll(t, Open(t, s.Engine, spec), spec.Job)
	want := []map[string]string{{"a": "one\n", "b": "\x00\xff"}, {"a": "two\n"}, {}}
	for i, exit := range exits {
		got := make(map[string]string)
		for name, content := range exit.Outputs {
			got[name] = string(content)
		}
		if !maps.Equal(got, want[i]) || exit.OutputsErr != "" {
			t.Errorf("%s put out %q (%s)", spec.Job.Activities[i].Name, got, exit.OutputsErr)
		}
	}
	if exits[1].Code != 3 || texts[2] != "" {
		t.Errorf("exit %+v; the folder held %q", exits[1], texts[2])
	}
}

// testFreshOutputs runs an activity twice, as another try does: it must not see what the first one put out.
func testFreshOutputs(t *testing.T, s Subject) {
	spec := Script(s.Image, `ls -A $TUTTI_OUTPUT; echo x > $TUTTI_OUTPUT/a; mkdir $TUTTI_OUTPUT/folder; echo y > $TUTTI_OUTPUT/folder/b`)
	room := Open(t, s.Engine, spec)
	for range 3 {
		spool := NewSpool(t)
		exit, err := room.Run(t.Context(), only(spec), spool.Output())
		if err != nil || exit.Code != 0 || spool.Text() != "" {
			t.Errorf("exit %+v, %v; the folder held %q", exit, err, spool.Text())
		}
	}
}

// testOddOutputs puts out what is no plain file of a fair size. None of it may be read, and the reason has to be told.
func testOddOutputs(t *testing.T, s Subject) {
	cases := []struct{ name, script, why string }{
		{"link", `echo secret > elsewhere; ln -s $PWD/elsewhere $TUTTI_OUTPUT/x`, `output "x" is no regular file`},
		{"folder", `mkdir $TUTTI_OUTPUT/x`, `output "x" is no regular file`},
		{"pipe", `mkfifo $TUTTI_OUTPUT/x`, `output "x" is no regular file`},
		{"large", `head -c 65537 /dev/zero > $TUTTI_OUTPUT/x`, `output "x" has more than 64 KiB`},
		{"many", `for i in x y z; do head -c 65536 /dev/zero > $TUTTI_OUTPUT/$i; done`, `output "z" and those before it have more than 128 KiB`},
		{"linked-folder", `rmdir $TUTTI_OUTPUT; mkdir -p elsewhere.d; echo secret > elsewhere.d/x; ln -s $PWD/elsewhere.d $TUTTI_OUTPUT`, ""},
		{"no-folder", `rm -r $TUTTI_OUTPUT; echo x > $TUTTI_OUTPUT`, ""},
	}
	spec := executor.RoomSpec{Run: 1, Epoch: 1, Job: plan.Job{Name: "odd"}}
	for _, c := range cases {
		spec.Job.Activities = append(spec.Job.Activities, plan.Activity{Name: c.name, Image: s.Image, Script: c.script, Outputs: outputs("x", "y", "z")})
	}
	exits, _ := RunAll(t, Open(t, s.Engine, spec), spec.Job)
	for i, c := range cases {
		last := slices.Max(append(slices.Collect(maps.Keys(exits[i].Outputs)), ""))
		if exits[i].Code != 0 || exits[i].OutputsErr != c.why || c.name != "many" && last != "" || c.name == "many" && last != "y" {
			t.Errorf("%s: %+v, %d outputs", c.name, exits[i].OutputsErr, len(exits[i].Outputs))
		}
	}
}

// testMasks prints secrets in several forms: none may be in the log, and the exit has to describe the log as it is.
func testMasks(t *testing.T, s Subject) {
	spec := Script(s.Image, `echo "token is $TOKEN"; echo "$TOKEN" >&2; printf %s "$TOKEN" | base64; echo end`)
	step := only(spec)
	step.Env = map[string]string{"TOKEN": "s3cr3t-t0k3n-value"}
	step.Masks = []string{"s3cr3t-t0k3n-value", "other-secret"}
	spool := NewSpool(t)
	exit, err := Open(t, s.Engine, spec).Run(t.Context(), step, spool.Output())
	if err != nil {
		t.Fatal(err)
	}
	spool.checkAgainst(exit)
	text := spool.Text()
	if strings.Contains(text, "s3cr3t") || strings.Count(text, "***") != 3 || !strings.Contains(text, "token is ***\n") || !strings.HasSuffix(text, "end\n") {
		t.Errorf("log %q", text)
	}
}

// testMaskedPieces prints a secret in two pieces, and the beginning of one at the very end.
func testMaskedPieces(t *testing.T, s Subject) {
	spec := Script(s.Image, `printf 'a s3cr3t-t0'; sleep 0.2; echo 'k3n-value b'; printf 's3cr3t-t0k3n'`)
	step := only(spec)
	step.Masks = []string{"s3cr3t-t0k3n-value"}
	spool := NewSpool(t)
	exit, err := Open(t, s.Engine, spec).Run(t.Context(), step, spool.Output())
	if err != nil {
		t.Fatal(err)
	}
	spool.checkAgainst(exit)
	if spool.Text() != "a *** b\ns3cr3t-t0k3n" {
		t.Errorf("log %q", spool.Text())
	}
}

// testSecretOutput puts a secret out that people could see.
func testSecretOutput(t *testing.T, s Subject) {
	spec := Script(s.Image, `echo s3cr3t-t0k3n-value | tee $TUTTI_OUTPUT/open > $TUTTI_OUTPUT/hidden`)
	step := only(spec)
	step.Masks = []string{"s3cr3t-t0k3n-value"}
	step.Outputs = outputs("open", "hidden")
	step.Outputs[1].Sensitive = true
	exit, err := Open(t, s.Engine, spec).Run(t.Context(), step, NewSpool(t).Output())
	if err != nil || exit.OutputsErr != `output "open" holds a secret, and is not declared as sensitive` ||
		len(exit.Outputs) != 1 || string(exit.Outputs["hidden"]) != "s3cr3t-t0k3n-value\n" {
		t.Errorf("exit %+v, %v", exit, err)
	}
}

// testTries runs an activity again in the same log.
func testTries(t *testing.T, s Subject) {
	spec := Script(s.Image, `echo one; [ -f made ] || { touch made; exit 5; }; sleep 0.1; echo two >&2`)
	room, spool := Open(t, s.Engine, spec), NewSpool(t)
	out := spool.Output()
	first, err := room.Run(t.Context(), only(spec), out)
	if err != nil || first.Code != 5 {
		t.Fatalf("exit %+v, %v", first, err)
	}
	spool.checkAgainst(first)
	out.Since = first.Started.Add(-time.Hour)
	second, err := room.Run(t.Context(), only(spec), out)
	if err != nil || second.Code != 0 || spool.Text() != "one\none\ntwo\n" {
		t.Fatalf("exit %+v, %v; log %q", second, err, spool.Text())
	}
	spool.checkAgainst(second)
	marks := spool.Marks()
	if last := marks[len(marks)-1]; last.At < time.Hour || !last.Stderr {
		t.Errorf("marks %+v", marks)
	}
}
