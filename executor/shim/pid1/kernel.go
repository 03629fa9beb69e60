//go:build linux

package pid1

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// oomKills answers how many processes of the container the kernel killed for want of memory.
func oomKills() int64 {
	for _, path := range []string{"/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"} {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // the other version of cgroups
		}
		for line := range strings.Lines(string(text)) {
			if n, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok {
				kills, _ := strconv.ParseInt(n, 10, 64) // the kernel writes numbers
				return kills
			}
		}
	}
	return 0
}

// preferVictim makes the processes that are started until restore more attractive to the kernel than this one, when it
// has to kill for want of memory: who else would tell of it?
func preferVictim() (restore func()) {
	const path = "/proc/self/oom_score_adj"
	old, err := os.ReadFile(path)
	if err != nil || os.WriteFile(path, []byte("500"), 0) != nil {
		return func() {} // then it is as likely to be the victim as anybody
	}
	return func() { _ = os.WriteFile(path, old, 0) } // to put it back where it was is always allowed
}

// signalName answers "SIGKILL" and the like.
func signalName(s syscall.Signal) string {
	names := map[syscall.Signal]string{
		syscall.SIGHUP: "SIGHUP", syscall.SIGINT: "SIGINT", syscall.SIGQUIT: "SIGQUIT", syscall.SIGILL: "SIGILL",
		syscall.SIGTRAP: "SIGTRAP", syscall.SIGABRT: "SIGABRT", syscall.SIGBUS: "SIGBUS", syscall.SIGFPE: "SIGFPE",
		syscall.SIGKILL: "SIGKILL", syscall.SIGUSR1: "SIGUSR1", syscall.SIGSEGV: "SIGSEGV", syscall.SIGUSR2: "SIGUSR2",
		syscall.SIGPIPE: "SIGPIPE", syscall.SIGALRM: "SIGALRM", syscall.SIGTERM: "SIGTERM", syscall.SIGXCPU: "SIGXCPU",
		syscall.SIGXFSZ: "SIGXFSZ", syscall.SIGSYS: "SIGSYS",
	}
	if name, ok := names[s]; ok {
		return name
	}
	return "signal " + strconv.Itoa(int(s))
}
