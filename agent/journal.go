package agent

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/tutti-ci/tutti/agent/wire"
)

// An entry is what the journal knows of a job that the agent holds.
type entry struct {
	Offer   wire.Offer
	Started bool        // a process of the user may have run
	Report  wire.Report // the last one; the zero Report if there was none
}

// A record is one line of the journal; one of its fields is set.
type record struct {
	Hold   *wire.Offer  `json:"hold,omitempty"`
	Start  *wire.Claim  `json:"start,omitempty"`
	Report *wire.Report `json:"report,omitempty"`
	Forget *wire.Claim  `json:"forget,omitempty"`
}

// A journal keeps on disk which jobs the agent holds: a file of records, each with its length and CRC-32C in front. What a
// crash tore off its end is cut off when it is opened.
type journal struct {
	path string

	mu   sync.Mutex // guards all below
	file *os.File
	size int64
	held map[wire.Claim]*entry
}

const (
	recordHeader = 8
	// A plan fits into a message, so a longer record is none.
	maxRecord = 2 * wire.MaxMessage
	// compactAt is the size from which a journal is written anew with what still counts.
	compactAt = 1 << 20
)

// openJournal answers the journal and what it held.
func openJournal(path string) (*journal, []entry, error) {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("reading the journal: %w", err)
	}
	j := &journal{path: path, held: make(map[wire.Claim]*entry)}
	for rest := data; ; {
		var rec record
		n := decodeRecord(rest, &rec)
		if n == 0 {
			break
		}
		j.apply(rec)
		rest = rest[n:]
	}
	if err := j.compact(); err != nil {
		return nil, nil, err
	}
	var held []entry
	for _, e := range j.held {
		held = append(held, *e)
	}
	slices.SortFunc(held, func(a, b entry) int { return int(a.Offer.Run - b.Offer.Run) })
	return j, held, nil
}

// decodeRecord answers the length of the first record in data, or 0 if there is no whole one.
func decodeRecord(data []byte, rec *record) int {
	if len(data) < recordHeader {
		return 0
	}
	n := int64(binary.LittleEndian.Uint32(data))
	if n == 0 || n > maxRecord || n > int64(len(data)-recordHeader) {
		return 0
	}
	body := data[recordHeader : recordHeader+n]
	if crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(data[4:]) {
		return 0
	}
	if json.Unmarshal(body, rec) != nil {
		return 0
	}
	return recordHeader + int(n)
}

func encodeRecord(rec record) ([]byte, error) {
	body, err := json.Marshal(rec)
	if err != nil {
		return nil, err
	}
	if len(body) > maxRecord { // it would be taken for the torn end of the journal
		return nil, fmt.Errorf("a record of %d bytes is too large", len(body))
	}
	data := binary.LittleEndian.AppendUint32(nil, uint32(len(body)))
	data = binary.LittleEndian.AppendUint32(data, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	return append(data, body...), nil
}

func (j *journal) apply(rec record) {
	switch {
	case rec.Hold != nil:
		j.held[rec.Hold.Claim] = &entry{Offer: *rec.Hold}
	case rec.Start != nil:
		if e := j.held[*rec.Start]; e != nil {
			e.Started = true
		}
	case rec.Report != nil:
		if e := j.held[rec.Report.Claim]; e != nil {
			e.Report = *rec.Report
		}
	case rec.Forget != nil:
		delete(j.held, *rec.Forget)
	}
}

// hold notes a job before it is accepted. It is on disk when hold answers.
func (j *journal) hold(offer wire.Offer) error { return j.write(record{Hold: &offer}, true) }

// start notes that a job's processes may run from now on.
func (j *journal) start(c wire.Claim) error { return j.write(record{Start: &c}, true) }

// report notes the state of a job. It survives the end of the process at once, that of the host only with a result: with
// the host its containers end, so all that is known of a job then is that it is lost.
func (j *journal) report(r wire.Report) error { return j.write(record{Report: &r}, r.Result != "") }

// forget notes that the server knows all of a job. If the note is lost, the server says so again.
func (j *journal) forget(c wire.Claim) error { return j.write(record{Forget: &c}, false) }

func (j *journal) write(rec record, sync bool) error {
	data, err := encodeRecord(rec)
	if err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return errors.New("writing the journal: it is closed")
	}
	if _, err := j.file.WriteAt(data, j.size); err != nil {
		return fmt.Errorf("writing the journal: %w", err) // the next record goes to the same place
	}
	if sync {
		if err := j.file.Sync(); err != nil {
			return fmt.Errorf("syncing the journal: %w", err)
		}
	}
	j.size += int64(len(data))
	j.apply(rec)
	if j.size > compactAt || len(j.held) == 0 && j.size > compactAt/16 {
		return j.compact()
	}
	return nil
}

// compact writes the journal anew with the jobs that are still held.
func (j *journal) compact() error {
	var data []byte
	for c, e := range j.held {
		recs := []record{{Hold: &e.Offer}}
		if e.Started {
			recs = append(recs, record{Start: &c})
		}
		if e.Report.Revision > 0 {
			recs = append(recs, record{Report: &e.Report})
		}
		for _, rec := range recs {
			encoded, err := encodeRecord(rec)
			if err != nil {
				return fmt.Errorf("writing the journal anew: %w", err)
			}
			data = append(data, encoded...)
		}
	}
	tmp := j.path + ".tmp"
	err := writeSynced(tmp, data)
	if err == nil {
		err = os.Rename(tmp, j.path)
	}
	if err != nil {
		return fmt.Errorf("writing the journal anew: %w", err)
	}
	file, err := os.OpenFile(j.path, os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("writing the journal anew: %w", err)
	}
	old := j.file
	j.file, j.size = file, int64(len(data))
	if old != nil {
		if err := old.Close(); err != nil {
			return fmt.Errorf("writing the journal anew: %w", err)
		}
	}
	return syncDir(filepath.Dir(j.path))
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.file.Close()
	j.file = nil
	return err
}
