package config_test

import (
	"errors"
	"strings"
	"testing"

	"reconciler/internal/config"
)

// No input makes Parse panic, no error holds a secret that was looked up, and a
// file without faults makes a worker's options.
func FuzzParse(f *testing.F) {
	for _, file := range badFiles(f) {
		f.Add(read(f, file))
	}
	f.Add([]byte(account))
	f.Add(read(f, "../../configs/reconciler.yaml"))
	const value = "whsec_UDT0iUNhA0pY0a9OYZ0OsUVZ9Sb0Zm1v"
	where := config.Lookup{Dir: f.TempDir(), Env: func(string) (string, bool) { return value, true }}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Parse("fuzz.yaml", data, where)
		var faults *config.FaultsError
		switch {
		case err == nil:
			if _, err := c.WorkerOptions(transport); err != nil {
				t.Errorf("a file without faults makes no worker: %v", err)
			}
			if strings.Contains(c.Describe(), value) {
				t.Error("the description holds a secret")
			}
		case !errors.As(err, &faults) || len(faults.Faults) == 0:
			t.Errorf("an error without faults: %v", err)
		case strings.Contains(err.Error(), value) && !strings.Contains(string(data), value):
			t.Error("an error holds a secret")
		}
	})
}
