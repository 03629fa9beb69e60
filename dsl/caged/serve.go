package caged

import (
	"errors"
	"fmt"
	"io"

	"github.com/tutti-ci/tutti/dsl"
)

// Serve is the child's side. It limits this process, answers requests from r to w until r ends, and then returns, even
// from the middle of a compilation: whatever that is doing ends with the process, which its caller must let end.
func Serve(r io.Reader, w io.Writer) error {
	if err := limitProcess(); err != nil {
		return err
	}
	return serve(r, w, new(dsl.Compiler).Compile)
}

func serve(r io.Reader, w io.Writer, compile func(dsl.Request) dsl.Response) error {
	if err := writeFrame(w, hello{version}); err != nil {
		return err
	}
	requests, ended := make(chan dsl.Request), make(chan error, 1)
	go func() { ended <- readRequests(r, requests) }()
	compiled := make(chan dsl.Response, 1) // its goroutine is never waited for while it compiles: it cannot be interrupted
	exceeded, stop := cpuExceeded()
	defer stop()
	for busy := false; ; {
		select {
		case <-exceeded:
			if busy {
				return errors.Join(fmt.Errorf("compiling: more than %d seconds of processor time", cpuTime), writeFrame(w, tooSlow()))
			}
		case req := <-requests:
			if err := limitCPU(); err != nil {
				return err
			}
			busy = true
			go func() { compiled <- compile(req) }()
		case res := <-compiled:
			busy = false
			if err := writeFrame(w, res); err != nil {
				return err
			}
		case err := <-ended:
			return err
		}
	}
}

// readRequests reads ahead, so that the end of r is noticed at once.
func readRequests(r io.Reader, requests chan<- dsl.Request) error {
	for {
		var req dsl.Request
		if err := readFrame(r, &req); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		requests <- req
	}
}
