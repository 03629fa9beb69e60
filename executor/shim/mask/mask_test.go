package mask_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/executor/shim/mask"
)

// A sample is a text, the secrets that are masked in it, and what becomes of it.
type sample struct {
	Name    string
	Secrets []string
	Text    string
	Want    string
}

// found are texts that hold secrets, in the forms that other programs made of them; untouched are texts that hold none,
// beside secrets that have something in common with them.
func found(t testing.TB) []sample     { return samples(t, "testdata/found.json") }
func untouched(t testing.TB) []sample { return samples(t, "testdata/untouched.json") }

func samples(t testing.TB, path string) []sample {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []sample
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// pieces masks a text that comes in pieces of these lengths, the last one again and again.
func pieces(set *mask.Set, text string, lengths ...int) string {
	if set == nil {
		return text
	}
	var out []byte
	stream := set.Stream()
	for rest := text; rest != ""; {
		n := min(lengths[0], len(rest))
		out = stream.Append(out, []byte(rest[:n]))
		rest = rest[n:]
		if len(lengths) > 1 {
			lengths = lengths[1:]
		}
	}
	return string(stream.Flush(out))
}

func TestFound(t *testing.T) {
	for _, s := range found(t) {
		t.Run(s.Name, func(t *testing.T) {
			set := mask.New(s.Secrets)
			if got := set.Mask(s.Text); got != s.Want {
				t.Errorf("%q becomes\n%q, want\n%q", s.Text, got, s.Want)
			}
			if set.Holds([]byte(s.Text)) != (s.Want != s.Text) {
				t.Error("Holds says something else than Mask does")
			}
		})
	}
}

func TestUntouched(t *testing.T) {
	for _, s := range untouched(t) {
		if got := mask.New(s.Secrets).Mask(s.Text); got != s.Text {
			t.Errorf("%s: %q becomes %q", s.Name, s.Text, got)
		}
	}
}

// However a stream is cut, it is masked in the same way.
func TestCuts(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, s := range append(found(t), untouched(t)...) {
		set := mask.New(s.Secrets)
		text := strings.Repeat("before ", 20) + s.Text + strings.Repeat(" after", 20)
		want := set.Mask(text)
		for cut := range len(text) {
			if got := pieces(set, text, cut+1, len(text)); got != want {
				t.Fatalf("%s: cut at %d it becomes %q, want %q", s.Name, cut+1, got, want)
			}
		}
		for size := 1; size < 80; size++ {
			if got := pieces(set, text, size); got != want {
				t.Fatalf("%s: in pieces of %d it becomes %q, want %q", s.Name, size, got, want)
			}
		}
		for range 50 {
			var lengths []int
			for range 40 {
				lengths = append(lengths, 1+rng.IntN(20))
			}
			if got := pieces(set, text, lengths...); got != want {
				t.Fatalf("%s: in pieces of %v it becomes %q, want %q", s.Name, lengths, got, want)
			}
		}
	}
}

// What cannot be the beginning of a secret is never kept back.
func TestHoldsBackOnlyWhatMayBegin(t *testing.T) {
	stream := mask.New([]string{"s3cr3t-value"}).Stream()
	for i, c := range []struct{ in, out string }{
		{"plain", "plain"}, {" text\n", " text\n"}, {"prompt> s3c", "prompt> "}, {"r3t", ""}, {"!\n", "s3cr3t!\n"},
		{"s3cr3t-", ""}, {"value", "***"}, {"\n", "\n"},
	} {
		if got := string(stream.Append(nil, []byte(c.in))); got != c.out {
			t.Errorf("piece %d: %q answers %q, want %q", i, c.in, got, c.out)
		}
	}
}

func TestNothingToMask(t *testing.T) {
	if set := mask.New([]string{"", "short"}); set != nil || set.Mask("short") != "short" || set.Holds([]byte("short")) {
		t.Error("secrets that are too short are masked")
	}
}

// Secrets may be large files; the container that they are masked in may be small.
func TestHugeSecret(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	huge := make([]byte, 64<<10)
	for i := range huge {
		huge[i] = byte(33 + rng.IntN(90))
	}
	set := mask.New([]string{string(huge)})
	if size := set.Size(); size > 32<<20 {
		t.Errorf("the set takes %d bytes", size)
	}
	for _, text := range []string{string(huge), base64.StdEncoding.EncodeToString(huge), hex.EncodeToString(huge)} {
		if got := pieces(set, "a "+text+" b", 1000); got != "a *** b" {
			t.Errorf("%.20q becomes %.50q", text, got)
		}
	}
}

// A naive masker covers each place at which a form is found; the stream has to do the same.
func FuzzStream(f *testing.F) {
	for _, s := range found(f) {
		f.Add(strings.Join(s.Secrets, "\x00"), s.Text, uint64(7))
	}
	f.Add("aaaaaaaa\x00aaabaaab", "aaaaaaabaaabaaaaaaaaaaaaab", uint64(1))
	f.Fuzz(func(t *testing.T, secrets, text string, seed uint64) {
		if len(secrets) > 300 || len(text) > 2000 {
			return
		}
		list := strings.Split(secrets, "\x00")
		set := mask.New(list)
		want := naive(mask.Forms(list), text)
		rng := rand.New(rand.NewPCG(seed, 1))
		var lengths []int
		for range 100 {
			lengths = append(lengths, 1+rng.IntN(30))
		}
		if whole := set.Mask(text); whole != want {
			t.Fatalf("%q becomes %q, want %q", text, whole, want)
		}
		if cut := pieces(set, text, lengths...); cut != want {
			t.Fatalf("in pieces, %q becomes %q, want %q", text, cut, want)
		}
	})
}

func naive(forms []string, text string) string {
	covered := make([]bool, len(text)+1) // between i-1 and i there is no border of a stretch
	inside := make([]bool, len(text))
	for _, form := range forms {
		for i := 0; i+len(form) <= len(text); i++ {
			if text[i:i+len(form)] != form {
				continue
			}
			for j := i; j < i+len(form); j++ {
				inside[j] = true
				covered[j] = covered[j] || j > i
			}
		}
	}
	var out strings.Builder
	for i := range len(text) {
		switch {
		case !inside[i]:
			out.WriteByte(text[i])
		case !covered[i]:
			out.WriteString("***")
		}
	}
	return out.String()
}

// Ten secrets of usual lengths, a key among them, over a log that holds one of them now and then, and over one that does not.
func BenchmarkStream(b *testing.B) {
	secrets := []string{"-----BEGIN KEY-----\n" + strings.Repeat("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj0123\n", 25) + "-----END KEY-----\n"}
	for i := range 9 {
		secrets = append(secrets, fmt.Sprintf("gh%c_%016x%016x", 'a'+i, uint64(i)*0x9e3779b97f4a7c15, uint64(i)*0xc2b2ae3d27d4eb4f))
	}
	line := "2026-03-04T05:06:07Z INFO  compiled package github.com/acme/app/internal/store in 312 ms (cache hit)\n"
	plain := []byte(strings.Repeat(line, 2600))
	mixed := []byte(strings.Repeat(strings.Repeat(line, 50)+"Authorization: token "+secrets[3]+"\n", 50))
	for name, text := range map[string][]byte{"Plain": plain, "Mixed": mixed, "Digits": bytes.Repeat([]byte("0123456789abcdef"), 16<<10)} {
		b.Run(name, func(b *testing.B) {
			stream := mask.New(secrets).Stream()
			out := make([]byte, 0, 2*len(text))
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				out = stream.Append(out[:0], text)
			}
		})
	}
	b.Run("New", func(b *testing.B) {
		for b.Loop() {
			mask.New(secrets)
		}
	})
	b.Run("NewHuge", func(b *testing.B) {
		huge := make([]byte, 64<<10)
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range huge {
			huge[i] = byte(rng.IntN(256))
		}
		b.ReportAllocs()
		for b.Loop() {
			mask.New([]string{string(huge)})
		}
	})
}
