package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const badFile = `nats:
  replicas: 2
worker:
  ack_wait: soon
accounts:
  - name: main
    provider: paypal
colour: red
`

func TestCheck_PrintsEveryFaultWithItsPlace(t *testing.T) {
	path := write(t, "bad.yaml", badFile)
	got := execLine(t, "check", "--config", path)
	if got.code != 1 || got.err != "" {
		t.Fatalf("ended with %d and %q, want 1 and all on standard output", got.code, got.err)
	}
	for _, want := range []string{":2:13: nats.replicas: found 2", ":4:13: worker.ack_wait: found", ":7:15: accounts[0].provider: found", ":8:1: colour: found"} {
		if !strings.Contains(got.out, path+want) {
			t.Errorf("printed\n%s\nwant a line with %q", got.out, want)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(got.out), "\n") {
		if !strings.HasPrefix(line, path+":") || !strings.Contains(line, ": found ") || !strings.Contains(line, ", wanted ") {
			t.Errorf("printed %q, want path:line:column: field: found ..., wanted ...", line)
		}
	}
}

func TestRun_RefusesWhatCheckRefuses(t *testing.T) {
	got := execLine(t, "run", "--config", write(t, "bad.yaml", badFile))
	if got.code != 1 || strings.Count(got.err, ", wanted ") < 4 {
		t.Errorf("ended with %d and %q, want 1 and every fault", got.code, got.err)
	}
}

const goodFile = `watch:
  cadence:
    open: [{until: 1h, every: 90s}]
accounts:
  - name: main
    provider: finipay
    settings: {base_url: "https://api.example.com", login: us, password: {file: password}}
    limits: {rate: 5, concurrency: 3}
endpoints:
  - merchant: m-1
    id: orders
    url: https://shop.example.com/hook
    secrets: [{file: hook}]
`

func TestCheck_PrintsTheEffectiveCadenceOfAGoodFile(t *testing.T) {
	path := write(t, "good.yaml", goodFile)
	for name, value := range map[string]string{"password": "geheim-123", "hook": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := execLine(t, "check", "--config", path)
	if got.code != 0 || got.err != "" {
		t.Fatalf("ended with %d, %q and %q, want 0", got.code, got.out, got.err)
	}
	for _, want := range []string{"is fine", "account main (finipay)", "to 1h every 1m30s", "to 14d every 1h", "3 calls at a time", "5 a second", "endpoint orders of m-1", "10 attempts"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("printed\n%s\nwant %q", got.out, want)
		}
	}
	if strings.Contains(got.out, "geheim") || strings.Contains(got.out, "whsec_") {
		t.Errorf("printed a secret:\n%s", got.out)
	}
}
