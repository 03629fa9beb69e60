package wire_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
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
			BootID: "b", Status: status, Jobs: []wire.Held{{Claim: claim, Phase: wire.PhaseRunning}}, Kept: []wire.Claim{claim}},
		wire.Welcome{Protocol: 1, Server: "v", Session: 7, Suspect: plan.Duration(time.Second), Fence: plan.Duration(time.Minute), Verdicts: []wire.Verdict{{Claim: claim, Do: wire.DoStop, Reason: "canceled by dana", Hard: true}}},
		wire.Refused{Reason: "too old", RetryAfter: plan.Duration(time.Minute)},
		status,
		wire.Ping{Seq: 3, Jobs: []wire.Claim{claim}},
		wire.Pong{Seq: 3, Jobs: []wire.Desired{{Claim: claim, Cancel: true, Hard: true, Reason: "r", Stale: true, Valid: plan.Duration(time.Hour)}}},
		wire.Offer{Claim: claim, Project: "p", Commit: "c", Plan: json.RawMessage(`{"name":"x"}`), SHA256: "00"},
		wire.Accept{Claim: claim},
		wire.Decline{Claim: claim, Reason: "full"},
		wire.Start{Claim: claim, Valid: plan.Duration(time.Minute)},
		wire.Report{Claim: claim, Revision: 9, Phase: wire.PhaseFinished, Result: plan.Failed, Cause: "exit code 2", Note: "n",
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

// TestDamagedMessages has each bit of a message changed, and each end cut off, in turn.
func TestDamagedMessages(t *testing.T) {
	for _, m := range everyMessage() {
		data, err := wire.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		for i := range data {
			if _, err := wire.Decode(data[:i]); !errors.Is(err, wire.ErrMessage) {
				t.Errorf("%T cut at %d: %v", m, i, err)
			}
			for bit := range 8 {
				bad := bytes.Clone(data)
				bad[i] ^= 1 << bit
				// A Refused whose CRC cannot be recognised as one is understood: it ends the session, as the damage would.
				if e, err := wire.Decode(bad); err == nil && (e.Kind != wire.KindRefused || i < len(data)-18) {
					t.Errorf("%T with bit %d of byte %d changed is taken for %s: %s", m, bit, i, e.Kind, e.Body)
				}
			}
		}
	}
}

// TestPeersBeforeCRCs has the first words of a release that knew no CRC.
func TestPeersBeforeCRCs(t *testing.T) {
	for text, want := range map[string]bool{
		`{"kind":"hello","body":{"min_protocol":1,"max_protocol":1}}`: true,
		`{"kind":"refused","body":{"reason":"upgrade the server"}}`:   true,
		`{"kind":"hello","body":{"min_protocol":1,"max_protocol":2}}`: false,
		`{"kind":"hello","body":7}`:                                   false,
		`{"kind":"cancel","body":{}}`:                                 false,
	} {
		if _, err := wire.Decode([]byte(text)); (err == nil) != want {
			t.Errorf("%s is decoded with %v", text, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range everyMessage() {
		data, err := wire.Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)-18])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := wire.Decode(data); err != nil && !errors.Is(err, wire.ErrMessage) {
			t.Errorf("an error of another kind: %v", err)
		}
		// A CRC that fits lets the bytes come further.
		data = fmt.Appendf(data, `,"crc":"%08x"}`, crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
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
