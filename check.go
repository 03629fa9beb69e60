package main

import (
	"context"
	"slices"

	"github.com/tutti-ci/tutti/dsl"
	"github.com/tutti-ci/tutti/dsl/plan"
)

// A checkup finds every mistake of pipeline files, with the libraries that they use. It tries to fetch each of these once;
// what is used of one that cannot be had is taken to be right. One goroutine may use it.
type checkup struct {
	tried map[dsl.LibraryRef]error
	got   map[dsl.LibraryRef]dsl.Library
}

func newCheckup() *checkup {
	return &checkup{tried: map[dsl.LibraryRef]error{}, got: map[dsl.LibraryRef]dsl.Library{}}
}

// check answers what is wrong with files, whatever event may come.
func (c *checkup) check(ctx context.Context, files []dsl.File) []plan.Problem {
	for {
		req := dsl.Request{Files: files, Release: version, Libraries: c.libraries(files)} // of no event, so that nothing starts
		resp := dsl.Compile(req)
		if resp.Wants == nil {
			return resp.Problems
		}
		fresh := slices.DeleteFunc(resp.Wants.Libraries, func(ref dsl.LibraryRef) bool {
			_, tried := c.tried[ref]
			return tried
		})
		if len(fresh) == 0 {
			_, problems := dsl.ParseAll(req)
			return problems
		}
		for _, ref := range fresh {
			fetched, err := localLibraries(ctx, []dsl.LibraryRef{ref})
			c.tried[ref] = err
			for _, l := range fetched {
				c.got[ref] = l
			}
		}
	}
}

// libraries answers what was fetched of the libraries that files use now, as they are locked now.
func (c *checkup) libraries(files []dsl.File) []dsl.Library {
	if len(c.got) == 0 {
		return nil
	}
	refs, _ := dsl.DeclaredLibraries(files) // what is wrong with the files is reported when they are compiled
	var list []dsl.Library
	for _, ref := range refs {
		if l, ok := c.got[ref]; ok {
			list = append(list, l)
		}
	}
	return list
}

// failures are why libraries could not be had.
func (c *checkup) failures() []error {
	var list []error
	for _, err := range c.tried {
		if err != nil {
			list = append(list, err)
		}
	}
	return list
}
