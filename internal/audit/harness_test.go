package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/consumer"
	"reconciler/internal/guard"
	"reconciler/internal/notify"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/retry"
	"reconciler/internal/secret"
)

const acme = "acme" // the account of every test

// teller is a provider that says of every payment what it was told to.
type teller struct {
	mu   sync.Mutex
	says payment.Status
}

// tells makes it say that from now on.
func (p *teller) tells(status payment.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.says = status
}

func (p *teller) Profile() providers.Profile { return providers.Profile{Name: "teller"} }

func (p *teller) CheckReference(payment.Reference) error { return nil }

func (p *teller) Poll(context.Context, providers.Query) (payment.Observation, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return payment.Observation{Status: p.says, ProviderStatus: string(p.says)}, nil
}

// stage is a broker with the real loops on it, and one merchant whose endpoint never
// answers.
type stage struct {
	testing.TB
	ctx      context.Context
	b        *broker.Broker
	provider *teller
	accounts []*consumer.Account
	hook     notify.Endpoint
	set      *consumer.Set
	stop     func()
}

func half() float64 { return 0.5 }

func newStage(t testing.TB, b *broker.Broker) *stage {
	t.Helper()
	tap := func(name string) *guard.Guard {
		g, err := guard.New(guard.Options{Name: name, Concurrency: 16, TimeLimit: 10 * time.Second, Consecutive: 1 << 30, Reopen: []time.Duration{time.Minute}, Jitter: half})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	refused := errors.New("refused")
	sender, err := webhook.New(webhook.Options{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, refused }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sender.Close)
	s := &stage{TB: t, ctx: context.Background(), b: b, provider: &teller{says: payment.Pending}}
	s.hook = notify.Endpoint{
		ID: "orders", Merchant: "m", URL: "http://shop.example/", AllowHTTP: true, Secrets: []secret.Text{secret.New("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")},
	}
	s.accounts = []*consumer.Account{{
		Name: acme, Provider: s.provider, Guard: tap(acme),
		Policy: consumer.Policy{Cadence: retry.Default(), FailureDelay: 30 * time.Second, DoubtLooks: 3, DoubtSpan: 10 * time.Minute},
	}}
	s.set = consumer.New(consumer.Options{
		Broker: b, Accounts: s.accounts, Endpoints: still{s.hook}, Sender: sender,
		Guards:   func(e notify.Endpoint) (*guard.Guard, error) { return tap(e.ID), nil },
		Schedule: retry.Webhooks(), Workers: 8, AckWait: time.Minute, PullWait: time.Minute, Random: half, Log: zerolog.Nop(),
	})
	return s
}

// still is the one endpoint of merchant m; it never changes.
type still struct{ is notify.Endpoint }

func (s still) For(merchant string) []notify.Endpoint {
	if merchant != s.is.Merchant {
		return nil
	}
	return []notify.Endpoint{s.is.WithDefaults()}
}

func (s still) Find(merchant, id string) (notify.Endpoint, bool) {
	return s.is.WithDefaults(), merchant == s.is.Merchant && id == s.is.ID
}

func (still) Report(context.Context, string, string, notify.Action) {}

// run starts the loops; stop, or the test's end, stops them.
func (s *stage) run() {
	pull, end := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.set.Run(pull, context.Background())
	}()
	s.stop = func() {
		end()
		<-done
	}
	s.Cleanup(s.stop)
}

// worked has so many payments announced and worked on for some minutes, and stops the
// loops.
func worked(t testing.TB, b *broker.Broker, payments int) *stage {
	t.Helper()
	s := newStage(t, b)
	s.run()
	s.announce("first")
	for i := range payments {
		s.announce(fmt.Sprint("p", i))
	}
	return s
}

// announce publishes a created event of merchant m.
func (s *stage) announce(id string) {
	s.Helper()
	raw, err := json.Marshal(map[string]any{
		"id": "c-" + id, "payment_id": id, "merchant_id": "m", "provider": acme, "reference": map[string]string{"order": id},
		"amount": "33.00", "currency": "EUR", "created_at": time.Now().UTC().Format(time.RFC3339Nano),
	})
	if err != nil {
		s.Fatal(err)
	}
	s.publish(broker.CreatedSubject("m", id), raw)
}

func (s *stage) publish(subject string, body []byte) {
	s.Helper()
	if _, err := s.b.JetStream().Publish(s.ctx, subject, body); err != nil {
		s.Fatal(err)
	}
}

func (s *stage) options() Options {
	return Options{Broker: s.b, Accounts: s.accounts, Endpoints: []Endpoint{{Merchant: "m", ID: "orders"}}}
}

func (s *stage) audit(o Options) Report {
	s.Helper()
	r, err := New(o).Run(s.ctx)
	if err != nil {
		s.Fatalf("audit: %v (so far %+v)", err, r)
	}
	return r
}

// repairing are options with a real sweeper.
func (s *stage) repairing() Options {
	o := s.options()
	o.Repair = consumer.NewSweeper(consumer.SweepOptions{Broker: s.b, Accounts: s.accounts, Worker: "audit", Random: half, Log: zerolog.Nop()})
	return o
}

// sound fails the test unless nothing is left.
func (s *stage) sound() {
	s.Helper()
	if r := s.audit(s.options()); r.Left() != 0 || r.Payments == 0 {
		s.Errorf("the audit found %+v", r)
	}
}

// kinds counts what was found.
func (r Report) kinds() map[Kind]int {
	all := map[Kind]int{}
	for kind, c := range r.Counts {
		all[kind] = c.Found
	}
	return all
}

// one gives the only finding of a kind.
func (s *stage) one(r Report, kind Kind) Finding {
	s.Helper()
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Kind == kind })
	if i < 0 || r.Counts[kind].Found != 1 {
		s.Fatalf("found %+v, want one %s", r.Findings, kind)
	}
	if r.Findings[i].Detail == "" || r.Findings[i].Do == "" {
		s.Errorf("%+v does not say what is wrong, or what to do", r.Findings[i])
	}
	return r.Findings[i]
}

func (s *stage) stream(name string) jetstream.Stream {
	s.Helper()
	stream, err := s.b.JetStream().Stream(s.ctx, name)
	if err != nil {
		s.Fatal(err)
	}
	return stream
}

// deleteLast deletes the last message on a subject.
func (s *stage) deleteLast(stream, subject string) {
	s.Helper()
	msg, err := s.stream(stream).GetLastMsgForSubject(s.ctx, subject)
	if err == nil {
		err = s.stream(stream).DeleteMsg(s.ctx, msg.Sequence)
	}
	if err != nil {
		s.Fatal(err)
	}
}

func inBubble(t *testing.T, f func(*testing.T, *broker.Broker)) {
	t.Helper()
	brokertest.Bubble(t, func(t *testing.T) { f(t, brokertest.Start(t)) })
}
