package api

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tutti-ci/tutti/server"
)

// getLog answers the raw bytes of a log: as many as there are, or with follow=1 all that there will be.
func (a *API) getLog(w http.ResponseWriter, r *http.Request) error {
	follow, err := flag(r, "follow")
	if err != nil {
		return err
	}
	watch, err := a.watch(r)
	if err != nil {
		return err
	}
	defer watch.stop()
	if follow {
		return a.followLog(w, r, watch)
	}
	return a.sendLog(w, r, watch)
}

func (a *API) sendLog(w http.ResponseWriter, r *http.Request, watch *watch) error {
	content := io.ReaderAt(strings.NewReader(""))
	var size int64
	info, err := watch.info()
	if err != nil {
		return err
	}
	watch.settle()
	if watch.id.Epoch > 0 {
		log, err := a.OpenLog(watch.id)
		if err != nil {
			return err
		}
		defer log.Close()
		content, size = log, log.Size()
	}
	body := io.NewSectionReader(content, 0, size)
	if err := setLogHeaders(w, r, watch, info, body); err != nil {
		return err
	}
	if info.Finished && info.Bytes == size {
		w.Header().Set("ETag", fmt.Sprintf(`"%d-%d"`, watch.id.Epoch, size)) // a log only ever grows
	}
	if err := checkWhole(r, info, size); err != nil {
		return err
	}
	if err := checkRange(r, size); err != nil {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		return err
	}
	http.ServeContent(w, r, "", time.Time{}, body)
	return nil
}

// setLogHeaders names the download, and says whether a browser may show it, and whether it is damaged.
func setLogHeaders(w http.ResponseWriter, r *http.Request, watch *watch, info server.LogInfo, body io.ReaderAt) error {
	head := make([]byte, 4<<10)
	n, err := body.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return fmt.Errorf("reading the start of a log: %w", err)
	}
	kind := "application/octet-stream"
	if isText(head[:n]) {
		kind = "text/plain; charset=utf-8"
	}
	disposition := "inline"
	if download, err := flag(r, "download"); err != nil {
		return err
	} else if download {
		disposition = "attachment"
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Disposition", fmt.Sprintf("%s; filename=%q", disposition, fileName(watch.id)))
	h.Set("Cache-Control", "private, no-cache")
	if info.Incomplete != "" {
		h.Set("Tutti-Incomplete", strings.ToValidUTF8(strings.ReplaceAll(info.Incomplete, "\n", " "), "?"))
	}
	if watch.settled && watch.id.Epoch > 0 {
		h.Set("Tutti-Epoch", strconv.FormatInt(watch.id.Epoch, 10))
	}
	return nil
}

// isText says whether a beginning of a log is UTF-8 without binary zeroes; a character may be cut at its end.
func isText(head []byte) bool {
	for i := 0; i < utf8.UTFMax && len(head) > 0 && !utf8.FullRune(head[len(head)-1:]); i++ {
		head = head[:len(head)-1]
	}
	return utf8.Valid(head) && !strings.Contains(string(head), "\x00")
}

// fileName is what a downloaded log is called, without characters that mean something to a shell or a file system.
func fileName(id server.LogID) string {
	safe := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '-'
	}, id.Job+"-"+id.Activity)
	return fmt.Sprintf("run-%d-%s.log", id.Run, safe)
}

// checkWhole refuses to say that nothing comes behind the end of a log that is damaged: whoever has read so far would take it for whole.
func checkWhole(r *http.Request, info server.LogInfo, size int64) error {
	if from, ok := openRange(r); ok && from > 0 && from >= size && info.Incomplete != "" {
		return server.Errorf(server.Conflict, "the log can be read up to byte %d only: %s", size, info.Incomplete)
	}
	return nil
}

// checkRange refuses a range that starts behind the end in our own words; the rest of ranges is ServeContent's.
func checkRange(r *http.Request, size int64) error {
	from, ok := openRange(r)
	if ok && from > 0 && from >= size {
		return &httpError{http.StatusRequestedRangeNotSatisfiable, server.Invalid, fmt.Sprintf("the log has %d bytes, and none from %d on", size, from)}
	}
	return nil
}
