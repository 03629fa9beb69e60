package agent

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"

	"github.com/tutti-ci/tutti/agent/wire"
)

// A frame holds one record of the journal. It begins with a header of five words, little-endian: a mark, by which the next frame
// can be found behind damaged ones; the length of the body; whose record it is; the CRC-32C of the body; and that of the four words
// before. So whatever is damaged, it is known whether the body is as it was written, and mostly to which job it belongs. No
// release may change this: a newer journal has to be recognised by an older one.
const (
	frameMark   = 0xf64a54f5 // its first and last byte are part of no JSON text
	frameHeader = 20
	// A plan fits into a message, so a longer record is none.
	maxRecord = 2 * wire.MaxMessage
)

func checksum(data []byte) uint32 { return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) }

// whose makes the word by which a damaged record is known to belong to a job; 0 belongs to none.
func whose(c wire.Claim) uint32 {
	return max(1, checksum(fmt.Appendf(nil, "%d/%s/%d", c.Run, c.Job, c.Epoch)))
}

func encodeRecord(rec record) ([]byte, error) {
	body, err := json.Marshal(rec)
	if err != nil {
		return nil, err
	}
	if len(body) > maxRecord { // it would be taken for a damaged one
		return nil, fmt.Errorf("a record of %d bytes is too large", len(body))
	}
	owner := uint32(0)
	if c, ok := rec.claim(); ok {
		owner = whose(c)
	}
	data := make([]byte, 0, frameHeader+len(body))
	for _, word := range []uint32{frameMark, uint32(len(body)), owner, checksum(body)} {
		data = binary.LittleEndian.AppendUint32(data, word)
	}
	data = binary.LittleEndian.AppendUint32(data, checksum(data))
	return append(data, body...), nil
}

// header is what stands before a body.
type header struct {
	size int // of the body
	whose,
	sum uint32
}

// readHeader answers the header at the beginning of data, if there is a good one.
func readHeader(data []byte) (header, bool) {
	if len(data) < frameHeader || binary.LittleEndian.Uint32(data) != frameMark ||
		binary.LittleEndian.Uint32(data[16:]) != checksum(data[:16]) {
		return header{}, false
	}
	size := binary.LittleEndian.Uint32(data[4:])
	return header{int(size), binary.LittleEndian.Uint32(data[8:]), binary.LittleEndian.Uint32(data[12:])}, size <= maxRecord
}

// A finding is what a scan comes upon: a record, or damage.
type finding struct {
	at     int
	record *record // nil if it cannot be read
	whole  bool    // no byte of it is damaged
	whose  uint32  // of an unreadable record; 0 if that cannot be said
}

// scanJournal finds all records of a journal, and all damage in it. It answers where the last one ends: what follows was being
// written when the process or the host ended, and counts for nothing.
func scanJournal(data []byte) (found []finding, end int) {
	for end < len(data) {
		f, size := readFrame(data[end:])
		if size == 0 {
			break
		}
		f.at = end
		found = append(found, f)
		end += size
	}
	return found, end
}

// readFrame reads what is at the beginning of data, up to the next frame. A size of 0 says that it is the torn end.
func readFrame(data []byte) (finding, int) {
	h, ok := readHeader(data)
	if !ok {
		return mendFrame(data)
	}
	end := frameHeader + h.size
	if end > len(data) {
		return finding{}, 0
	}
	body := data[frameHeader:end]
	if checksum(body) == h.sum {
		rec, ok := readBody(body)
		if ok {
			return finding{record: rec, whole: true}, end
		}
	}
	// The host lost its power before all of the last record was on the disk, if zeros are in its place.
	if isZero(data[end:]) && h.size > 0 && body[h.size-1] == 0 {
		return finding{}, 0
	}
	return finding{whose: h.whose}, end
}

// mendFrame reads a frame whose header is damaged. Its body counts if one of the two checksums that cover it says so.
func mendFrame(data []byte) (finding, int) {
	end := nextFrame(data)
	if end > frameHeader {
		body := data[frameHeader:end]
		sum := checksum(body)
		head := bytes.Clone(data[:16])
		binary.LittleEndian.PutUint32(head[12:], sum)
		if sum == binary.LittleEndian.Uint32(data[12:]) || checksum(head) == binary.LittleEndian.Uint32(data[16:]) {
			if rec, ok := readBody(body); ok {
				return finding{record: rec}, end
			}
		}
	}
	if end == len(data) && len(bytes.TrimRight(data, "\x00")) < frameHeader { // not even all of the header was on the disk
		return finding{}, 0
	}
	return finding{}, end
}

// nextFrame answers where the next frame with a good header begins, behind the one at the beginning; or the end of data.
func nextFrame(data []byte) int {
	mark := binary.LittleEndian.AppendUint32(nil, frameMark)
	for at := 1; at < len(data); at++ {
		i := bytes.Index(data[at:], mark)
		if i < 0 {
			break
		}
		at += i
		if _, ok := readHeader(data[at:]); ok {
			return at
		}
	}
	return len(data)
}

func readBody(body []byte) (*record, bool) {
	var rec record
	if json.Unmarshal(body, &rec) != nil {
		return nil, false
	}
	return &rec, true
}

func isZero(data []byte) bool { return len(bytes.TrimLeft(data, "\x00")) == 0 }
