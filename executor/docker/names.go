package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/tutti-ci/tutti/dsl/plan"
	"github.com/tutti-ci/tutti/executor"
)

// The labels of everything that an engine makes; networks have the first one only, see networks.
const (
	LabelAgent    = "tutti.agent"
	LabelRun      = "tutti.run"
	LabelJob      = "tutti.job"
	LabelEpoch    = "tutti.epoch"
	LabelActivity = "tutti.activity" // containers only: the activity for which it was made
	LabelSpec     = "tutti.spec"     // containers only: a hash of all that Docker was told of it
)

func roomLabels(agent string, spec executor.RoomSpec) map[string]string {
	return map[string]string{
		LabelAgent: agent,
		LabelRun:   strconv.FormatInt(spec.Run, 10),
		LabelJob:   spec.Job.Name,
		LabelEpoch: strconv.FormatInt(spec.Epoch, 10),
	}
}

func activityLabels(room map[string]string, activity string) map[string]string {
	labels := maps.Clone(room)
	labels[LabelActivity] = activity
	return labels
}

// roomName answers what the names of all that a room makes begin with. The agent is part of it because several agents,
// of servers that each count their runs from 1, may share a Docker engine.
func roomName(agent string, spec executor.RoomSpec) string {
	return fmt.Sprintf("tutti-%d-%s-e%d-%s", spec.Run, plain(spec.Job.Name), spec.Epoch, shortHash(agent+"\x00"+spec.Job.Name))
}

// roomOf answers to which room of its agent something belongs, by its labels.
func roomOf(labels map[string]string) string {
	run, runErr := strconv.ParseInt(labels[LabelRun], 10, 64)
	epoch, epochErr := strconv.ParseInt(labels[LabelEpoch], 10, 64)
	if runErr != nil || epochErr != nil {
		return ""
	}
	return roomName(labels[LabelAgent], executor.RoomSpec{Run: run, Epoch: epoch, Job: plan.Job{Name: labels[LabelJob]}})
}

// cutNumber answers the room and the number of a container, by its name.
func cutNumber(name string) (room string, number int, ok bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return "", 0, false
	}
	number, err := strconv.Atoi(name[i+1:])
	return name[:i], number, err == nil
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}

// plain keeps what Docker allows in a name, and not too much of it. Names that it makes equal differ in the hash.
func plain(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '.', r == '-':
			return r
		}
		return '_'
	}, name)
	return name[:min(len(name), 40)]
}
