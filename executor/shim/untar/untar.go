// Package untar unpacks the tar stream of a workspace into a folder, and never writes anything outside of it: not by
// names, not through symbolic links in the stream, not through links that were there before.
package untar

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Owner is whose the files become. A negative number leaves it as it is.
type Owner struct{ UID, GID int }

// Unpack reads a tar stream to its very end and unpacks it into dir. The owners in the stream are ignored, and so are
// set-uid bits. A stream that ends without the mark that ends a tar file is an error: it was cut off.
func Unpack(dir string, stream io.Reader, owner Owner) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpacking: %w", err)
	}
	defer root.Close()
	u := unpacker{root: root, owner: owner, source: &endWatch{r: bufio.NewReaderSize(stream, 256<<10)}, buf: make([]byte, 128<<10)}
	if err := u.all(); err != nil {
		return fmt.Errorf("unpacking: %w", err)
	}
	return nil
}

type unpacker struct {
	root   *os.Root
	owner  Owner
	source *endWatch
	buf    []byte
}

func (u *unpacker) all() error {
	reader := tar.NewReader(u.source)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := u.entry(header, reader); err != nil {
			return err
		}
	}
	if u.source.ended {
		return io.ErrUnexpectedEOF
	}
	// The sender may pad the stream; it must be able to finish.
	_, err := io.CopyBuffer(io.Discard, u.source, u.buf)
	return err
}

func (u *unpacker) entry(header *tar.Header, content io.Reader) error {
	if header.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name := filepath.FromSlash(path.Clean(header.Name))
	if name == "." {
		return nil
	}
	if !filepath.IsLocal(name) {
		return fmt.Errorf("%q is not a name inside of the workspace", header.Name)
	}
	if err := u.parents(name); err != nil {
		return err
	}
	mode := header.FileInfo().Mode().Perm()
	switch header.Typeflag {
	case tar.TypeDir:
		return u.dir(name, mode)
	case tar.TypeReg:
		return u.file(name, mode, header, content)
	case tar.TypeSymlink:
		return u.link(name, func() error { return u.root.Symlink(header.Linkname, name) })
	case tar.TypeLink:
		target := filepath.FromSlash(path.Clean(header.Linkname))
		return u.link(name, func() error { return u.root.Link(target, name) })
	default:
		return fmt.Errorf("%q is of kind %q, which a workspace cannot hold", header.Name, header.Typeflag)
	}
}

// parents makes the folders above name that the stream did not mention.
func (u *unpacker) parents(name string) error {
	dir := filepath.Dir(name)
	if dir == "." {
		return nil
	}
	if info, err := u.root.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	whole := ""
	for part := range strings.SplitSeq(dir, string(filepath.Separator)) {
		whole = filepath.Join(whole, part)
		if err := u.dir(whole, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) dir(name string, mode fs.FileMode) error {
	err := u.root.Mkdir(name, mode)
	if errors.Is(err, fs.ErrExist) {
		info, statErr := u.root.Stat(name)
		if statErr != nil || !info.IsDir() {
			return err
		}
		return nil
	}
	if err != nil {
		return err
	}
	if err := u.root.Chmod(name, mode); err != nil { // Mkdir's is subject to the umask
		return err
	}
	return u.own(name)
}

func (u *unpacker) file(name string, mode fs.FileMode, header *tar.Header, content io.Reader) error {
	if err := u.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, content, u.buf)
	err = errors.Join(err, f.Chmod(mode))
	if u.owner.UID >= 0 || u.owner.GID >= 0 {
		err = errors.Join(err, f.Chown(u.owner.UID, u.owner.GID))
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return u.root.Chtimes(name, header.ModTime, header.ModTime)
}

func (u *unpacker) link(name string, make func() error) error {
	if err := u.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := make(); err != nil {
		return err
	}
	return u.own(name)
}

func (u *unpacker) own(name string) error {
	if u.owner.UID < 0 && u.owner.GID < 0 {
		return nil
	}
	return u.root.Lchown(name, u.owner.UID, u.owner.GID)
}

// endWatch notes whether its reader came to an end. A tar reader that saw the mark at the end of the stream does not
// read on, so before that an end is one too many.
type endWatch struct {
	r     io.Reader
	ended bool
}

func (w *endWatch) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if errors.Is(err, io.EOF) {
		w.ended = true
	}
	return n, err
}
