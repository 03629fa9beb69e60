package wire_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tutti-ci/tutti/agent/wire"
	"github.com/tutti-ci/tutti/dsl/plan"
)

func ptr[T any](v T) *T { return &v }

// everyMessage holds one of each kind with every field set.
func everyMessage() []wire.Message {
	claim := wire.Claim{Run: 12, Job: "build-linux_amd64", Epoch: 3}
	status := wire.Status{Labels: []string{"gpu=h100"}, Capacity: 2, Problem: "Docker does not answer: <nothing>"}
	return []wire.Message{
		wire.Hello{MinProtocol: 1, MaxProtocol: 2, Agent: "a", Instance: "i", Name: "n", Version: "v", OS: "linux", Arch: "amd64",
			BootID: "b", Status: status, Jobs: []wire.Held{{Claim: claim, Phase: wire.PhaseRunning}}},
		wire.Welcome{Protocol: 1, Server: "v", Session: 7, Verdicts: []wire.Verdict{{Claim: claim, Do: wire.DoStop, Reason: "canceled by dana", Hard: true}}},
		wire.Refused{Reason: "too old", RetryAfter: plan.Duration(time.Minute)},
		status,
		wire.Ping{Jobs: []wire.Claim{claim}},
		wire.Pong{Jobs: []wire.Desired{{Claim: claim, Cancel: true, Hard: true, Reason: "r", Stale: true, Valid: plan.Duration(time.Hour)}}},
		wire.Offer{Claim: claim, Project: "p", Commit: "c", Plan: json.RawMessage(`{"name":"x"}`), SHA256: "00"},
		wire.Accept{Claim: claim},
		wire.Decline{Claim: claim, Reason: "full"},
		wire.Start{Claim: claim},
		wire.Report{Claim: claim, Revision: 9, Phase: wire.PhaseFinished, Result: plan.Failed, Cause: "exit code 2",
			Activities: []wire.ActivityReport{{Name: "unit", State: plan.Done, Result: plan.Failed, Cause: "exit code 2", ExitCode: ptr(2),
				Signal: "SIGKILL", Began: ptr(plan.Duration(0)), Took: ptr(plan.Duration(1500 * time.Microsecond)), LogBytes: 1 << 40,
				LogSHA256: "ab", LogIncomplete: "why", Outputs: map[string]json.RawMessage{"image": json.RawMessage(`"a \u003c b"`)},
				Tries: []wire.Try{{Cause: "exit code 1", LogEnd: 12}}}}},
		wire.Reported{Claim: claim, Revision: 9, Final: true, Missing: true},
		wire.Cancel{Claim: claim, Reason: "r", Hard: true},
		wire.Ask{Claim: claim, Activity: "unit"},
		wire.Answer{Claim: claim, Activity: "unit", Plan: json.RawMessage(`{"name":"unit"}`), Masks: []string{"s3cr3t"}, Problem: "why"},
		wire.Stale{Claim: claim},
		wire.Unsupported{Kind: "x"},
	}
}

func TestMessages(t *testing.T) {
	seen := make(map[wire.Kind]bool)
	for _, m := range everyMessage() {
		data, err := wire.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		e, err := wire.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		got := reflect.New(reflect.TypeOf(m))
		if err := e.Into(got.Interface().(wire.Message)); err != nil {
			t.Fatalf("%s: %v", e.Kind, err)
		}
		if diff := cmp.Diff(m, got.Elem().Interface()); diff != "" {
			t.Errorf("%s: %s", e.Kind, diff)
		}
		if unset := firstZero(reflect.ValueOf(m)); unset != "" {
			t.Errorf("the test leaves %s of %s empty", unset, e.Kind)
		}
		seen[e.Kind] = true
	}
	if len(seen) != 17 {
		t.Errorf("the test knows %d kinds", len(seen))
	}
}

// firstZero names a field that a round trip would not notice to be lost.
func firstZero(v reflect.Value) string {
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Kind() == reflect.Struct && v.Type().Field(i).Anonymous {
			if name := firstZero(f); name != "" {
				return name
			}
		} else if f.IsZero() {
			return v.Type().Field(i).Name
		}
	}
	return ""
}

func TestPlanSurvivesByteForByte(t *testing.T) {
	job := plan.Job{Name: "x", Activities: []plan.Activity{{Script: "a < b && c > d \u2028 \xff é"}}}
	data, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	frame, err := wire.Encode(wire.Offer{Plan: data})
	if err != nil {
		t.Fatal(err)
	}
	e, err := wire.Decode(frame)
	if err != nil {
		t.Fatal(err)
	}
	var got wire.Offer
	if err := e.Into(&got); err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(got.Plan) != sha256.Sum256(data) {
		t.Errorf("the plan %s arrives as %s", data, got.Plan)
	}
}

func TestTooLarge(t *testing.T) {
	_, err := wire.Encode(wire.Cancel{Reason: strings.Repeat("x", wire.MaxMessage)})
	var large *wire.TooLargeError
	if !errors.As(err, &large) {
		t.Errorf("a message of more than MaxMessage is encoded with %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range everyMessage() {
		data, err := wire.Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := wire.Decode(data)
		if err != nil {
			return
		}
		for _, m := range everyMessage() {
			into := reflect.New(reflect.TypeOf(m)).Interface().(wire.Message)
			if e.Into(into) == nil {
				if _, err := wire.Encode(into); err != nil {
					t.Errorf("what was decoded from %q cannot be encoded: %v", data, err)
				}
			}
		}
	})
}
