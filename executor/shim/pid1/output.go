//go:build linux

package pid1

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tutti-ci/tutti/executor/shim"
	"github.com/tutti-ci/tutti/executor/shim/mask"
)

const (
	pipeSize = 1 << 20   // as much as a kernel grants to everybody
	readSize = 256 << 10 // fits into a processor's cache
	// A process that writes many small pieces is read a few times a millisecond, not once for each piece: reading would cost
	// it more than writing does. A single piece is never kept waiting, and the pipe holds what comes in a pause.
	smallRead  = 64 << 10
	busyGap    = 2 * time.Millisecond
	readPause  = 300 * time.Microsecond
	tellPause  = 2 * time.Millisecond // between two Wrote; the first one is sent at once
	drainLimit = 10 * time.Second     // for bytes that are still in a pipe when every process has ended, and for no disk
)

// output brings what a process writes into the spool. The process gets pipes, never the log itself: "echo > /dev/stdout"
// would cut it off.
type output struct {
	spool      *shim.Spool
	log, marks *os.File
	masks      *mask.Set
	tell       func(shim.Message)

	pipes   [2]*os.File // the ends that are read: stdout, stderr
	readers sync.WaitGroup
	teller  sync.WaitGroup
	errs    [2]error               // of the readers
	changed chan struct{}          // has room for one
	broken  chan struct{}          // has room for one; the spool takes no more
	ended   chan struct{}          // closed when the readers have ended
	stalled atomic.Pointer[string] // why the spool waits; nil or empty if it does not
}

// open makes the pipes and answers the ends for the process. They belong to its user, so that it can open /dev/stdout.
func (o *output) open(who identity) (stdout, stderr *os.File, err error) {
	o.changed = make(chan struct{}, 1)
	o.broken = make(chan struct{}, 1)
	o.ended = make(chan struct{})
	o.spool.Wait(shim.FullLimit, func(reason string) {
		o.stalled.Store(&reason)
		o.tell(shim.Message{Stalled: &shim.Stalled{Reason: reason}})
	})
	var ends [2]*os.File
	for i := range ends {
		r, w, err := os.Pipe()
		if err == nil {
			o.pipes[i], ends[i] = r, w
			err = w.Chown(who.uid, who.gid)
		}
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("making a pipe: %w", err), closeFiles(ends[:]...))
		}
		// A smaller pipe works as well, only slower.
		_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, w.Fd(), syscall.F_SETPIPE_SZ, pipeSize)
	}
	return ends[0], ends[1], nil
}

// read begins to read. It goes on until drain.
func (o *output) read() {
	for i, pipe := range o.pipes {
		o.readers.Go(func() { o.errs[i] = o.copy(pipe, i == 1) })
	}
	o.teller.Go(o.tellEnds)
}

func (o *output) copy(pipe *os.File, stderr bool) error {
	buf, inlet := make([]byte, readSize), o.spool.Inlet(stderr, o.masks)
	var last time.Time
	waits := int64(0)
	for {
		n, err := pipe.Read(buf)
		if n > 0 {
			if inlet.Write(buf[:n]) != nil {
				ring(o.broken) // the rest is read as well, so that the spool can say how much is missing
			}
			ring(o.changed)
			if n < smallRead && time.Since(last) < busyGap {
				// Not time.Sleep, which rounds up to a millisecond.
				_ = syscall.Nanosleep(&syscall.Timespec{Nsec: int64(readPause)}, nil)
			}
			last = time.Now()
		}
		if err == nil {
			continue
		}
		if now := o.spool.Waits(); now > waits && errors.Is(err, os.ErrDeadlineExceeded) {
			waits = now // the disk was late, not the pipe
			_ = pipe.SetReadDeadline(time.Now().Add(drainLimit))
			continue
		}
		_ = inlet.Flush() // drain asks the spool
		if errors.Is(err, io.EOF) {
			return nil
		}
		return fmt.Errorf("reading what the process wrote: %w", err)
	}
}

func (o *output) tellEnds() {
	told := int64(-1)
	for {
		select {
		case <-o.changed:
		case <-o.ended:
			return // Exit tells the rest
		}
		log, marks := o.spool.Ends()
		if log == told { // what came is kept back, or left out
			continue
		}
		told = log
		o.tell(shim.Message{Wrote: &shim.Wrote{Log: log, Marks: marks}})
		select {
		case <-time.After(tellPause):
		case <-o.ended:
		}
	}
}

// drain waits until every byte is in the spool and closes all. No process of the container is left by now, so the
// pipes come to their end, unless somebody outside of the container holds one.
func (o *output) drain() error {
	for _, pipe := range o.pipes {
		if pipe != nil {
			_ = pipe.SetReadDeadline(time.Now().Add(drainLimit)) // a pipe has deadlines
		}
	}
	o.readers.Wait()
	_ = o.spool.Finish() // Err says it
	if o.ended != nil {
		close(o.ended)
	}
	o.teller.Wait()
	return errors.Join(o.spool.Err(), o.errs[0], o.errs[1], closeFiles(o.log, o.marks, o.pipes[0], o.pipes[1]))
}

// ring puts a token into a channel that has room for one.
func ring(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func closeFiles(files ...*os.File) error {
	var errs []error
	for _, f := range files {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}
