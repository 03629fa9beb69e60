package logs

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/tutti-ci/tutti/server"
)

// part is what a job or an activity may be called. The language's names are narrower; this adds what the names of
// matrix jobs may need, and still nothing that means something to a file system.
var part = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,127}$`)

// folder answers where the log of id lies under dir. An id may come from an agent, so nothing in it is trusted.
func folder(dir string, id server.LogID) (string, error) {
	if id.Run < 1 || id.Epoch < 1 || !part.MatchString(id.Job) || !part.MatchString(id.Activity) {
		return "", server.Errorf(server.Invalid, "there can be no log of run %d, job %q, epoch %d, activity %q", id.Run, id.Job, id.Epoch, id.Activity)
	}
	return filepath.Join(dir, strconv.FormatInt(int64(id.Run), 10), id.Job, strconv.FormatInt(id.Epoch, 10)+"-"+id.Activity), nil
}

// activityOf is the way back from the name of a log's folder.
func activityOf(name string, epoch int64) (activity string, ok bool) {
	activity, ok = strings.CutPrefix(name, strconv.FormatInt(epoch, 10)+"-")
	return activity, ok && part.MatchString(activity)
}
