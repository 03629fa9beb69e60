package oracle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"regexp"
	"strconv"
	"time"
)

// A Check reads the log of one activity, in pieces of any size, and counts what is wrong with it. The zero Check is ready.
type Check struct {
	Size  int64
	Lines int64 // good ones
	// Lost numbers never came, Doubled ones came again, Reordered ones came late; Altered are lines that nobody wrote so.
	Lost, Doubled, Reordered, Altered int64
	// Starts are the processes that wrote, in the order of their beginnings: one, unless the activity was tried again.
	Starts []string
	// Ended says that the last process wrote its End, and that it fits all that came before.
	Ended bool
	// Omitted is how many bytes are missing by what the log itself says.
	Omitted int64
	// Slowest is the longest time between the writing of a line and its arrival here, for a log that is read live.
	Slowest time.Duration
	Live    bool
	Now     func() time.Time

	part    []byte // of a line whose end has not come
	next    int64
	gaps    []gap
	sum     hash.Hash
	ofStart int64 // bytes since the last Begin
	all     hash.Hash
	first   string // the first line that is wrong, and why
}

// A gap is a range of numbers that have not come, the second one not included.
type gap struct{ from, to int64 }

// Write implements io.Writer; it never fails.
func (c *Check) Write(p []byte) (int, error) {
	if c.all == nil {
		c.all = sha256.New()
	}
	_, _ = c.all.Write(p) // a hash never fails
	c.Size += int64(len(p))
	n := len(p)
	for {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			c.part = append(c.part, p...)
			return n, nil
		}
		if len(c.part) > 0 {
			c.part = append(c.part, p[:end+1]...)
			c.take(c.part)
			c.part = c.part[:0]
		} else {
			c.take(p[:end+1])
		}
		p = p[end+1:]
	}
}

// SHA256 is the hash of all bytes so far, in hex.
func (c *Check) SHA256() string {
	if c.all == nil {
		c.all = sha256.New()
	}
	return hex.EncodeToString(c.all.Sum(nil))
}

// take looks at one line, line break included.
func (c *Check) take(text []byte) {
	body := text[:len(text)-1]
	switch {
	case len(body) > 1 && body[0] == kindBegin && body[1] == ' ':
		c.begin(body)
	case len(body) > 1 && body[0] == kindEnd && body[1] == ' ':
		c.end(body)
		return
	case c.marker(body):
		return
	default:
		c.number(body)
	}
	if c.sum != nil {
		_, _ = c.sum.Write(text)
		c.ofStart += int64(len(text))
	}
}

func (c *Check) begin(body []byte) {
	fields := bytes.Fields(body)
	if len(fields) != 3 {
		c.alter(body)
		return
	}
	c.Starts = append(c.Starts, string(fields[1]))
	c.next, c.gaps, c.sum, c.ofStart, c.Ended = 1, nil, sha256.New(), 0, false
}

func (c *Check) number(body []byte) {
	l, ok := readLine(body)
	if !ok || len(c.Starts) == 0 || l.start != c.Starts[len(c.Starts)-1] {
		c.alter(body)
		return
	}
	switch {
	case l.number >= c.next:
		if l.number > c.next {
			c.note(body, fmt.Sprintf("%d lines are missing before it", l.number-c.next))
			c.gaps = append(c.gaps, gap{c.next, l.number})
			c.Lost += l.number - c.next
		}
		c.next = l.number + 1
	case c.fill(l.number):
		c.note(body, "it came late")
		c.Lost--
		c.Reordered++
	default:
		c.note(body, "it came again")
		c.Doubled++
		return
	}
	c.Lines++
	if c.Live {
		c.Slowest = max(c.Slowest, c.Now().Sub(l.at))
	}
}

// fill takes a number out of the gaps; it answers false if it is in none.
func (c *Check) fill(number int64) bool {
	for i, g := range c.gaps {
		if number >= g.from && number < g.to {
			rest := append([]gap{}, c.gaps[:i]...)
			for _, part := range []gap{{g.from, number}, {number + 1, g.to}} {
				if part.from < part.to {
					rest = append(rest, part)
				}
			}
			c.gaps = append(rest, c.gaps[i+1:]...)
			return true
		}
	}
	return false
}

// end compares what a process says that it wrote with what came.
func (c *Check) end(body []byte) {
	fields := bytes.Fields(body)
	if len(fields) != 5 || len(c.Starts) == 0 || string(fields[1]) != c.Starts[len(c.Starts)-1] || c.Ended {
		c.alter(body)
		return
	}
	c.Ended = true
	if lines, err := strconv.ParseInt(string(fields[2]), 10, 64); err != nil {
		c.alter(body)
	} else if c.next <= lines {
		c.note(body, fmt.Sprintf("%d lines are missing before it", lines+1-c.next))
		c.Lost += lines + 1 - c.next
	}
	if got := fmt.Sprintf("%d %x", c.ofStart, c.sum.Sum(nil)); c.Omitted == 0 && got != string(fields[3])+" "+string(fields[4]) {
		c.alter(body)
	}
}

var omission = regexp.MustCompile(`^\[tutti: (\d+) bytes left out here`)

// marker takes a line of Tutti's own that says how much is missing. The next line may begin anywhere.
func (c *Check) marker(body []byte) bool {
	m := omission.FindSubmatch(body)
	if m == nil {
		return false
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	c.Omitted += n
	return err == nil
}

func (c *Check) alter(body []byte) {
	c.note(body, "nobody wrote it so")
	c.Altered++
}

func (c *Check) note(body []byte, why string) {
	if c.first == "" {
		c.first = fmt.Sprintf("line %d, %q: %s", c.Lines+1, body[:min(len(body), 120)], why)
	}
}

// Err says what is wrong with the log, if anything is. It need not be ended.
func (c *Check) Err() error {
	if c.Lost+c.Doubled+c.Reordered+c.Altered == 0 {
		return nil
	}
	return fmt.Errorf("of %d lines %d are lost, %d doubled, %d reordered, %d altered; first %s", c.Lines, c.Lost, c.Doubled, c.Reordered, c.Altered, c.first)
}

// Whole says what is wrong with the log of a process that came to its end.
func (c *Check) Whole() error {
	err := c.Err()
	switch {
	case len(c.part) > 0:
		err = errors.Join(err, fmt.Errorf("it ends within a line: %q", c.part[:min(len(c.part), 120)]))
	case len(c.Starts) != 1:
		err = errors.Join(err, fmt.Errorf("%d processes wrote it", len(c.Starts)))
	case !c.Ended:
		err = errors.Join(err, fmt.Errorf("its end is missing, after %d lines", c.Lines))
	}
	return err
}
