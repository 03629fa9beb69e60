package dsl

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"sync"

	"github.com/tutti-ci/tutti/dsl/plan"
)

// Compile answers a request in this process. Who compiles for others does it in another one: see package caged.
func Compile(req Request) Response { return new(Compiler).Compile(req) }

// A Compiler answers requests, and keeps the files of the last ones parsed: a run asks many times about the same files. The
// zero Compiler is ready for use, by several goroutines.
type Compiler struct {
	mu   sync.Mutex // guards kept
	kept []keptConfig
}

type keptConfig struct {
	key      [sha256.Size]byte
	config   *Config
	problems []plan.Problem // warnings
	bytes    int            // of the files
}

// These bound the memory of a Compiler: a parsed file takes about fifty times its length.
const (
	maxKeptConfigs = 16
	maxKeptBytes   = 2 << 20
)

// Compile answers a request.
func (c *Compiler) Compile(req Request) Response {
	config, list := c.parse(req)
	switch {
	case config == nil:
		return Response{Problems: list}
	case len(config.wants) > 0:
		return Response{Wants: &Wants{Libraries: config.wants}}
	case req.Late != nil:
		return config.answerLate(req)
	}
	return config.answer(req, list)
}

// parse answers the files of a request, parsed. Those that are wrong are not kept: nobody asks about them twice.
func (c *Compiler) parse(req Request) (*Config, []plan.Problem) {
	key := keyOf(req)
	c.mu.Lock()
	for i, k := range c.kept {
		if k.key == key {
			copy(c.kept[1:i+1], c.kept[:i])
			c.kept[0] = k
			c.mu.Unlock()
			return k.config, k.problems
		}
	}
	c.mu.Unlock()
	config, list := ParseAll(req)
	if config != nil {
		c.keep(keptConfig{key, config, list, sizeOf(req)})
	}
	return config, list
}

// keep remembers what was parsed, in place of what was not asked for the longest.
func (c *Compiler) keep(k keptConfig) {
	c.mu.Lock()
	defer c.mu.Unlock()
	total, n := k.bytes, 0
	for n < min(len(c.kept), maxKeptConfigs-1) && total+c.kept[n].bytes <= maxKeptBytes {
		total += c.kept[n].bytes
		n++
	}
	c.kept = append([]keptConfig{k}, c.kept[:n]...)
}

func sizeOf(req Request) int {
	n := 0
	for _, f := range req.Files {
		n += len(f.Data)
	}
	for _, l := range req.Libraries {
		for _, f := range l.Files {
			n += len(f.Data)
		}
	}
	return n
}

// keyOf sums up all that parsing depends on.
func keyOf(req Request) [sha256.Size]byte {
	sum := sha256.New()
	text := func(data []byte) {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(data)))
		sum.Write(size[:])
		sum.Write(data)
	}
	files := func(list []File) {
		for _, f := range list {
			text([]byte(f.Name))
			text(f.Data)
		}
		text(nil)
	}
	text([]byte(req.Release))
	files(req.Files)
	for _, l := range req.Libraries {
		for _, part := range []string{l.Name, l.Source, l.Version, l.Commit} {
			text([]byte(part))
		}
		files(l.Files)
	}
	return [sha256.Size]byte(sum.Sum(nil))
}

// answer plans what an event starts, or what is asked for.
func (c *Config) answer(req Request, warnings []plan.Problem) Response {
	res := Response{Pipelines: c.Pipelines(), Matches: c.Match(req.Event), Problems: slices.Clone(warnings), Facts: Facts{}}
	names := []string{req.Pipeline}
	if req.Pipeline == "" {
		names = nil
		for _, m := range res.Matches {
			if m.Starts {
				names = append(names, m.Pipeline)
			}
		}
	}
	var wants Wants
	for _, name := range names {
		one := req
		one.Pipeline = name
		made, lacks, facts, list := c.compile(&one)
		if lacks != nil {
			wants.Tree = wants.Tree || lacks.Tree || len(lacks.Contents) > 0
			wants.Contents = append(wants.Contents, lacks.Contents...)
		}
		maps.Copy(res.Facts, facts)
		res.add(name, made, list)
	}
	if wants.Tree {
		slices.Sort(wants.Contents)
		wants.Contents = slices.Compact(wants.Contents)
		return Response{Wants: &wants}
	}
	if len(res.Facts) == 0 {
		res.Facts = nil
	}
	return res
}

func (r *Response) add(name string, made *plan.Plan, list []plan.Problem) {
	if made == nil {
		r.Failures = append(r.Failures, Failure{name, list})
	} else {
		r.Plans = append(r.Plans, made)
	}
	for _, p := range list { // warnings were mostly seen with unknown values already
		if !slices.Contains(r.Problems, p) {
			r.Problems = append(r.Problems, p)
		}
	}
}
