package docker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tutti-ci/tutti/executor/docker"
	"github.com/tutti-ci/tutti/executor/docker/dockertest"
	"github.com/tutti-ci/tutti/executor/enginetest"
)

const (
	lineCount = 1_000_000
	lineRest  = "---------------------------------------------------------------------------"
	// millionLines prints as many lines of 84 bytes, each with its number.
	millionLines = `awk 'BEGIN { for (i = 0; i < 1000000; i++) printf "%07d ` + lineRest + `\n", i }'`
)

// expectedLines answers what millionLines prints.
func expectedLines() string {
	var b strings.Builder
	for i := range lineCount {
		fmt.Fprintf(&b, "%07d %s\n", i, lineRest)
	}
	return b.String()
}

func TestMillionLinesAreExact(t *testing.T) {
	spec := enginetest.Script(dockertest.Busybox(t), millionLines)
	room := enginetest.Open(t, newEngine(t, docker.Config{}), spec)
	_, texts := enginetest.RunAll(t, room, spec.Job)
	if want := expectedLines(); texts[0] != want {
		t.Errorf("the log has %d bytes instead of %d, or other ones", len(texts[0]), len(want))
	}
}
