package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reconciler/internal/config"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func none(string) (string, bool) { return "", false }

func TestLoad_FindsSecretsBesideTheFile(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "secret"), "hunter2\r\n")
	write(t, filepath.Join(dir, "reconciler.yaml"), strings.ReplaceAll(account, "env: PASSWORD", "file: secret"))
	if _, err := config.Load(filepath.Join(dir, "reconciler.yaml"), none); err != nil {
		t.Error(err)
	}
}

func TestLoad_TellsWhyAFileCanNotBeRead(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	write(t, large, strings.Repeat("#", 4<<20+1))
	tests := []struct{ name, path, want string }{
		{"there is none", filepath.Join(dir, "none.yaml"), "open the configuration"},
		{"a folder", dir, "read the configuration"},
		{"too large", large, "is over 4194304 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := config.Load(test.path, none)
			var faults *config.FaultsError
			if err == nil || errors.As(err, &faults) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Load() = %v, want an error with %q", err, test.want)
			}
		})
	}
	if _, err := config.Load(tests[0].path, none); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load() = %v, want fs.ErrNotExist", err)
	}
}

func TestLoad_NamesTheFileInItsFaults(t *testing.T) {
	_, err := config.Load("testdata/bad/log.yaml", lookup("").Env)
	var faults *config.FaultsError
	if !errors.As(err, &faults) || faults.Name != "testdata/bad/log.yaml" || len(faults.Faults) != 1 {
		t.Errorf("Load() = %v", err)
	}
}

func TestParse_RefusesASecretFileThatIsTheWrongOne(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "large"), strings.Repeat("x", 64<<10+1))
	write(t, filepath.Join(dir, "full"), strings.Repeat("x", 64<<10))
	for name, want := range map[string]string{"large": "a file of over 64 KiB", "/dev/zero": "something that is not a file", "full": ""} {
		text := strings.ReplaceAll(account, "env: PASSWORD", "file: "+name)
		_, err := config.Parse("x", []byte(text), config.Lookup{Dir: dir})
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: Parse() = %v, want %q", name, err, want)
		}
	}
}

func TestParse_FindsNoVariableWithoutAnEnvironment(t *testing.T) {
	_, err := config.Parse("x", []byte(account), config.Lookup{})
	if err == nil || !strings.Contains(err.Error(), "the environment variable PASSWORD, which is not set or empty") {
		t.Errorf("Parse() = %v", err)
	}
}
