// Package binary answers tutti-shim as a file on the disk of this machine: the prebuilt one that came inside this
// program, else one that the local Go toolchain builds from the sources that came inside it. It never downloads
// anything.
package binary

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// prebuilt is filled by scripts/build-shim before a release is built. In a clean clone it holds no program.
//
//go:embed all:bin
var prebuilt embed.FS

// Install puts the shim for linux on arch ("amd64", "arm64") into dir and answers its path, which contains the hash of
// its content. It is safe to be called at any time by any number of processes.
func Install(ctx context.Context, dir, arch string) (string, error) {
	content, err := load(ctx, dir, arch)
	if err != nil {
		return "", fmt.Errorf("preparing the shim for linux/%s: %w", arch, err)
	}
	path := filepath.Join(dir, "tutti-shim-"+hash(content)[:16])
	if have, err := os.ReadFile(path); err == nil && hash(have) == hash(content) {
		return path, nil
	}
	if err := write(path, content); err != nil {
		return "", fmt.Errorf("installing the shim: %w", err)
	}
	return path, nil
}

// load answers the prebuilt program, or the one that was built from the same sources before, or builds it.
func load(ctx context.Context, dir, arch string) ([]byte, error) {
	if !slices.Contains([]string{"amd64", "arm64"}, arch) {
		return nil, errors.New("there is none for this architecture, only for amd64 and arm64")
	}
	sources, err := readSources()
	if err != nil {
		return nil, err
	}
	// The name holds the hash of the sources, so that a prebuilt one that is older than they are is not used.
	content, err := prebuilt.ReadFile("bin/tutti-shim-linux-" + arch + "-" + hashSources(sources))
	if !errors.Is(err, fs.ErrNotExist) {
		return content, err
	}
	kept := keptPath(dir, sources, arch)
	if content, err := os.ReadFile(kept); err == nil {
		return content, nil
	}
	if content, err = build(ctx, sources, arch); err != nil {
		return nil, err
	}
	// Without a cache it is built again the next time; that is slow, not wrong.
	_ = write(kept, content)
	return content, nil
}

// write writes a program so that nobody ever sees half of it.
func write(path string, content []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".tutti-shim-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o755), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func hash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
