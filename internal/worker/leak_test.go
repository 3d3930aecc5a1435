package worker_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/guard"
	"reconciler/internal/notify"
	"reconciler/internal/payment"
	"reconciler/internal/providers/catalog"
	"reconciler/internal/providers/ecommpay"
	"reconciler/internal/providers/finipay"
	"reconciler/internal/providers/halyk"
	"reconciler/internal/providers/uapay"
	"reconciler/internal/sandbox"
	"reconciler/internal/sandbox/sandboxtest"
	"reconciler/internal/secret"
	"reconciler/internal/worker"
)

// TestWorker_LetsNoSecretAndNoPersonalDatumIntoLogsOrStreams runs every life of
// every simulated provider, whose answers are full of personal data, and looks
// for any of it, and for any credential, in all that was logged or stored.
func TestWorker_LetsNoSecretAndNoPersonalDatumIntoLogsOrStreams(t *testing.T) {
	brokertest.Bubble(t, letsNothingOut)
}

func letsNothingOut(t *testing.T) {
	s := newShop(t)
	world := startWorld(t, s.net)
	b := brokertest.Start(t)
	logged := &syncBuffer{}
	o := options(b.Conn(), newScript(), s)
	o.Log = zerolog.New(logged).Level(zerolog.DebugLevel)
	o.Accounts, o.DoubtSpan = nil, time.Second
	for _, a := range world.Accounts() {
		o.Accounts = append(o.Accounts, accountOf(t, s.net, a))
	}
	hook := world.Hooks()[0]
	o.Endpoints = []notify.Endpoint{{ID: "shop", Merchant: merchant, URL: hook.URL, AllowHTTP: true, Secrets: []secret.Text{secret.New(hook.Secret)}}}
	startWorker(t, o)
	told := announceEveryLife(t, b, world)
	awaitDecided(t, b, told)

	sealed := sandbox.PersonalMarkers()
	for _, a := range world.Accounts() {
		for _, name := range []string{"password", "client_secret", "secret"} {
			if a.Settings[name] != "" {
				sealed = append(sealed, a.Settings[name])
			}
		}
	}
	sealed = append(sealed, hook.Secret, "Bearer ", "Basic ")
	if logged.String() == "" {
		t.Fatal("nothing was logged, so nothing is shown")
	}
	contains(t, "the log", logged.String(), sealed)
	for _, stream := range []string{broker.StreamStatus, broker.StreamWork, broker.StreamWebhookLog, broker.StreamDead} {
		for _, m := range read(t, b, stream) {
			contains(t, stream+" "+m.Subject, fmt.Sprint(m.Header)+string(m.Data), sealed)
		}
	}
}

func contains(t *testing.T, where, text string, sealed []string) {
	t.Helper()
	for _, s := range sealed {
		if strings.Contains(text, s) {
			t.Errorf("%s holds %q", where, s)
		}
	}
}

func startWorld(t *testing.T, net *sandboxtest.Network) *sandbox.Sandbox {
	t.Helper()
	world, err := sandbox.Start(t.Context(), sandbox.Options{Seed: 1, Faults: sandbox.FaultsSome, Step: 300 * time.Millisecond, Listen: net.Listen})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := world.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return world
}

// accountOf makes a worker's account of a simulated one.
func accountOf(t *testing.T, net *sandboxtest.Network, a sandbox.Account) worker.Account {
	t.Helper()
	transport := &http.Transport{DialContext: net.Dial}
	t.Cleanup(transport.CloseIdleConnections)
	return accountOver(t, transport, a)
}

// accountOver is accountOf over a transport of the caller.
func accountOver(t testing.TB, transport *http.Transport, a sandbox.Account) worker.Account {
	t.Helper()
	entry, ok := catalog.Find(a.Provider)
	if !ok {
		t.Fatalf("no provider %q", a.Provider)
	}
	s, settings := a.Settings, any(nil)
	switch a.Provider {
	case "finipay":
		settings = &finipay.Config{BaseURL: s["base_url"], Login: s["login"], Password: secret.New(s["password"])}
	case "halyk":
		settings = &halyk.Config{APIURL: s["api_url"], TokenURL: s["token_url"], ClientID: s["client_id"], ClientSecret: secret.New(s["client_secret"]), Terminal: s["terminal"]}
	case "uapay":
		settings = &uapay.Config{BaseURL: s["base_url"], ClientID: s["client_id"], Secret: secret.New(s["secret"])}
	case "ecommpay":
		settings = &ecommpay.Config{BaseURL: s["base_url"], ProjectID: 4711, Secret: secret.New(s["secret"])}
	}
	p, err := entry.New(settings, transport)
	if err != nil {
		t.Fatal(err)
	}
	return worker.Account{Name: a.Provider, Provider: p, Cadence: fast(), Floor: 300 * time.Millisecond, Guard: guard.Options{
		Concurrency: 16, TimeLimit: time.Second, Consecutive: 5, Reopen: []time.Duration{300 * time.Millisecond},
	}}
}

// announceEveryLife makes a payment of each life at each provider that can tell
// it and gives the ids of those that will be decided.
func announceEveryLife(t *testing.T, b *broker.Broker, world *sandbox.Sandbox) map[string]bool {
	t.Helper()
	told := map[string]bool{}
	for _, provider := range sandbox.Providers() {
		for _, life := range sandbox.Lives() {
			if !life.For(provider) {
				continue
			}
			made, err := world.Create(sandbox.CreateOptions{Provider: provider, Life: life.Name, AmountMinor: 3300, Currency: sandbox.Currencies(provider)[0]})
			if err != nil {
				t.Fatal(err)
			}
			announce(t, b, map[string]any{
				"id": "e-" + made.ID, "payment_id": made.ID, "merchant_id": merchant, "provider": provider, "reference": made.Reference,
				"amount": made.Amount, "currency": made.Currency, "created_at": made.Created.UTC().Format(time.RFC3339Nano),
			})
			if !life.Undecided {
				told[made.ID] = true
			}
		}
	}
	return told
}

// awaitDecided waits until every payment that will be decided was told to be.
func awaitDecided(t *testing.T, b *broker.Broker, payments map[string]bool) {
	t.Helper()
	news := make(chan payment.Event)
	following, err := b.Conn().Subscribe("payments.status.>", func(m *nats.Msg) {
		if e, err := payment.ParseEvent(m.Data); err == nil && !e.Data.Status.Open() {
			select {
			case news <- e:
			case <-t.Context().Done():
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = following.Unsubscribe() }()
	waiting := map[string]bool{}
	for id := range payments {
		waiting[id] = true
	}
	for _, m := range read(t, b, broker.StreamStatus) { // told before we listened
		if e, err := payment.ParseEvent(m.Data); err == nil && !e.Data.Status.Open() {
			delete(waiting, e.Data.PaymentID)
		}
	}
	limit := time.After(40 * time.Second)
	for len(waiting) > 0 {
		select {
		case e := <-news:
			delete(waiting, e.Data.PaymentID)
		case <-limit:
			t.Fatalf("%d payments were not decided within 40 s", len(waiting))
		}
	}
}

// syncBuffer is a log that several goroutines write.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
