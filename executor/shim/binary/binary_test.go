package binary_test

import (
	"debug/elf"
	"os"
	"testing"

	"github.com/tutti-ci/tutti/executor/shim/binary"
)

func TestInstall(t *testing.T) {
	dir := t.TempDir()
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		path, err := binary.Install(t.Context(), dir, arch)
		if err != nil {
			t.Fatal(err)
		}
		checkStatic(t, path, machine)

		again, err := binary.Install(t.Context(), dir, arch)
		if err != nil || again != path {
			t.Errorf("a second Install answers %s, %v instead of %s", again, err, path)
		}
	}
}

func checkStatic(t *testing.T, path string, machine elf.Machine) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o755 {
		t.Errorf("%s has mode %v", path, info.Mode())
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if file.Machine != machine {
		t.Errorf("%s is for %v", path, file.Machine)
	}
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			t.Errorf("%s is not static", path)
		}
	}
}

func TestInstallErrUnknownArch(t *testing.T) {
	if path, err := binary.Install(t.Context(), t.TempDir(), "mips"); err == nil {
		t.Errorf("there is a shim for mips: %s", path)
	}
}

func TestInstallMendsADamagedFile(t *testing.T) {
	dir := t.TempDir()
	path, err := binary.Install(t.Context(), dir, "amd64")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("half"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := binary.Install(t.Context(), dir, "amd64"); err != nil {
		t.Fatal(err)
	}
	checkStatic(t, path, elf.EM_X86_64)
}
