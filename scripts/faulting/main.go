// Command faulting hurts real Tutti processes in many ways, one after the other or several at once, and prints what came of it. A
// witness outside of Tutti decides: the logs' own numbers and hashes, Docker, and the kernel.
//
//	faulting -tutti BIN -witness BIN [-ci] [-only NAME,...] [-jobs 3] [-seed S] [-write server/README.md]
//	faulting -list
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/scripts/faulting/faults"
	"github.com/tutti-ci/tutti/scripts/faulting/lab"
	"github.com/tutti-ci/tutti/scripts/faulting/oracle"
	"github.com/tutti-ci/tutti/scripts/faulting/soak"
	"github.com/tutti-ci/tutti/scripts/rawdocker"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "faulting:", err)
		stop()
		os.Exit(1)
	}
}

// settings are what the command line says.
type settings struct {
	tutti, witness string
	only, write    string
	ci, list       bool
	verbose        bool
	jobs           int
	seed           uint64
	soak           time.Duration
}

func readSettings() settings {
	var s settings
	flag.StringVar(&s.tutti, "tutti", "", "the binary to hurt, built with -tags failpoints")
	flag.StringVar(&s.witness, "witness", "", "the program of scripts/faulting/lines, static")
	flag.StringVar(&s.only, "only", "", "try these faults only, separated by commas; a name may end in *")
	flag.StringVar(&s.write, "write", "", "write the table into this file")
	flag.BoolVar(&s.ci, "ci", false, "try those that continuous integration tries")
	flag.BoolVar(&s.list, "list", false, "print the names and end")
	flag.BoolVar(&s.verbose, "v", false, "print what happens, as it happens")
	flag.IntVar(&s.jobs, "jobs", 0, "how many to try at once; 0 is 5 of those that continuous integration tries, and 3 of others")
	flag.Uint64Var(&s.seed, "seed", 0, "what chance depends on; 0 is another one each time")
	flag.DurationVar(&s.soak, "soak", 0, "instead of the faults: hurt one Tutti for so long, at random")
	flag.Parse()
	if s.jobs == 0 && s.ci {
		s.jobs = 5 // they wait most of the time
	} else if s.jobs == 0 {
		s.jobs = 3
	}
	return s
}

func run(ctx context.Context) error {
	s := readSettings()
	chosen, err := choose(s)
	if s.soak > 0 {
		chosen, err = []faults.Fault{{Name: "soak", Limit: s.soak + 15*time.Minute, Run: soak.Fault(s.soak)}}, nil
		s.write = ""
	}
	if err != nil {
		return err
	}
	if s.list {
		for _, f := range chosen {
			fmt.Printf("%-34s %s\n", f.Name, f.What)
		}
		if s.write != "" {
			return writeTable(s.write, nil, nil)
		}
		return nil
	}
	if s.seed == 0 {
		s.seed = rand.Uint64N(1_000_000)
	}
	env, done, err := prepare(ctx, s)
	if err != nil {
		return err
	}
	defer done()
	results := tryAll(ctx, env, chosen, s.jobs)
	for _, line := range results["soak"].Timeline {
		if strings.Contains(line, soak.Mark) {
			fmt.Println(line)
		}
	}
	return errors.Join(ctx.Err(), conclude(s, chosen, results))
}

// choose picks the faults that the command line asks for.
func choose(s settings) ([]faults.Fault, error) {
	var chosen []faults.Fault
	for _, f := range faults.All() {
		if s.wants(f) {
			chosen = append(chosen, f)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("there is no fault %q; -list prints their names", s.only)
	}
	return chosen, nil
}

func (s settings) wants(f faults.Fault) bool {
	if s.ci && !f.CI {
		return false
	}
	named := func(pattern string) bool { return matches(pattern, f.Name) }
	return s.only == "" || slices.ContainsFunc(strings.Split(s.only, ","), named)
}

func matches(pattern, name string) bool {
	begin, any := strings.CutSuffix(pattern, "*")
	return name == pattern || any && strings.HasPrefix(name, begin)
}

// prepare makes what all faults share. The caller calls done at the end.
func prepare(ctx context.Context, s settings) (env lab.Env, done func(), err error) {
	if os.Getuid() != 0 {
		return env, nil, errors.New("the faults need root: they start Docker engines, mount disks and look at processes of containers")
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return env, nil, fmt.Errorf("finding a static busybox: %w", err)
	}
	docker, err := rawdocker.Local()
	if err != nil {
		return env, nil, err
	}
	dir, err := os.MkdirTemp("", "tutti-faults-")
	if err != nil {
		return env, nil, fmt.Errorf("making a folder: %w", err)
	}
	env = lab.Env{
		Tutti: s.tutti, Witness: s.witness, Busybox: busybox, Shared: &lab.Engine{Client: docker}, Dir: dir, Seed: s.seed, Verbose: s.verbose,
		Watch: &oracle.Watch{}, Ports: &atomic.Int64{},
	}
	if err := env.MakeImage(ctx, env.Shared); err != nil {
		return env, nil, errors.Join(err, os.RemoveAll(dir))
	}
	watching, halt := context.WithCancel(context.WithoutCancel(ctx))
	var watcher sync.WaitGroup
	watcher.Go(func() { env.Watch.Run(watching) })
	return env, func() {
		halt()
		watcher.Wait()
		_ = os.Remove(dir) // it stays if a fault left something to look at
	}, nil
}

// tryAll tries the faults: first those that can share the machine, then each of the others alone.
func tryAll(ctx context.Context, env lab.Env, chosen []faults.Fault, jobs int) map[string]lab.Verdict {
	results := make(map[string]lab.Verdict)
	var mu sync.Mutex // guards results
	try := func(f faults.Fault) {
		v := env.Try(ctx, f.Name, f.Limit, f.Run)
		mu.Lock()
		defer mu.Unlock()
		results[f.Name] = v
		fmt.Printf("%-8s %-34s %6.1f s  %s\n", word(v), f.Name, v.Took.Seconds(), v.Skipped)
		if len(v.Failures) > 0 {
			explain(env, v)
		}
	}
	var workers sync.WaitGroup
	queue := make(chan faults.Fault)
	for range max(1, jobs) {
		workers.Go(func() {
			for f := range queue {
				try(f)
			}
		})
	}
	var alone []faults.Fault
	for _, f := range chosen {
		if f.Alone {
			alone = append(alone, f)
		} else if ctx.Err() == nil {
			queue <- f
		}
	}
	close(queue)
	workers.Wait()
	for _, f := range alone {
		if ctx.Err() == nil {
			try(f)
		}
	}
	return results
}

func word(v lab.Verdict) string {
	switch {
	case v.Skipped != "":
		return "skipped"
	case v.Passed():
		return "passed"
	}
	return "FAILED"
}

// explain prints what happened in a fault that failed.
func explain(env lab.Env, v lab.Verdict) {
	fmt.Printf("  seed %d; its files are in %s\n", env.Seed, v.Dir)
	for _, f := range v.Failures {
		fmt.Printf("  - %s\n", indented(f))
	}
	if !env.Verbose {
		fmt.Printf("  what happened:\n    %s\n", indented(strings.Join(v.Timeline, "\n  ")))
	}
	for _, tail := range v.Tails {
		fmt.Printf("  %s\n", indented(tail))
	}
}

func indented(text string) string { return strings.ReplaceAll(text, "\n", "\n    ") }
