package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tutti-ci/tutti/server"
)

// Unpack writes what a backup holds into a new folder. It answers Invalid for what is no backup, or not all of one; the
// folder then holds nothing of worth.
func Unpack(ctx context.Context, r io.Reader, dir string) (Manifest, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Manifest{}, fmt.Errorf("unpacking backup: %w", err)
	}
	m, err := read(ctx, r, func(name string, body io.Reader) error {
		return unpackFile(filepath.Join(dir, filepath.FromSlash(name)), body)
	})
	if err != nil {
		return m, err
	}
	unix.Sync() // thousands of small files, one by one, would take minutes
	return m, nil
}

// Verify reads a backup as Unpack does, and keeps nothing.
func Verify(ctx context.Context, r io.Reader) (Manifest, error) {
	return read(ctx, r, func(_ string, body io.Reader) error {
		_, err := io.Copy(io.Discard, body)
		return err
	})
}

func unpackFile(path string, body io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, body)
	return errors.Join(err, f.Close())
}

// read calls take for each file of a backup, and then compares all with the manifest.
func read(ctx context.Context, r io.Reader, take func(name string, body io.Reader) error) (m Manifest, err error) {
	in := tar.NewReader(source{ctx, r})
	if err := readHead(in); err != nil {
		return m, err
	}
	var found []File
	for {
		head, err := in.Next()
		if err != nil {
			return m, broken(err)
		}
		if head.Name == manifestName {
			break
		}
		if head.Typeflag != tar.TypeReg || !belongs(head.Name) {
			return m, server.Errorf(server.Invalid, "the backup holds %q, which no backup does: it was not made by `tutti server backup`", head.Name)
		}
		hash := sha256.New()
		body := &counted{r: io.TeeReader(in, hash)}
		if err := take(head.Name, body); err != nil {
			if body.err != nil {
				return m, broken(body.err)
			}
			return m, fmt.Errorf("unpacking %s: %w", head.Name, err)
		}
		found = append(found, File{Name: head.Name, Size: body.n, SHA256: hex.EncodeToString(hash.Sum(nil))})
	}
	data, err := io.ReadAll(in)
	if err != nil {
		return m, broken(err)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, server.Errorf(server.Invalid, "the backup is damaged: its list of files cannot be read")
	}
	return m, compare(m, found, in)
}

// compare says whether a backup holds what its manifest lists, and nothing behind it.
func compare(m Manifest, found []File, in *tar.Reader) error {
	for i, f := range m.Files {
		if i >= len(found) || found[i] != f {
			return server.Errorf(server.Invalid, "the backup is damaged: %s in it is not as it was written", f.Name)
		}
	}
	if len(found) != len(m.Files) || !slices.ContainsFunc(found, func(f File) bool { return f.Name == Database }) {
		return server.Errorf(server.Invalid, "the backup is damaged: it holds other files than it lists")
	}
	if _, err := in.Next(); err != io.EOF {
		return server.Errorf(server.Invalid, "the backup is damaged: there is more after its end")
	}
	return nil
}

// readHead makes sure that it is a backup, and one that this release can read.
func readHead(in *tar.Reader) error {
	head, err := in.Next()
	if err != nil || head.Name != headName {
		if ctx := contextError(err); ctx != nil {
			return ctx
		}
		return server.Errorf(server.Invalid, "this is no backup of a Tutti server")
	}
	text, err := io.ReadAll(io.LimitReader(in, 1000))
	if err != nil {
		return broken(err)
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if string(line) != fmt.Sprint(format) {
		return server.Errorf(server.Invalid, "the backup is of a newer tutti (its form has version %.20q, this one knows %d): restore it with that release", line, format)
	}
	return nil
}

// belongs says whether a file of that name can be in a backup, which may come from anywhere.
func belongs(name string) bool {
	if !filepath.IsLocal(filepath.FromSlash(name)) || name != filepath.ToSlash(filepath.Clean(name)) {
		return false
	}
	return name == Database || slices.Contains(small[:], name) || strings.HasPrefix(name, Logs+"/")
}

// broken says what the reader of an archive found.
func broken(err error) error {
	if ctx := contextError(err); ctx != nil {
		return ctx
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return server.Errorf(server.Invalid, "the backup ends too early: it was never finished, or was cut off")
	}
	if errors.Is(err, tar.ErrHeader) {
		return server.Errorf(server.Invalid, "the backup is damaged: it is no proper tar archive")
	}
	return fmt.Errorf("reading backup: %w", err)
}

func contextError(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// A source reads until its context ends.
type source struct {
	ctx context.Context
	r   io.Reader
}

func (s source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// counted counts what is read, and keeps the error that ended it.
type counted struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}
