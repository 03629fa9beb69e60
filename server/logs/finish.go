package logs

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/tutti-ci/tutti/server"
)

// finish is Store.Finish, and with a reason why it is incomplete Store.Abandon.
func (w *writer) finish(want final) error {
	for {
		if _, err := w.sync(); err != nil {
			return err
		}
		if again, err := w.conclude(want); !again || err != nil {
			return err
		}
	}
}

// conclude writes the last word, unless bytes came in between and have to be synced first.
func (w *writer) conclude(want final) (again bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.open(); err != nil {
		return false, err
	}
	have := w.summary()
	if want.Incomplete == "" {
		switch {
		case have.Bytes < want.Bytes && w.final == nil:
			return false, &server.LogMissingError{Have: have.Bytes, Want: want.Bytes}
		case have.Bytes != want.Bytes || have.SHA256 != want.SHA256:
			return false, &server.LogMismatchError{Have: have.Bytes, Want: want.Bytes, HaveSHA256: have.SHA256, WantSHA256: want.SHA256}
		}
	}
	if w.final != nil || w.durable != w.end {
		return w.final == nil, nil
	}
	have.Incomplete = want.Incomplete
	if have.Incomplete != "" && w.lost > w.end {
		have.Incomplete = fmt.Sprintf("%s; %d bytes from %d on were damaged on the server's disk", have.Incomplete, w.lost-w.end, w.end)
	}
	if err := w.flush(); err != nil {
		return false, err
	}
	if w.end == 0 {
		// No frame was ever written, and so the folder's name not yet synced.
		if err := w.syncFolders(); err != nil {
			return false, err
		}
	}
	if err := w.files.sync(); err != nil {
		return false, errors.Join(fmt.Errorf("syncing the log: %w", err), w.doubt())
	}
	if err := have.write(w.dir); err != nil {
		return false, err
	}
	w.final = &have
	return false, nil
}

// summary is what a final would say now.
func (w *writer) summary() final {
	if w.final != nil {
		return *w.final
	}
	return final{Bytes: w.end, Lines: w.index.count(), SHA256: hex.EncodeToString(w.sum.Sum(nil))}
}

// finished says whether nothing will be added. It closes the files then.
func (w *writer) finished() (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.final == nil {
		return false, nil
	}
	return true, w.rest()
}

// refinish makes the last word on a log anew, of what its frames say.
func (w *writer) refinish() error {
	if err := w.index.flush(w.files.lines); err != nil {
		return err
	}
	f := w.summary()
	f.Incomplete = fmt.Sprintf("the record of its end was damaged on the server's disk; %d bytes were found to be good", w.end)
	if err := f.write(w.dir); err != nil {
		return err
	}
	w.final = &f
	return nil
}
