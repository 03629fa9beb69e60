// Package scripts_test tests the scripts of this folder on pretended machines, and the file that makes a release.
package scripts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// A machine is a pretended one: its programs are small shell scripts, its user is who we say.
type machine struct {
	t    *testing.T
	dir  string
	env  []string
	path string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the scripts start a Docker engine on Linux only")
	}
	dir := t.TempDir()
	m := &machine{t: t, dir: dir, path: filepath.Join(dir, "bin")}
	if err := os.Mkdir(m.path, 0o755); err != nil {
		t.Fatal(err)
	}
	m.env = append(os.Environ(), "PATH="+m.path+":"+os.Getenv("PATH"), "HOME="+dir, "XDG_CACHE_HOME="+dir, "MACHINE="+dir,
		"DOCKER_HOST=", "TUTTI_DOCKER_SOCKET="+filepath.Join(dir, "docker.sock"), "TUTTI_DOCKERD_FLAGS=")
	m.program("id", `echo 0`)
	m.program("iptables", `exit 0`)
	m.program("apt-get", `echo "apt-get $*" >> $MACHINE/called; exit 1`)
	m.program("docker", `[ "$1" != context ] && [ -e $MACHINE/answers ]`)
	m.program("dockerd", `
		echo "dockerd $*" >> $MACHINE/called
		trap 'rm $MACHINE/answers; echo stopped >> $MACHINE/called; exit 0' TERM
		touch $MACHINE/answers
		for i in $(seq 300); do sleep 0.1; done`)
	return m
}

// program puts a shell script on the machine.
func (m *machine) program(name, script string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.path, name), []byte("#!/bin/bash\n"+script+"\n"), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) file(name string) string {
	data, err := os.ReadFile(filepath.Join(m.dir, name))
	if err != nil {
		return ""
	}
	return string(data)
}

// run runs bash code after sourcing what the scripts share, and answers its words and its exit code.
func (m *machine) run(code string, env ...string) (string, int) {
	m.t.Helper()
	return m.execute(env, "bash", "-c", "set -euo pipefail; source lib/all.sh; "+code)
}

func (m *machine) execute(env []string, argv ...string) (string, int) {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), argv[0], argv[1:]...)
	cmd.Env = append(append([]string{}, m.env...), env...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		m.t.Fatalf("starting %q: %v", argv, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func wantWords(t *testing.T, out string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Errorf("the output does not say %q:\n%s", w, out)
		}
	}
}

func TestEnsureDocker(t *testing.T) {
	t.Run("UsesTheEngineThatAnswers", func(t *testing.T) {
		m := newMachine(t)
		m.program("docker", `[ "$1" != context ]`)
		out, code := m.run("ensure_docker; echo done")
		if code != 0 || strings.TrimSpace(out) != "done" {
			t.Errorf("exit code %d, output %q", code, out)
		}
		if called := m.file("called"); called != "" {
			t.Errorf("it called %s", called)
		}
	})

	t.Run("StartsAndStopsOne", func(t *testing.T) {
		m := newMachine(t)
		if err := os.WriteFile(filepath.Join(m.dir, "docker.pid"), []byte("1\n"), 0o644); err != nil { // process 1 is no dockerd
			t.Fatal(err)
		}
		out, code := m.run("ensure_docker; docker version; exit 7")
		if code != 7 {
			t.Errorf("exit code %d, want the script's own 7:\n%s", code, out)
		}
		wantWords(t, out, "the dockerd that wrote it is gone", "Starting dockerd", "Stopping the Docker engine that this script started")
		wantWords(t, m.file("called"), "dockerd --host=unix://"+m.dir+"/docker.sock", "stopped")
	})

	t.Run("LeavesOneThatRunsContainers", func(t *testing.T) {
		m := newMachine(t)
		m.program("docker", `[ "$1" != ps ] || echo c0ffee; [ "$1" != context ] && [ -e $MACHINE/answers ]`)
		out, _ := m.run("ensure_docker; echo $dockerd_pid > $MACHINE/pid")
		wantWords(t, out, "so it stays up")
		if strings.Contains(m.file("called"), "stopped") {
			t.Error("it stopped the engine")
		}
		m.run("kill " + m.file("pid"))
	})

	t.Run("FallsBackToVFS", func(t *testing.T) {
		m := newMachine(t)
		m.program("dockerd", `
			echo "dockerd $*" >> $MACHINE/called
			case "$*" in *vfs*) ;; *) echo "overlay2: not supported"; exit 1 ;; esac
			trap 'rm $MACHINE/answers; exit 0' TERM
			touch $MACHINE/answers
			for i in $(seq 300); do sleep 0.1; done`)
		out, code := m.run("ensure_docker")
		if code != 0 {
			t.Errorf("exit code %d", code)
		}
		wantWords(t, out, "overlay2: not supported", "vfs storage driver")
	})

	t.Run("LeavesATornFolderAlone", func(t *testing.T) {
		m := newMachine(t)
		m.program("dockerd", `
			case "$*" in *--data-root=*) ;; *) printf 'panic: invalid page\n\nmain.main()\n'; exit 2 ;; esac
			mkdir -p "$MACHINE/docker-afresh/data"
			trap 'rm $MACHINE/answers; exit 0' TERM
			touch $MACHINE/answers
			for i in $(seq 300); do sleep 0.1; done`)
		out, code := m.run("ensure_docker; ls -d $MACHINE/docker-afresh")
		if code != 0 {
			t.Errorf("exit code %d", code)
		}
		wantWords(t, out, "did not start: panic: invalid page\n", "empty folder, "+m.dir+"/docker-afresh, ")
		if _, err := os.Stat(filepath.Join(m.dir, "docker-afresh")); !os.IsNotExist(err) {
			t.Errorf("the empty folder stays: %v", err)
		}
	})

	t.Run("SaysWhyDockerdDoesNotStart", func(t *testing.T) {
		m := newMachine(t)
		m.program("dockerd", `echo "the kernel is too old"; exit 1`)
		out, code := m.run("ensure_docker")
		if code != 3 {
			t.Errorf("exit code %d, want 3", code)
		}
		wantWords(t, out, "dockerd does not start on this machine: the kernel is too old", "dockerd.log", "DOCKER_HOST")
	})

	t.Run("DoesNotReplaceAnEngineElsewhere", func(t *testing.T) {
		m := newMachine(t)
		out, code := m.run("DOCKER_HOST=unix:///elsewhere.sock ensure_docker")
		if code != 3 {
			t.Errorf("exit code %d, want 3", code)
		}
		wantWords(t, out, "DOCKER_HOST is unix:///elsewhere.sock, but no Docker engine answers there", "unset DOCKER_HOST")
		if called := m.file("called"); called != "" {
			t.Errorf("it called %s", called)
		}
	})

	t.Run("RefusesAnotherMachine", func(t *testing.T) {
		out, code := newMachine(t).run("DOCKER_HOST=tcp://10.0.0.9:2375 ensure_docker")
		if code != 3 {
			t.Errorf("exit code %d, want 3", code)
		}
		wantWords(t, out, "DOCKER_HOST is tcp://10.0.0.9:2375", "on its own machine")
	})

	t.Run("TellsAPersonWhoIsNotRootWhatToDo", func(t *testing.T) {
		m := newMachine(t)
		m.program("id", `echo 1000`)
		out, code := m.run("ensure_docker")
		if code != 3 {
			t.Errorf("exit code %d, want 3", code)
		}
		wantWords(t, out, "only root can start a Docker engine", "sudo apt-get install -y docker.io")
		if called := m.file("called"); called != "" {
			t.Errorf("it called %s", called)
		}
	})
}

// A process that is dead, but whose parent has not taken note of it, is no engine.
func TestDeadEngine(t *testing.T) {
	m := newMachine(t)
	m.program("dockerd", `exit 0`)
	dead := exec.CommandContext(t.Context(), filepath.Join(m.path, "dockerd"))
	if err := dead.Start(); err != nil {
		t.Fatal(err)
	}
	pid := strconv.Itoa(dead.Process.Pid)
	for state := ""; !strings.HasPrefix(state, "\tZ"); { // until Wait
		status, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
		if err != nil {
			t.Fatal(err)
		}
		_, state, _ = strings.Cut(string(status), "State:")
	}
	if err := os.WriteFile(filepath.Join(m.dir, "docker.pid"), []byte(pid), 0o644); err != nil {
		t.Fatal(err)
	}
	out, _ := m.run("engine_process && echo it lives; exit 0")
	if strings.Contains(out, "it lives") {
		t.Error("a dead dockerd is taken for a living one")
	}
	_ = dead.Wait() // it ended long ago
}

// TestChooseIptables holds dockerd to an iptables that works, and to none where none does.
func TestChooseIptables(t *testing.T) {
	const show = `dockerd_flags=(); choose_iptables; echo "flags: ${network_flags[*]}"; readlink "$iptables_folder/iptables" || true`
	tests := map[string]struct {
		iptables, legacy string
		want             []string
	}{
		"OK":     {"exit 0", "exit 0", []string{"flags: \n"}},
		"Legacy": {"exit 1", "exit 0", []string{"iptables-legacy", "/bin/iptables-legacy\n"}},
		"None":   {"echo no such table; exit 1", "exit 1", []string{"no such table", "flags: --iptables=false"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.program("iptables", test.iptables)
			m.program("iptables-legacy", test.legacy)
			m.program("ip6tables-legacy", test.legacy)
			out, _ := m.run(show)
			wantWords(t, out, test.want...)
		})
	}
}

func TestScriptsRefuseUnknownFlags(t *testing.T) {
	for _, script := range []string{"quickstart", "images", "build"} {
		t.Run(script, func(t *testing.T) {
			out, code := newMachine(t).execute(nil, "./"+script, "--no-such-flag")
			if code != 2 {
				t.Errorf("exit code %d, want 2", code)
			}
			wantWords(t, out, "error: ", "Usage: scripts/"+script)
		})
	}
}

func TestScriptsNameWhatIsMissing(t *testing.T) {
	t.Run("OldGo", func(t *testing.T) {
		m := newMachine(t)
		m.program("go", `echo go1.19.8`)
		out, code := m.run("need_toolchain")
		if code != 3 {
			t.Errorf("exit code %d, want 3", code)
		}
		wantWords(t, out, "Tutti needs Go 1.26", "is 1.19.8", "https://go.dev/dl/")
	})

	t.Run("NoGit", func(t *testing.T) {
		m := newMachine(t)
		out, code := m.run(`have() { [ "$1" != git ] && command -v "$1" >/dev/null; }; need_toolchain`)
		if code != 3 {
			t.Errorf("exit code %d, want 3", code)
		}
		wantWords(t, out, "git is not in PATH", "apt-get install -y git")
	})
}
