package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// waitDelay is how long a killed git may keep its pipes open.
const waitDelay = 5 * time.Second

// command prepares a git process. Its arguments never hold text of a repository or of a user but as checked full hashes.
func (m *Mirrors) command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = m.environment()
	// Git starts helpers (ssh, upload-pack), which have to end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = waitDelay
	return cmd
}

// passed are the variables of the server that git and its helpers need: to be found, to reach the network, and to find the
// keys of the server's user.
var passed = [...]string{
	"PATH", "HOME", "USER", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
}

func (m *Mirrors) environment() []string {
	env := []string{
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=" + m.config(),
		"GIT_ALLOW_PROTOCOL=file:git:http:https:ssh",
		"GIT_TERMINAL_PROMPT=0", // a question would wait for ever
		"GIT_ASKPASS=",
		"GIT_SSH_COMMAND=ssh -oBatchMode=yes -oConnectTimeout=20",
		"GIT_NO_REPLACE_OBJECTS=1", // a commit is what its hash says
		"GIT_ATTR_NOSYSTEM=1",
		"GIT_OPTIONAL_LOCKS=0",
		"LC_ALL=C",
	}
	for _, name := range passed {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// output runs git and answers what it printed.
func (m *Mirrors) output(ctx context.Context, dir string, args ...string) ([]byte, error) {
	var out bytes.Buffer
	cmd := m.command(ctx, dir, args...)
	cmd.Stdout = &out
	if err := run(ctx, cmd); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// run runs a prepared git process. Its error says what git complained about.
func run(ctx context.Context, cmd *exec.Cmd) error {
	var complaints tail
	cmd.Stderr = &complaints
	return explain(ctx, cmd, cmd.Run(), &complaints)
}

// explain makes a gitError of a process that ended badly.
func explain(ctx context.Context, cmd *exec.Cmd, err error, complaints *tail) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("git is not installed on the server's host: %w", err)
	}
	return &gitError{command: cmd.Args[1], complaint: complaints.text(), err: err}
}

// A gitError is a git that failed.
type gitError struct {
	command   string
	complaint string // on its standard error
	err       error
}

func (e *gitError) Error() string {
	if e.complaint == "" {
		return fmt.Sprintf("git %s: %v", e.command, e.err)
	}
	return fmt.Sprintf("git %s: %v: %s", e.command, e.err, e.complaint)
}

func (e *gitError) Unwrap() error { return e.err }

// complaint is what git said, or else the error itself.
func complaint(err error) string {
	var g *gitError
	if errors.As(err, &g) && g.complaint != "" {
		return g.complaint
	}
	return err.Error()
}

// contextError answers the context's end if that is why a git failed.
func contextError(err error) error {
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			return end
		}
	}
	return nil
}

// A tail keeps the end of what is written to it.
type tail struct{ data []byte }

const tailBytes = 2048

func (t *tail) Write(p []byte) (int, error) {
	t.data = append(t.data, p...)
	if over := len(t.data) - tailBytes; over > 0 {
		t.data = append(t.data[:0], t.data[over:]...)
	}
	return len(p), nil
}

// text is the tail in one line, without git's prefixes.
func (t *tail) text() string {
	var lines []string
	for line := range strings.Lines(strings.ToValidUTF8(string(t.data), "?")) {
		line = strings.TrimSpace(line)
		for _, prefix := range []string{"fatal: ", "error: ", "remote: "} {
			line = strings.TrimPrefix(line, prefix)
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}
