//go:build linux

package pid1

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// attributes answers what the next process inherits from this one, and a process of the same user can change from
// outside: limits, priorities, processors. And the System V objects, which have no owner that could end.
func attributes() ([]string, error) {
	var found []string
	for _, path := range []string{
		"/proc/self/limits", "/proc/self/oom_score_adj", "/proc/self/coredump_filter",
		"/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg",
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		found = append(found, path+" "+string(text))
	}
	tasks, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		return nil, err
	}
	// Threads come and go; what counts is in which different ways they are scheduled.
	ways := map[string]bool{}
	for _, task := range tasks {
		way, err := scheduling(task)
		if os.IsNotExist(err) {
			continue // it ended meanwhile
		}
		if err != nil {
			return nil, err
		}
		ways[way] = true
	}
	for way := range ways {
		found = append(found, "/proc/self/task "+way)
	}
	return found, nil
}

func scheduling(task string) (string, error) {
	stat, err := os.ReadFile(filepath.Join(task, "stat"))
	if err != nil {
		return "", err
	}
	// The second field is a name in brackets; the rest has a fixed order, see proc_pid_stat(5).
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const nice, realtime, policy = 19 - 3, 40 - 3, 41 - 3
	if len(fields) <= policy {
		return "", fmt.Errorf("reading %s: only %d fields", task, len(fields))
	}
	status, err := os.ReadFile(filepath.Join(task, "status"))
	if err != nil {
		return "", err
	}
	cpus := ""
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "Cpus_allowed:"); ok {
			cpus = strings.TrimSpace(v)
		}
	}
	var tid uintptr
	if _, err := fmt.Sscan(filepath.Base(task), &tid); err != nil {
		return "", err
	}
	const whoProcess = 1
	io, _, _ := syscall.Syscall(syscall.SYS_IOPRIO_GET, whoProcess, tid, 0)
	return strings.Join([]string{fields[nice], fields[realtime], fields[policy], cpus, fmt.Sprint(io)}, " "), nil
}
