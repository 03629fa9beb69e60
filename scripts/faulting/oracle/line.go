// Package oracle decides from outside whether a log is what its process wrote, and who wrote it.
//
// It owns the form of the lines that the witness program writes into its log (numbered and hashed), the check of such a log, and
// a watch over the processes of the host. It never asks Tutti: what it knows it has from the bytes and from the kernel.
package oracle

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"
)

// The kinds of lines. A process begins its log with a Begin and, if it is not killed, ends it with an End.
const (
	kindBegin = 'B' // B <start> <tag>
	kindLine  = 'L' // L <start> <number> <time> <hash> <padding>
	kindEnd   = 'E' // E <start> <lines> <bytes> <sha256 of all before it>
)

// AppendBegin writes the first line of a process behind b.
func AppendBegin(b []byte, start, tag string) []byte {
	return fmt.Appendf(b, "%c %s %s\n", kindBegin, start, tag)
}

// AppendLine writes a numbered, hashed line behind b. Numbers count from 1; at is in milliseconds.
func AppendLine(b []byte, start string, number, at int64, padding []byte) []byte {
	b = append(b, kindLine, ' ')
	from := len(b)
	b = append(b, start...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, number, 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, at, 10)
	h := hashOf(b[from:], padding)
	b = append(b, ' ')
	b = strconv.AppendUint(b, h, 16)
	b = append(b, ' ')
	b = append(b, padding...)
	return append(b, '\n')
}

// AppendEnd writes the last line of a process behind b.
func AppendEnd(b []byte, start string, lines, size int64, sum []byte) []byte {
	return fmt.Appendf(b, "%c %s %d %d %x\n", kindEnd, start, lines, size, sum)
}

func hashOf(parts ...[]byte) uint64 {
	h := fnv.New64a()
	for _, part := range parts {
		_, _ = h.Write(part) // a hash never fails
	}
	return h.Sum64()
}

// A line is one that was read back.
type line struct {
	start  string
	number int64
	at     time.Time
}

// readLine reads a line without its line break; ok is false if it is not exactly as AppendLine wrote it.
func readLine(text []byte) (l line, ok bool) {
	rest, ok := bytes.CutPrefix(text, []byte{kindLine, ' '})
	if !ok {
		return line{}, false
	}
	start, after, _ := bytes.Cut(rest, []byte{' '})
	number, after, _ := bytes.Cut(after, []byte{' '})
	at, after, ok := bytes.Cut(after, []byte{' '})
	if !ok {
		return line{}, false
	}
	hashed := rest[:len(rest)-len(after)-1]
	sum, padding, ok := bytes.Cut(after, []byte{' '})
	if !ok {
		return line{}, false
	}
	n, err1 := strconv.ParseInt(string(number), 10, 64)
	ms, err2 := strconv.ParseInt(string(at), 10, 64)
	h, err3 := strconv.ParseUint(string(sum), 16, 64)
	if err1 != nil || err2 != nil || err3 != nil || h != hashOf(hashed, padding) {
		return line{}, false
	}
	return line{start: string(start), number: n, at: time.UnixMilli(ms)}, true
}
