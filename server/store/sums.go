package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
)

// SQLite does not notice when a disk changes a byte of a text that it stored. So the store keeps a checksum of each page of the
// database file in a file beside it, "tutti.db.sums", and looks at all of them when it opens the database.
//
// Pages change only when the write-ahead log is copied into the database file, and the store alone says when that is (see
// checkpoint): the sums of the pages in the log are on disk before the copying begins, and what the log holds is not looked at in
// the database file, however far the copying came. A database without sums is one of an earlier release, or was put there by
// somebody: SQLite's own, far slower, check has to do.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sumSize is the size of one entry: the CRC-32C of a page, and that of the page's number and the first CRC. Zeroes stand for a page
// of which nothing is known.
const sumSize = 8

func encodeSum(page uint32, data []byte) []byte {
	entry := binary.LittleEndian.AppendUint32(make([]byte, 0, 12), crc32.Checksum(data, castagnoli))
	return binary.LittleEndian.AppendUint32(entry, sealSum(page, entry))
}

func sealSum(page uint32, crc []byte) uint32 {
	return ^crc32.Checksum(binary.LittleEndian.AppendUint32(append([]byte("page"), crc[:4]...), page), castagnoli)
}

// A pageCheck is what came of comparing a database file with its sums.
type pageCheck int

const (
	pagesGood pageCheck = iota
	pagesUnknown
	pagesChanged // they differ from their sums
	pagesBad     // there are none that could be compared
)

// checkPages compares the database file with its sums, less the pages that the write-ahead log holds.
func checkPages(path string, log wal) (pageCheck, string, error) {
	sums, err := os.ReadFile(path + ".sums")
	if errors.Is(err, fs.ErrNotExist) {
		return pagesUnknown, "", nil
	}
	if err != nil {
		return 0, "", fmt.Errorf("reading sums: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, "", fmt.Errorf("checking database: %w", err)
	}
	defer f.Close() // only read
	size, err := pageSize(f, log)
	if err != nil {
		return 0, "", err
	}
	if size == 0 {
		return pagesBad, "its first page is not as it was written", nil
	}
	c := comparison{pages: bufio.NewReaderSize(f, 1<<20), page: make([]byte, size), log: log}
	return c.run(sums)
}

// pageSize answers the size of the file's pages; 0 if it does not say.
func pageSize(f *os.File, log wal) (int, error) {
	if log.pages != nil {
		return log.size, nil
	}
	var head [18]byte
	if _, err := f.ReadAt(head[:], 0); err != nil && err != io.EOF {
		return 0, fmt.Errorf("checking database: %w", err)
	}
	size := int(binary.BigEndian.Uint16(head[16:]))
	if size == 1 {
		size = 65536
	}
	if !isPageSize(size) {
		return 0, nil
	}
	return size, nil
}

// A comparison walks through a database file and its sums.
type comparison struct {
	pages *bufio.Reader
	page  []byte
	log   wal
}

func (c *comparison) run(sums []byte) (pageCheck, string, error) {
	result := pagesGood
	for number := uint32(1); ; number++ {
		_, err := io.ReadFull(c.pages, c.page)
		ended := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !ended {
			return 0, "", fmt.Errorf("checking database: %w", err)
		}
		_, covered := c.log.pages[number]
		entry := sums[:min(sumSize, len(sums))]
		sums = sums[len(entry):]
		switch {
		case ended && len(entry) < sumSize:
			return result, "", nil
		case covered:
		case len(entry) < sumSize:
			return pagesChanged, fmt.Sprintf("it has a page %d that was never written", number), nil
		case [sumSize]byte(entry) == [sumSize]byte{}:
		case binary.LittleEndian.Uint32(entry[4:]) != sealSum(number, entry):
			result = pagesUnknown // it is the sum that is damaged
		case ended:
			return pagesChanged, fmt.Sprintf("it ends before page %d", number), nil
		case crc32.Checksum(c.page, castagnoli) != binary.LittleEndian.Uint32(entry):
			return pagesChanged, fmt.Sprintf("page %d is not as it was written", number), nil
		}
	}
}

// makeSums writes the sums of a database file of which all is known to be good, and whose write-ahead log is empty.
func makeSums(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("making sums: %w", err)
	}
	defer f.Close() // only read
	size, err := pageSize(f, wal{})
	if err != nil || size == 0 {
		return errors.Join(err, errors.New("making sums: the database has no pages"))
	}
	var sums []byte
	in, page := bufio.NewReaderSize(f, 1<<20), make([]byte, size)
	for number := uint32(1); ; number++ {
		_, err := io.ReadFull(in, page)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			return fmt.Errorf("making sums: %w", err)
		}
		sums = append(sums, encodeSum(number, page)...)
	}
	err = writeSums(path+".sums.tmp", os.O_CREATE|os.O_TRUNC, func(out *os.File) error {
		_, err := out.Write(sums)
		return err
	})
	if err != nil {
		return err
	}
	if err := os.Rename(path+".sums.tmp", path+".sums"); err != nil {
		return fmt.Errorf("making sums: %w", err)
	}
	return nil
}

// updateSums writes the sums of the pages that a log holds, if the database has sums.
func updateSums(path string, log wal) error {
	if _, err := os.Stat(path + ".sums"); errors.Is(err, fs.ErrNotExist) || len(log.pages) == 0 {
		return nil
	}
	f, err := os.Open(path + "-wal")
	if err != nil {
		return fmt.Errorf("updating sums: %w", err)
	}
	defer f.Close() // only read
	page := make([]byte, log.size)
	return writeSums(path+".sums", 0, func(out *os.File) error {
		for number, at := range log.pages {
			if _, err := f.ReadAt(page, at); err != nil {
				return err
			}
			if _, err := out.WriteAt(encodeSum(number, page), int64(number-1)*sumSize); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeSums opens the file of sums for do, and makes what it did durable.
func writeSums(name string, flags int, do func(*os.File) error) error {
	out, err := os.OpenFile(name, os.O_RDWR|flags, 0o600)
	if err != nil {
		return fmt.Errorf("writing sums: %w", err)
	}
	err = do(out)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("writing sums: %w", err)
	}
	return nil
}
