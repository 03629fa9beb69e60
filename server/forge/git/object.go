package git

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
)

// objects is one git process that answers objects by name, as long as it is asked: several questions for the price of one
// process. Close it.
type objects struct {
	ctx        context.Context //nolint:containedctx // of the process, which lives for one call of a Mirrors' method
	cancel     context.CancelFunc
	cmd        *exec.Cmd
	in         io.WriteCloser
	out        *bufio.Reader
	complaints tail
}

// An object is an object's beginning: its bytes follow.
type object struct {
	hash string
	kind string // "commit", "tree", "blob", "tag"
	size int64
}

// errMissing says that there is no such object.
var errMissing = errors.New("no such object")

// A tooLargeError says that an object is larger than the caller wanted to read.
type tooLargeError struct{ size int64 }

func (e *tooLargeError) Error() string { return fmt.Sprintf("object of %d bytes is too large", e.size) }

func (m *Mirrors) objects(ctx context.Context, dir string) (*objects, error) {
	ctx, cancel := context.WithCancel(ctx)
	o := &objects{ctx: ctx, cancel: cancel, cmd: m.command(ctx, dir, "cat-file", "--batch")}
	o.cmd.Stderr = &o.complaints
	in, err := o.cmd.StdinPipe()
	if err != nil {
		cancel()
		return nil, fmt.Errorf("asking git for objects: %w", err)
	}
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		cancel()
		return nil, fmt.Errorf("asking git for objects: %w", err)
	}
	o.in, o.out = in, bufio.NewReader(out)
	if err := o.cmd.Start(); err != nil {
		cancel()
		return nil, explain(ctx, o.cmd, err, &o.complaints)
	}
	return o, nil
}

// close ends the process. What it still wanted to say does not matter: every answer that was needed has been read.
func (o *objects) close() {
	o.cancel()
	_ = o.cmd.Wait()
}

// read answers the object of that name, if it has at most limit bytes. The name is without line breaks. After an error
// other than errMissing the process can only be closed.
func (o *objects) read(name string, limit int64) (object, []byte, error) {
	if _, err := io.WriteString(o.in, name+"\n"); err != nil {
		return object{}, nil, o.failed(err)
	}
	obj, err := o.header()
	if err != nil {
		return obj, nil, err
	}
	if obj.size > limit {
		return obj, nil, &tooLargeError{size: obj.size}
	}
	data := make([]byte, obj.size+1) // and a line break
	if _, err := io.ReadFull(o.out, data); err != nil {
		return obj, nil, o.failed(err)
	}
	return obj, data[:obj.size], nil
}

// head answers an object's bytes, of which it reads at most one more than limit. The process can only be closed then.
func (o *objects) head(name string, limit int64) ([]byte, error) {
	if _, err := io.WriteString(o.in, name+"\n"); err != nil {
		return nil, o.failed(err)
	}
	obj, err := o.header()
	if err != nil {
		return nil, err
	}
	data := make([]byte, min(obj.size, limit+1))
	if _, err := io.ReadFull(o.out, data); err != nil {
		return nil, o.failed(err)
	}
	return data, nil
}

// header reads "<hash> <kind> <size>", or "<name> missing".
func (o *objects) header() (object, error) {
	line, err := o.out.ReadString('\n')
	if err != nil {
		return object{}, o.failed(err)
	}
	line = strings.TrimSuffix(line, "\n")
	if strings.HasSuffix(line, " missing") || strings.HasSuffix(line, " ambiguous") {
		return object{}, errMissing
	}
	f := strings.Fields(line)
	if len(f) != 3 {
		return object{}, fmt.Errorf("asking git for objects: it answers %q", line)
	}
	size, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil || size < 0 {
		return object{}, fmt.Errorf("asking git for objects: it answers %q", line)
	}
	return object{hash: f[0], kind: f[1], size: size}, nil
}

// failed says why the process does not answer any more.
func (o *objects) failed(err error) error {
	if ended := o.ctx.Err(); ended != nil {
		err = ended
	}
	o.close() // so that its complaints are complete
	return &gitError{command: "cat-file", complaint: o.complaints.text(), err: err}
}
