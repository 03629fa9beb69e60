package web

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0ms", 31 * time.Millisecond: "31ms", 1700 * time.Millisecond: "1.7s", 59900 * time.Millisecond: "59s",
		118 * time.Second: "1m 58s", 2*time.Hour + 14*time.Minute: "2h 14m", 50 * time.Hour: "2d 02h",
	} {
		if got := duration(d); got != want {
			t.Errorf("duration(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestLocalPath(t *testing.T) {
	for next, want := range map[string]string{
		"": "/", "/runs/1?L=5-9": "/runs/1?L=5-9", "https://evil.example": "/", "//evil.example": "/", `/\evil.example`: "/", `\\evil.example`: "/",
		"javascript:alert(1)": "/", "/\t/evil.example": "/", "runs": "/", "///evil.example": "/", "/%5cevil": "/%5cevil",
	} {
		if got := localPath(next); got != want {
			t.Errorf("localPath(%q) = %q, want %q", next, got, want)
		}
	}
}

func TestCodeOf(t *testing.T) {
	for text, want := range map[string]string{" tutti_x\n": "tutti_x", "http://127.0.0.1:8884/login?code=tutti_x": "tutti_x"} {
		if got := codeOf(text); got != want {
			t.Errorf("codeOf(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestFirstFailing(t *testing.T) {
	lines := []logLine{{Text: "=== RUN TestA"}, {Text: "compiling without errors"}, {Text: "    --- FAIL: TestA (0.01s)"}, {Text: "FAIL"}}
	if got := firstFailing(lines); got != 2 {
		t.Errorf("the first failing line is %d, want 2", got)
	}
	for _, text := range []string{"panic: nil", "main.go:5:1: error: no such file", "error[E0308]: mismatched types", "not ok 3 - adds", "FATAL: no database"} {
		if firstFailing([]logLine{{Text: text}}) != 0 {
			t.Errorf("%q does not count as failing", text)
		}
	}
}

// TestScriptsAreSmall keeps what a first visit must load within its budget.
func TestScriptsAreSmall(t *testing.T) {
	a, err := openAssets()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, name := range a.scripts() {
		sum += len(a.files[name].packed)
	}
	if limit := 25 << 10; sum > limit {
		t.Errorf("the scripts have %d bytes with gzip, more than %d", sum, limit)
	}
}
