package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"reconciler/internal/broker/brokertest"
	"reconciler/internal/demo"
	"reconciler/internal/sandbox"
)

// answered asks a server of this machine and gives status and body.
func answered(t *testing.T, url string) (status int, told struct{ Status string }) {
	t.Helper()
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(&told); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, told
}

// healthy writes a sandbox's configuration with an address for health.
func healthy(t *testing.T, address string) string {
	t.Helper()
	hooks := []demo.Hook{{Merchant: "shop-a", ID: "orders", Name: "shop-a"}}
	pace := demo.Pace{Step: time.Second, Look: time.Hour, Floor: time.Second}
	world, err := startSandbox(t.Context(), sandbox.Options{Seed: 3, Step: pace.Step, Floor: pace.Floor}, hooks)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopSandbox(context.Background(), world) })
	path, err := writeSandboxConfig(t.TempDir(), world, sandboxConfig{Hooks: configured(hooks), Pace: pace, DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, fmt.Sprintf("health: {listen: %q}\n", address)...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRun_TellsHowItDoes(t *testing.T) {
	address := brokertest.Addresses(t, 1)[0]
	t.Cleanup(func() { // after run has ended
		if l, err := net.Listen("tcp", address); err != nil {
			t.Errorf("it still listens: %v", err)
		} else {
			_ = l.Close()
		}
	})
	r := &rung{T: t, path: healthy(t, address)}
	r.run()
	if status, told := answered(t, "http://"+address+"/livez"); status != 200 || told.Status != "alive" {
		t.Errorf("livez: %d %+v", status, told)
	}
	// It has not looked at its streams yet.
	if status, told := answered(t, "http://"+address+"/readyz"); status != 503 || told.Status != "not_ready" {
		t.Errorf("readyz: %d %+v", status, told)
	}
}

func TestRun_DoesNotStart_WhereItCannotTellHowItDoes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if got := execLine(t, "run", "--config", healthy(t, l.Addr().String())); got.code != 1 {
		t.Errorf("ended with %d and %q, want 1: the address is taken", got.code, got.err)
	}
}
