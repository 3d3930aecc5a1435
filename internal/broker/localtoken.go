package broker

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"reconciler/internal/secret"
)

const (
	tokenFile = "token"
	tokenSize = 32 // bytes of randomness
)

// LocalToken gives the token of the embedded server of a data directory, and
// makes one if there is none, so that a command on the same machine, by the same
// user, can connect to a running server. The file is readable by its owner only;
// one that others may read is refused.
func LocalToken(dataDir string) (secret.Text, error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return secret.Text{}, fmt.Errorf("make the data directory: %w", err)
	}
	path := filepath.Join(dataDir, tokenFile)
	token, err := readToken(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return token, err
	}
	if err := writeToken(dataDir, path); err != nil {
		return secret.Text{}, fmt.Errorf("make the token file: %w", err)
	}
	return readToken(path) // ours, or that of whoever was first
}

func readToken(path string) (secret.Text, error) {
	info, err := os.Stat(path)
	if err != nil {
		return secret.Text{}, fmt.Errorf("read the token file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return secret.Text{}, fmt.Errorf("the token file %s may be read by others: remove it or set its mode to 0600", path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return secret.Text{}, fmt.Errorf("read the token file: %w", err)
	}
	text := strings.TrimSpace(string(raw))
	if decoded, err := base64.RawURLEncoding.DecodeString(text); err != nil || len(decoded) != tokenSize {
		return secret.Text{}, fmt.Errorf("the token file %s holds no token: remove it, a new one is made at the next start", path)
	}
	return secret.New(text), nil
}

// writeToken makes the file appear whole or not at all, and never replaces one:
// two processes that start at once end with one token.
func writeToken(dir, path string) error {
	var raw [tokenSize]byte
	_, _ = rand.Read(raw[:])                 // never fails, by its contract
	f, err := os.CreateTemp(dir, ".token-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(base64.RawURLEncoding.EncodeToString(raw[:]) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
