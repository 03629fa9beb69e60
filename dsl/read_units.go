package dsl

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/tutti-ci/tutti/dsl/plan"
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

// causes are the keys of retries by cause.
var causes = []string{string(plan.CauseExit), string(plan.CauseTimeout), string(plan.CauseOOM), string(plan.CauseImage),
	string(plan.CauseOutput), string(plan.CauseLost)}

const maxRetries = 10

// retries reads a number, or an object of numbers by cause.
func (e *evaluator) retries(v *value) plan.Retries {
	got, ok := e.plainValue(v)
	switch t := got.Type(); {
	case v == nil || !ok || t == cty.DynamicPseudoType && !got.IsNull():
	case got.IsNull() || t != cty.Number && !t.IsObjectType() && !t.IsMapType():
		e.mismatch(v, v.at, codeType, "%s must be a number, or an object of numbers by cause, but this is %s.", v.title(), valueName(got))
	case !got.IsKnown():
	case t == cty.Number:
		n, _ := e.times(v, v.at, got)
		return plan.Retries{Any: n}
	default:
		return plan.Retries{By: e.retriesByCause(v, got)}
	}
	return plan.Retries{}
}

func (e *evaluator) retriesByCause(v *value, got cty.Value) map[plan.Cause]int {
	by := map[plan.Cause]int{}
	for it := got.ElementIterator(); it.Next(); {
		key, element := it.Element()
		name := key.AsString()
		if !slices.Contains(causes, name) {
			e.ps.add(codeAttribute, v.key(name), "Unknown cause", "There is no cause %q. Known: %s.%s", name, strings.Join(causes, ", "), didYouMean(name, causes))
			continue
		}
		if n, ok := e.times(v, v.item(name), element); ok && n > 0 {
			by[plan.Cause(name)] = n
		}
	}
	return by
}

func (e *evaluator) times(v *value, at place, got cty.Value) (int, bool) {
	if got.IsNull() || got.Type() != cty.Number {
		e.mismatch(v, at, codeType, "%s must count in numbers, but this is %s.", v.title(), valueName(got))
		return 0, false
	}
	if !got.IsKnown() {
		return 0, false
	}
	n, exact := got.AsBigFloat().Int64()
	if exact != big.Exact || n < 0 || n > maxRetries {
		e.ps.add(codeValue, at, "Invalid number", "%s must be a whole number from 0 to %d.", v.title(), maxRetries)
		return 0, false
	}
	return int(n), true
}
