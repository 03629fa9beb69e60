package dsl

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
)

// duration reads "1h30m" and the like. A value that is not set answers fallback.
func (e *evaluator) duration(v *value, fallback, most time.Duration) time.Duration {
	text, ok := e.text(v)
	if !ok {
		return fallback
	}
	d, err := parseDuration(text)
	if err != nil || d < time.Second || d > most {
		e.ps.add(codeValue, v.at, "Invalid duration",
			`%s must be a duration such as "90s", "15m" or "1h30m", from one second to %d days.`, v.title(), most/(24*time.Hour))
		return fallback
	}
	return d
}

// fence reads for how long a job may go on alone. It is 0 where the server decides.
func (e *evaluator) fence(v *value) time.Duration {
	text, ok := e.text(v)
	if !ok {
		return 0
	}
	const least, most = time.Minute, 24 * time.Hour
	d, err := parseDuration(text)
	if err != nil || d < least || d > most {
		e.ps.add(codeValue, v.at, "Invalid duration", `%s must be a duration such as "10m" or "2h", from one minute to 24 hours.`, v.title())
		return 0
	}
	return d
}

const (
	maxDuration = 30 * 24 * time.Hour
	maxKeep     = 365 * 24 * time.Hour
)

// parseDuration reads Go's durations, and whole days.
func parseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 365 || itoa(n) != days {
			return 0, fmt.Errorf("reading days: %q", text)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(text)
}

var sizeText = regexp.MustCompile(`^([1-9][0-9]{0,8})(KiB|MiB|GiB)$`)

// size reads "512MiB" and the like, in bytes.
func (e *evaluator) size(v *value) int64 {
	text, ok := e.text(v)
	if !ok {
		return 0
	}
	const least, most = 4 << 20, 64 << 40
	if m := sizeText.FindStringSubmatch(text); m != nil {
		n, err := strconv.ParseInt(m[1], 10, 64)
		n <<= map[string]int{"KiB": 10, "MiB": 20, "GiB": 30}[m[2]]
		if err == nil && n >= least && n <= most {
			return n
		}
	}
	e.ps.add(codeValue, v.at, "Invalid size", `%s must be a size such as "512MiB" or "2GiB", of at least 4 MiB.`, v.title())
	return 0
}

// cpu reads a number of cores.
func (e *evaluator) cpu(v *value) float64 {
	got, ok := e.primitive(v, cty.Number)
	if !ok {
		return 0
	}
	n, _ := got.AsBigFloat().Float64()
	if n < 0.01 || n > 1024 {
		e.ps.add(codeValue, v.at, "Invalid number", "%s must be a number of cores, such as 0.5 or 4.", v.title())
		return 0
	}
	return n
}
