package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/guard"
	"reconciler/internal/notify"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox/sandboxtest"
	"reconciler/internal/secret"
	"reconciler/internal/worker"
)

const (
	merchant   = "m-1"
	account    = "acme-main"
	hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// script is a provider that answers each payment's polls from a list, the last
// answer again and again. A payment without a list is not found.
type script struct {
	mu      sync.Mutex
	answers map[string][]answer
	asked   map[string]int
}

type answer struct {
	observation payment.Observation
	kind        providers.Kind
}

func (s *script) Profile() providers.Profile {
	return providers.Profile{Name: "acme", Floor: time.Millisecond, MappingVersion: "acme/1"}
}

func (s *script) CheckReference(ref payment.Reference) error {
	if ref["order"] == "" {
		return &payment.FieldError{Field: "reference.order", Problem: "is missing"}
	}
	return nil
}

func (s *script) Poll(_ context.Context, q providers.Query) (payment.Observation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	order := q.Reference["order"]
	list := s.answers[order]
	n := s.asked[order]
	s.asked[order]++
	if len(list) == 0 {
		return payment.Observation{}, &providers.Error{Kind: providers.NotFound, Doing: "ask"}
	}
	a := list[min(n, len(list)-1)]
	if a.kind != 0 {
		return payment.Observation{}, &providers.Error{Kind: a.kind, Doing: "ask"}
	}
	return a.observation, nil
}

func (s *script) plan(order string, answers ...answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[order] = answers
}

func says(status payment.Status) answer {
	o := payment.Observation{Status: status, ProviderStatus: string(status)}
	if status.Paid() {
		o.Amount, _ = payment.ParseMoney("33.00", "EUR")
		o.Captured = o.Amount
	}
	return answer{observation: o}
}

// shop is a merchant on a network in memory. It verifies each webhook with the
// public library.
type shop struct {
	net   *sandboxtest.Network
	mu    sync.Mutex
	got   []delivery
	fail  func(id string, attempt int) int // HTTP status; nil: always 200
	tries map[string]int
	news  chan struct{}
}

type delivery struct {
	id   string
	body []byte
	data payment.Data
	err  error
}

// shopAddress is where the shop listens.
const shopAddress = "127.0.0.1:8080"

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{net: sandboxtest.NewNetwork(), tries: map[string]int{}, news: make(chan struct{}, 1)}
	verifier, err := standardwebhooks.NewWebhook(hookSecret)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		d := delivery{id: r.Header.Get("webhook-id"), body: body, err: verifier.Verify(body, r.Header)}
		var event payment.Event
		if err := json.Unmarshal(body, &event); err != nil {
			d.err = err
		}
		d.data = event.Data
		s.mu.Lock()
		s.tries[d.id]++
		status := 200
		if s.fail != nil {
			status = s.fail(d.id, s.tries[d.id])
		}
		if status == 200 {
			s.got = append(s.got, d)
		}
		s.mu.Unlock()
		w.WriteHeader(status)
		select {
		case s.news <- struct{}{}:
		default:
		}
	})}
	listener, err := s.net.Listen(t.Context(), shopAddress)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return s
}

func (s *shop) deliveries() []delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]delivery(nil), s.got...)
}

// await waits until the deliveries satisfy the condition.
func (s *shop) await(t *testing.T, what string, done func([]delivery) bool) {
	t.Helper()
	limit := time.After(time.Hour)
	for !done(s.deliveries()) {
		select {
		case <-s.news:
		case <-limit:
			t.Fatalf("%s: not within an hour; got %d deliveries", what, len(s.deliveries()))
		}
	}
}

// locked makes a seeded source that several loops may use.
func locked(seed uint64) func() float64 {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, seed))
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return r.Float64()
	}
}

// fast is a cadence that looks again and again.
func fast() *retry.Cadence {
	every := []retry.Step{{Until: time.Hour, Every: 300 * time.Millisecond}}
	return &retry.Cadence{Open: every, Held: every, Settled: every, Closed: every, Parked: every}
}

// options are a worker's, over a connection to a test's broker.
func options(conn *nats.Conn, p providers.Provider, s *shop) worker.Options {
	return worker.Options{
		Conn: conn,
		Accounts: []worker.Account{{
			Name: account, Provider: p, Cadence: fast(),
			Guard: guard.Options{Concurrency: 16, TimeLimit: 2 * time.Second, Consecutive: 5, Reopen: []time.Duration{time.Second}},
		}},
		Endpoints: []notify.Endpoint{{ID: "shop", Merchant: merchant, URL: "http://" + shopAddress, AllowHTTP: true, Secrets: []secret.Text{secret.New(hookSecret)}}},
		Webhook:   webhook.Options{DialContext: s.net.Dial, TimeLimit: 2 * time.Second},
		Schedule:  retry.Schedule{0, 200 * time.Millisecond, 200 * time.Millisecond, 200 * time.Millisecond},
		AckWait:   10 * time.Second, Random: locked(1), Log: zerolog.Nop(),
		// What looks after streams and timers has tests of its own, and days of it cost time.
		SweepEvery: 6 * time.Hour, LookEvery: 6 * time.Hour,
	}
}

func startWorker(t testing.TB, o worker.Options) *worker.Worker {
	t.Helper()
	w, err := worker.New(brokertest.Context(t), o)
	if err != nil {
		t.Fatal(err)
	}
	w.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := w.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return w
}

func created(order string) map[string]any {
	return map[string]any{
		"id": "created-" + order, "payment_id": "p-" + order, "merchant_id": merchant, "provider": account,
		"reference": map[string]string{"order": order}, "amount": "33.00", "currency": "EUR",
		"created_at": time.Now().UTC().Format(time.RFC3339Nano),
	}
}

func announce(t *testing.T, b *broker.Broker, body any) {
	t.Helper()
	raw, ok := body.([]byte)
	if !ok {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.JetStream().Publish(brokertest.Context(t), broker.CreatedSubject(merchant, "any"), raw); err != nil {
		t.Fatal(err)
	}
}

// events reads all that was published about payments.
func events(t *testing.T, b *broker.Broker) []payment.Event {
	t.Helper()
	var all []payment.Event
	for _, m := range read(t, b, broker.StreamStatus) {
		e, err := payment.ParseEvent(m.Data)
		if err != nil {
			t.Fatalf("a status message can't be read: %v", err)
		}
		all = append(all, e)
	}
	return all
}

func read(t *testing.T, b *broker.Broker, stream string) []*jetstream.RawStreamMsg {
	t.Helper()
	ctx := brokertest.Context(t)
	s, err := b.JetStream().Stream(ctx, stream)
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var all []*jetstream.RawStreamMsg
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
		if m, err := s.GetMsg(ctx, seq); err == nil {
			all = append(all, m)
		}
	}
	return all
}

// versions checks that each payment's versions are 1..n and gives n by payment.
func versions(t *testing.T, all []payment.Event) map[string]int {
	t.Helper()
	last := map[string]int{}
	for _, e := range all {
		if e.Data.Version != last[e.Data.PaymentID]+1 {
			t.Errorf("payment %s: version %d after %d", e.Data.PaymentID, e.Data.Version, last[e.Data.PaymentID])
		}
		last[e.Data.PaymentID] = e.Data.Version
	}
	return last
}

func newScript() *script { return &script{answers: map[string][]answer{}, asked: map[string]int{}} }

func order(i int) string { return fmt.Sprintf("o-%04d", i) }

func orderedAll() jetstream.OrderedConsumerConfig { return jetstream.OrderedConsumerConfig{} }
