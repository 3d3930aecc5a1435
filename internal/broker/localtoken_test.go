package broker_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"reconciler/internal/broker"
)

func TestLocalToken_IsMadeOnce_ForItsOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	tokens := make([]string, 8)
	var all sync.WaitGroup
	for i := range tokens {
		all.Go(func() {
			token, err := broker.LocalToken(dir)
			if err != nil {
				t.Error(err)
			}
			tokens[i] = token.Reveal()
		})
	}
	all.Wait()
	for _, token := range tokens {
		if token != tokens[0] || len(token) != 43 {
			t.Errorf("token %q, the first was %q; want one of 32 bytes in base64", token, tokens[0])
		}
	}
	info, err := os.Stat(filepath.Join(dir, "token"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v; want 0600", info.Mode().Perm(), err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("the directory holds %v, %v; want the token only", left, err)
	}
	other, err := broker.LocalToken(t.TempDir())
	if err != nil || other.Reveal() == tokens[0] {
		t.Errorf("another directory has the same token (%v)", err)
	}
}

func TestLocalToken_RefusesAFileItCanNotTrust(t *testing.T) {
	good := strings.Repeat("A", 43)
	for _, row := range []struct {
		name, content string
		mode          os.FileMode
	}{
		{"readable by others", good, 0o644},
		{"empty", "", 0o600},
		{"too short", "QUFB", 0o600},
		{"not base64", strings.Repeat("!", 43), 0o600},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "token")
			if err := os.WriteFile(path, []byte(row.content), row.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, row.mode); err != nil { // whatever the umask is
				t.Fatal(err)
			}
			_, err := broker.LocalToken(dir)
			if err == nil {
				t.Fatal("the file was taken")
			}
			if row.content != "" && strings.Contains(err.Error(), row.content) {
				t.Errorf("the error shows the file's content: %v", err)
			}
		})
	}
}
