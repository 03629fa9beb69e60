package caged

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

// A child is a process that compiles. One goroutine at a time uses it.
type child struct {
	cmd     *exec.Cmd
	in, out *os.File      // our ends of its input and output
	ended   chan struct{} // closed when the process is gone
	words   *head         // what it said on its standard error
	greeted bool
}

func start(command, env []string) (*child, error) {
	if len(command) == 0 {
		return nil, errors.New("starting the compiler: no command")
	}
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting the compiler: %w", err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the compiler: %w", err), theirIn.Close(), in.Close())
	}
	ch := &child{in: in, out: out, ended: make(chan struct{}), words: &head{}}
	ch.cmd = exec.Command(command[0], command[1:]...)
	ch.cmd.Env = append([]string{}, env...) // not nil, which would be the parent's
	ch.cmd.Stdin, ch.cmd.Stdout, ch.cmd.Stderr = theirIn, theirOut, ch.words
	err = ch.cmd.Start()
	err = errors.Join(err, theirIn.Close(), theirOut.Close())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the compiler: %w", err), in.Close(), out.Close())
	}
	go func() {
		_ = ch.cmd.Wait() // how it ended is in ProcessState, see obituary
		close(ch.ended)
	}()
	return ch, nil
}

// exchange runs talk, which uses the pipes. When ctx ends before it does, the child is killed, which ends talk too.
func (ch *child) exchange(ctx context.Context, talk func() error) error {
	done := make(chan error, 1)
	go func() { done <- talk() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		ch.kill()
		<-done
		return ctx.Err()
	}
}

// kill ends the child at once, and waits for its end. It may be called again.
func (ch *child) kill() {
	_ = ch.cmd.Process.Kill() // an error says that it is gone already
	<-ch.ended
	_ = ch.in.Close() // an error says that it is closed already
	_ = ch.out.Close()
}

// end asks the child to end, and kills it if it does not.
func (ch *child) end() error {
	err := ch.in.Close()
	select {
	case <-ch.ended:
	case <-time.After(time.Second):
	}
	ch.kill()
	if err != nil {
		return fmt.Errorf("ending the compiler: %w", err)
	}
	return nil
}

// obituary says how a child ended, for a log.
func (ch *child) obituary() string {
	text := " (" + ch.cmd.ProcessState.String()
	if words := ch.words.String(); words != "" {
		text += ": " + words
	}
	return text + ")"
}

// head keeps the beginning of what is written to it: a crash says there what it is, and goes on for pages.
type head struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

const headSize = 1 << 10

// Write implements io.Writer.
func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buf.Write(p[:min(len(p), headSize-min(h.buf.Len(), headSize))])
	return len(p), nil
}

func (h *head) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return string(bytes.TrimSpace(h.buf.Bytes()))
}
