package web_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inNamespace says that this process has a network of its own.
const inNamespace = "TUTTI_TEST_NAMESPACE"

// TestMain gives these tests a network of their own, if it may. Chromium breaks its connections off whenever an interface of
// the machine comes or goes (ERR_NETWORK_CHANGED), and the tests of other packages make and remove Docker's all the time.
func TestMain(m *testing.M) {
	if os.Getenv(inNamespace) == "" {
		code, err := again()
		if errors.Is(err, fs.ErrPermission) {
			code = m.Run()
		} else if err != nil {
			fmt.Fprintln(os.Stderr, "running the tests in a network namespace:", err)
		}
		os.Exit(code)
	}
	if err := raiseLoopback(); err != nil {
		fmt.Fprintln(os.Stderr, "raising the loopback device:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// again runs this program in a network namespace, and answers its exit code.
func again() (int, error) {
	runtime.LockOSThread() // whose death is what Pdeathsig means
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err == nil || ended {
		return cmd.ProcessState.ExitCode(), nil
	}
	return 1, err
}

func raiseLoopback() (err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	loopback, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, loopback); err != nil {
		return err
	}
	loopback.SetUint16(loopback.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, loopback)
}
