package shim

import "github.com/tutti-ci/tutti/executor/shim/mask"

// An Inlet brings one stream of a process into its spool, masked. One goroutine may use it.
type Inlet struct {
	spool  *Spool
	stderr bool
	stream *mask.Stream // nil if there is nothing to mask
	shown  []byte       // a buffer
}

// Inlet answers the inlet for stderr, or else for stdout.
func (s *Spool) Inlet(stderr bool, masks *mask.Set) *Inlet {
	in := &Inlet{spool: s, stderr: stderr}
	if masks != nil {
		in.stream = masks.Stream()
	}
	return in
}

// Write takes in what the process wrote. What may be the beginning of a secret is kept back until more comes.
func (in *Inlet) Write(p []byte) error {
	if in.stream == nil {
		return in.spool.Write(in.stderr, p)
	}
	in.shown = in.stream.Append(in.shown[:0], p)
	return in.show()
}

// Flush writes what was kept back: the stream is at its end.
func (in *Inlet) Flush() error {
	if in.stream == nil {
		return nil
	}
	in.shown = in.stream.Flush(in.shown[:0])
	return in.show()
}

func (in *Inlet) show() error {
	if len(in.shown) == 0 {
		return nil
	}
	return in.spool.Write(in.stderr, in.shown)
}
