// Command lines is the witness that runs as the user's process in the containers of the faults: it writes numbered, hashed lines,
// and at the end how many there were and their hash.
//
//	lines -tag NAME [-count N] [-rate N] [-width N] [-exit CODE] [-forever] [-for DURATION] [-deaf]
package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"hash"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/scripts/faulting/oracle"
)

func main() {
	tag := flag.String("tag", "", "name by which it is found from outside")
	count := flag.Int64("count", 100, "how many lines to write")
	rate := flag.Int64("rate", 0, "how many lines to write in a second; 0 is as fast as they are taken")
	width := flag.Int("width", 0, "bytes to pad each line with")
	code := flag.Int("exit", 0, "the exit code")
	forever := flag.Bool("forever", false, "go on until a signal comes")
	during := flag.Duration("for", 0, "go on for so long")
	deaf := flag.Bool("deaf", false, "take no notice of SIGTERM")
	flag.Parse()
	told := make(chan os.Signal, 2)
	if *deaf {
		signal.Ignore(syscall.SIGTERM)
	} else {
		signal.Notify(told, syscall.SIGTERM)
	}
	if *during > 0 {
		*forever = true
		time.AfterFunc(*during, func() { told <- nil })
	}
	w := &writer{start: newStart(), padding: []byte(strings.Repeat("x", *width)), sum: sha256.New()}
	w.begin(*tag)
	for n := int64(1); *forever || n <= *count; n++ {
		select {
		case signal := <-told:
			if signal != nil {
				*code = 143
			}
			*forever, *count = false, 0
			continue
		default:
		}
		w.line(n)
		if *rate > 0 && *rate <= 1000 {
			w.flush()
			time.Sleep(time.Second / time.Duration(*rate))
		} else if *rate > 0 && n%(*rate/100) == 0 {
			w.flush()
			time.Sleep(10 * time.Millisecond)
		}
	}
	w.end()
	os.Exit(*code)
}

func newStart() string {
	var id [4]byte
	if _, err := rand.Read(id[:]); err != nil {
		fail(err)
	}
	return hex.EncodeToString(id[:])
}

// A writer collects lines, and knows what it wrote.
type writer struct {
	start   string
	padding []byte
	buffer  []byte
	lines   int64
	size    int64
	sum     hash.Hash
}

func (w *writer) begin(tag string) {
	w.buffer = oracle.AppendBegin(w.buffer, w.start, tag)
	w.flush()
}

func (w *writer) line(n int64) {
	w.buffer = oracle.AppendLine(w.buffer, w.start, n, time.Now().UnixMilli(), w.padding)
	w.lines = n
	if len(w.buffer) >= 32<<10 {
		w.flush()
	}
}

func (w *writer) end() {
	w.flush()
	w.buffer = oracle.AppendEnd(w.buffer, w.start, w.lines, w.size, w.sum.Sum(nil))
	w.flush()
}

func (w *writer) flush() {
	if _, err := os.Stdout.Write(w.buffer); err != nil {
		fail(err)
	}
	_, _ = w.sum.Write(w.buffer) // a hash never fails
	w.size += int64(len(w.buffer))
	w.buffer = w.buffer[:0]
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "lines:", err)
	os.Exit(9)
}
