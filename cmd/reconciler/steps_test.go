package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/config"
)

// command runs one command to its end and gives what it printed.
func command(t *testing.T, path string, args ...string) string {
	t.Helper()
	p := start(t, path, args...)
	<-p.ended
	if p.err != nil {
		t.Fatalf("%q: %v\n%s", args, p.err, p.tail(10))
	}
	return p.tail(10)
}

// postPayment makes a payment over the control API, as curl does.
func postPayment(t *testing.T, control, wish string) (made sandboxPayment) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, control+"/payments", strings.NewReader(wish))
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: newTransport()}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(res.Body).Decode(&made); err != nil || res.StatusCode != http.StatusCreated {
		t.Fatalf("POST /payments answered %d (%v)", res.StatusCode, err)
	}
	return made
}

// letters reads the dead letters as an operator would: over the broker inside run.
func letters(t *testing.T, path string) []broker.Letter {
	t.Helper()
	cfg, err := config.Load(path, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dialBroker(t.Context(), cfg, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b, err := broker.New(t.Context(), broker.Options{Conn: conn, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := b.JetStream().Stream(t.Context(), broker.StreamDead)
	if err != nil {
		t.Fatal(err)
	}
	var all []broker.Letter
	for seq := uint64(1); seq <= stream.CachedInfo().State.LastSeq; seq++ {
		letter, err := b.ReadDead(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, letter)
	}
	return all
}

// The steps by which a person tries a worker against the sandbox, each as its
// own process.
func TestSteps_PaymentMadeByHandEndsInASignedWebhook(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs processes")
	}
	dir := filepath.Join(t.TempDir(), "sandbox")
	addresses := brokertest.Addresses(t, 7)
	_, port, _ := strings.Cut(addresses[0], ":")
	path := build(t, "reconciler/cmd/reconciler")
	file := filepath.Join(dir, "reconciler.yaml")

	world := start(t, path, "sandbox", "--dir", dir, "--port", port, "--broker", addresses[6], "--step", "500ms")
	control := "http://" + addresses[0]
	world.await(t, "sandbox is up; control API "+control)
	worker := start(t, path, "run", "--config", file)
	worker.await(t, "worker started")

	// By the control API and the reference it gives, as with any backend.
	made := postPayment(t, control, `{"provider":"finipay","life":"charged","amount":"33.00","currency":"USD"}`)
	command(t, path, "payments", "create", "--config", file, "--payment", "p-1", "--merchant", "shop-a", "--provider", made.Provider,
		"--reference", "order_number="+made.Reference["order_number"], "--amount", made.Amount, "--currency", made.Currency)
	world.await(t, `"payment_id":"p-1"`, `"status":"succeeded"`)

	// What is no event becomes a dead letter, whole, and holds up nobody.
	broken := filepath.Join(t.TempDir(), "broken.json")
	if err := os.WriteFile(broken, []byte(`{"id":"e-1","amount":-3}`), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, path, "payments", "create", "--config", file, "--file", broken)
	told := command(t, path, "payments", "create", "--config", file, "--sandbox", control, "--provider", "halyk", "--life", "charged", "--payment", "p-2")
	if !strings.Contains(told, "p-2") {
		t.Errorf("create with --sandbox printed %q, which does not name the payment", told)
	}
	world.await(t, `"payment_id":"p-2"`, `"status":"succeeded"`)

	dead := letters(t, file)
	if len(dead) != 1 || string(dead[0].Source.Body) != `{"id":"e-1","amount":-3}` || dead[0].Stage != "intake" {
		t.Errorf("the dead letters are %+v, want the broken event alone", dead)
	}
	for _, p := range []*process{worker, world} {
		if err := p.stop(t.Context()); err != nil {
			t.Errorf("%s did not stop well: %v", p.Args[1], err)
		}
	}
	wantOnlyValid(t, world)
}

// wantOnlyValid checks that each webhook that the sandbox showed was accepted.
func wantOnlyValid(t *testing.T, world *process) {
	t.Helper()
	shown := 0
	lines, _ := world.since(0)
	for _, line := range lines {
		if !strings.Contains(line, "  webhook evt_") {
			continue
		}
		shown++
		if !strings.Contains(line, "at shop-a: signature valid, answered 200") {
			t.Errorf("the sandbox showed %q", line)
		}
	}
	if shown < 4 {
		t.Errorf("the sandbox showed %d webhooks, want two events of each payment at least", shown)
	}
}
