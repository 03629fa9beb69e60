package logs

import (
	"encoding/binary"
	"io"
	"os"
	"sort"
	"time"
)

// markSize is the size of one record of marks, on disk as on the wire.
const markSize = 16

// A mark says of the bytes up to end when they came and on which stream.
type mark struct {
	end    int64
	at     time.Duration // since the activity's start
	stderr bool
}

func decodeMark(rec []byte) mark {
	end := binary.LittleEndian.Uint64(rec)
	when := int64(binary.LittleEndian.Uint64(rec[8:]))
	return mark{end: int64(end), at: time.Duration(when>>1) * time.Microsecond, stderr: when&1 == 1}
}

// fresh answers the part of marks that goes on from last and does not pass end: what was sent twice is left out in
// front, what cannot be so is left out behind. The answer's last mark ends at newLast.
func fresh(marks []byte, last, end int64) (part []byte, newLast int64) {
	n := len(marks) / markSize
	first := sort.Search(n, func(i int) bool { return decodeMark(marks[i*markSize:]).end > last })
	newLast, i := last, first
	for ; i < n; i++ {
		m := decodeMark(marks[i*markSize:])
		if m.end <= newLast || m.end > end {
			break
		}
		newLast = m.end
	}
	return marks[first*markSize : i*markSize], newLast
}

// markReader finds the marks of offsets that only ever grow.
type markReader struct {
	file *os.File
	n    int64 // marks in the file
	next int64 // index of the first mark that was not looked at
	cur  mark  // the last one that was
	rec  [markSize]byte
}

// newMarkReader starts at the mark of offset.
func newMarkReader(file *os.File, offset int64) (*markReader, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	r := &markReader{file: file, n: info.Size() / markSize}
	var failed error
	r.next = int64(sort.Search(int(r.n), func(i int) bool {
		m, err := r.read(int64(i))
		if err != nil {
			failed = err
		}
		return m.end > offset
	}))
	return r, failed
}

func (r *markReader) read(i int64) (mark, error) {
	if _, err := r.file.ReadAt(r.rec[:], i*markSize); err != nil && err != io.EOF {
		return mark{}, err
	}
	return decodeMark(r.rec[:]), nil
}

// at answers the mark that covers offset; of the bytes behind the last mark nothing is known but that they came later.
func (r *markReader) at(offset int64) (mark, error) {
	for r.cur.end <= offset && r.next < r.n {
		m, err := r.read(r.next)
		if err != nil {
			return mark{}, err
		}
		r.cur, r.next = m, r.next+1
	}
	return r.cur, nil
}
