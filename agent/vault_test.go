package agent

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestVaultLeavesNothing has sensitive outputs not fit in: what was written of them is gone when the job is.
func TestVaultLeavesNothing(t *testing.T) {
	v := &vault{dir: filepath.Join(t.TempDir(), "vault")}
	must(t, os.MkdirAll(filepath.Join(v.path(claim(1)), "in the way"), 0o700))
	must(t, os.Chmod(v.dir, 0o700))
	if err := v.put(claim(1), secrets{"unit": {"key": json.RawMessage(`"x"`)}}); err == nil {
		t.Error("nobody is told that they are not kept")
	}
	must(t, v.remove(claim(1)))
	if _, err := os.Stat(v.dir); !os.IsNotExist(err) {
		t.Errorf("the vault is still there: %v", err)
	}
}
