package dsl

import (
	"sort"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// A Stretch is a part of a file, in bytes; End is exclusive.
type Stretch struct{ Start, End int }

// Scripts answers the raw scripts of a file, in order: what stands between the quotes, or after the first line of a heredoc
// and before its last. A tool that works on the text of a file must not look into them. Problems are what makes the
// file unreadable; there are no scripts then.
func Scripts(f File) ([]Stretch, []plan.Problem) {
	ps := &problems{}
	read, ok := parseFile(newSource(f), ps)
	if !ok || ps.failed() {
		return nil, ps.list()
	}
	list := make([]Stretch, 0, len(read.scripts))
	for _, s := range read.scripts {
		list = append(list, Stretch{s.start, s.end})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Start < list[j].Start })
	return list, nil
}
