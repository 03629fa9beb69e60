package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/tutti-ci/tutti/server/durable"
)

// prefix marks our secrets, so that scanners recognise a leaked one.
const prefix = "tutti_"

// A Token is a secret that opens something for whoever shows it.
type Token string

// NewToken makes a token of 256 random bits.
func NewToken() Token {
	var b [32]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return Token(prefix + base64.RawURLEncoding.EncodeToString(b[:]))
}

// Matches says whether shown is the token. It takes the same time wherever the two differ: only their hashes are compared.
func (t Token) Matches(shown string) bool {
	a, b := sha256.Sum256([]byte(t)), sha256.Sum256([]byte(shown))
	return t != "" && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// hash is what we keep of a secret that we need not show again.
func (t Token) hash() string {
	sum := sha256.Sum256([]byte(t))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// openToken reads the token in the file, or makes it there. A token that is there is never replaced.
func openToken(path string, log *slog.Logger) (Token, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t := NewToken()
		if err := durable.WriteFile(path, []byte(t+"\n")); err != nil {
			return "", fmt.Errorf("making token %s: %w", path, err)
		}
		return t, nil
	}
	if err != nil {
		return "", fmt.Errorf("reading token: %w", err)
	}
	t := Token(strings.TrimSpace(string(data)))
	if len(t) < 32 {
		return "", fmt.Errorf("token file %s holds no token: remove the file to have a new one made", path)
	}
	return t, tighten(path, log)
}

// tighten takes a file away from everybody but its owner, and complains: others may have read it.
func tighten(path string, log *slog.Logger) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("checking token file: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		log.Warn("token file was open to others; it is closed now, but remove it and restart if somebody may have read it",
			"file", path, "mode", mode.String())
		if err := os.Chmod(path, 0o600); err != nil {
			return fmt.Errorf("closing token file to others: %w", err)
		}
	}
	return nil
}
