package logs_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// Of a log whose last sync failed the end is cut off. Whoever reads there meanwhile must not be told to try again at once, for ever.
func TestReadingWhatWasCutOff(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	appendAll(t, s, 0, "durable, and what is not", nil)
	r, err := s.Reader(testID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := os.Truncate(filepath.Join(dir, "7/test/2-unit/log"), 7); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 20)
	if n, err := r.ReadAt(buf, 0); string(buf[:n]) != "durable" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("it reads %q, %v", buf[:n], err)
	}
	if n, err := r.ReadAt(buf, 7); n != 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("behind the cut it reads %q, %v", buf[:n], err)
	}
}
