package dsl

import (
	"fmt"
	"sort"
	"strings"

	"github.com/agext/levenshtein"
)

// didYouMean answers ` Did you mean "x"?` with the candidate that is closest to what was written, or nothing if none is
// close.
func didYouMean(written string, candidates []string) string {
	best := closest(written, candidates)
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}

func closest(written string, candidates []string) string {
	const longest = 80 // beyond it nobody mistyped a name, and the distance costs time
	if len(written) > longest {
		return ""
	}
	sorted := append([]string(nil), candidates...)
	sort.Strings(sorted) // for the same answer every time
	best, allowed := "", 1+len(written)/4
	for _, c := range sorted {
		if d := distance(written, c); d <= allowed && d < len(c) {
			best, allowed = c, d-1
		}
	}
	return best
}

// distance counts letters that are missing, too many, or wrong. Two that changed places are one mistake.
func distance(a, b string) int {
	if len(a) == len(b) {
		for i := range len(a) - 1 {
			if a[i] != b[i] {
				if a[:i]+a[i+1:i+2]+a[i:i+1]+a[i+2:] == b {
					return 1
				}
				break
			}
		}
	}
	return levenshtein.Distance(a, b, nil)
}

// oneOf lists names for a message: "a", "b" or "c".
func oneOf(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fmt.Sprintf("%q", n)
	}
	if len(quoted) < 2 {
		return strings.Join(quoted, "")
	}
	return strings.Join(quoted[:len(quoted)-1], ", ") + " or " + quoted[len(quoted)-1]
}
