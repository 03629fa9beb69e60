// Package durable makes files survive the loss of power. It knows nothing of what is in them.
package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// WriteFile puts data into a file of its owner's alone: as a whole, in the place of what was there, or not at all. Only one may write a
// file at a time; NAME.tmp is in use meanwhile.
func WriteFile(name string, data []byte) error {
	tmp := name + ".tmp"
	file, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(tmp, name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return Sync(filepath.Dir(name))
}

// Sync makes what a file holds durable, or the names that a folder holds.
func Sync(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("syncing: %w", err)
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("syncing: %w", err)
	}
	return nil
}
