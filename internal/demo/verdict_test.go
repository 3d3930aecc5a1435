package demo

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/invariant"
	"reconciler/internal/payment"
	"reconciler/internal/sandbox"
	"reconciler/internal/worker"
)

// idle is a worker that does nothing.
type idle struct{}

func (idle) Start()                     {}
func (idle) Stop(context.Context) error { return nil }
func (idle) Snapshot() worker.Snapshot  { return worker.Snapshot{} }

// liar is a worker that asks nobody and calls each payment succeeded.
type liar struct {
	idle
	t      *testing.T
	broker *broker.Broker
	told   jetstream.ConsumeContext
}

func (l *liar) Start() {
	ctx := l.t.Context()
	consumer, err := l.broker.JetStream().OrderedConsumer(ctx, broker.StreamPayments, jetstream.OrderedConsumerConfig{})
	if err != nil {
		l.t.Error(err)
		return
	}
	l.told, err = consumer.Consume(func(msg jetstream.Msg) {
		created, err := payment.ParseCreated(msg.Data(), time.Now())
		if err != nil {
			l.t.Error(err)
			return
		}
		state, first := payment.Begin(created, time.Now())
		seq := l.publish(first, 0)
		_, second := payment.Apply(state, payment.Look{
			Observation: payment.Observation{Status: payment.Succeeded, Amount: created.Expected, Captured: created.Expected},
			Trigger:     payment.TriggerPoll, At: time.Now(),
		})
		l.publish(second, seq)
	})
	if err != nil {
		l.t.Error(err)
	}
}

func (l *liar) publish(e payment.Event, after uint64) uint64 {
	d := e.Data
	body, err := e.Body()
	if err != nil {
		l.t.Error(err)
	}
	seq, _ := l.broker.AppendStatus(l.t.Context(), broker.Append{
		Subject: broker.StatusSubject(string(d.Status), d.Account, d.MerchantID, d.PaymentID), Key: broker.StatusKey(d.Account, d.MerchantID, d.PaymentID),
		Expected: after, ID: e.ID(), Header: nats.Header{"ce-id": []string{e.ID()}}, Body: body,
	}) // an announcement that was told twice is a conflict
	return seq
}

func (l *liar) Stop(context.Context) error {
	l.told.Stop()
	return nil
}

// played runs a short demo with another worker.
func played(t *testing.T, with func(*broker.Broker) Worker) Result {
	t.Helper()
	b := brokertest.Start(t)
	world, err := sandbox.Start(t.Context(), sandbox.Options{Seed: 1, Step: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = world.Stop(context.WithoutCancel(t.Context())) }()
	result, err := Run(brokertest.Context(t), Options{
		Payments: 12, Seed: 1, Sandbox: world, Hooks: []Hook{{Merchant: "shop-a", ID: "orders", Name: "shop"}}, Conn: b.Conn(),
		Pace:   Pace{Step: 50 * time.Millisecond, Look: 40 * time.Millisecond, Burst: 50 * time.Millisecond},
		Worker: with(b), Limit: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestVerdict_OnAWorkerThatDoesNothing(t *testing.T) {
	r := played(t, func(*broker.Broker) Worker { return idle{} })
	if r.Passed() || r.Payments != 12 || r.Done != 0 || r.Events != 0 || r.Polls != 0 || r.ByStatus["none"] != 12 {
		t.Errorf("the result is %+v, want nothing done", r)
	}
	if len(r.unfinished) != 12 || strings.Count(r.report, "created  ") < mostStories {
		t.Errorf("the summary is %s, want every payment named and the first ones told", r.Summary())
	}
}

func TestVerdict_OnAWorkerThatLies(t *testing.T) {
	r := played(t, func(b *broker.Broker) Worker { return &liar{t: t, broker: b} })
	if r.Passed() || r.ByStatus["succeeded"] != 12 || r.Done == 12 || r.Polls != 0 || r.Webhooks.Events != 24 || r.Webhooks.Delivered != 0 {
		t.Errorf("the result is %+v, want it found out", r)
	}
	if !strings.Contains(strings.Join(r.Violations, "\n"), "rule 3") || !strings.Contains(r.report, "which no look was told") {
		t.Errorf("the violations are %q, want rule 3", r.Violations)
	}
}

// bodyOf is the event of a payment's version.
func bodyOf(t *testing.T, merchant, id string, s payment.Status) (body []byte, eventID string) {
	t.Helper()
	expected, err := payment.ParseMoney("33.00", "USD")
	if err != nil {
		t.Fatal(err)
	}
	e := payment.Event{Type: payment.TypeOf(s), Timestamp: time.Now(), Data: payment.Data{
		PaymentID: id, MerchantID: merchant, Account: "halyk", Version: 1, Status: s, Final: s.Final(), Expected: expected,
		ObservedAt: time.Now(), SchemaVersion: payment.SchemaVersion,
	}}
	if body, err = e.Body(); err != nil {
		t.Fatal(err)
	}
	return body, e.ID()
}

func TestWebhooks_CountWhatWasDueAndWhatOfItArrived(t *testing.T) {
	r := &run{Options: Options{Hooks: []Hook{
		{Merchant: "a", ID: "orders"}, {Merchant: "a", ID: "money", Events: []string{"payment.refunded"}}, {Merchant: "b", ID: "orders"},
	}}}
	one, first := bodyOf(t, "a", "1", payment.Pending)
	two, second := bodyOf(t, "b", "2", payment.Pending)
	receipt := func(merchant, endpoint, id string, verified, taken bool) invariant.Receipt {
		return invariant.Receipt{Merchant: merchant, Endpoint: endpoint, EventID: id, Verified: verified, Delivered: taken}
	}
	got := r.webhooks(invariant.History{
		Events: []invariant.Event{{Body: one}, {Body: two}, {Body: []byte("unreadable")}},
		Receipts: []invariant.Receipt{
			receipt("a", "orders", first, true, false), receipt("a", "orders", first, true, true), receipt("a", "orders", first, true, true),
			receipt("a", "money", first, true, true),    // not due there
			receipt("b", "orders", second, false, true), // with a wrong signature
		},
		Attempts: []invariant.Attempt{{Outcome: invariant.OutcomeDelivered}, {Outcome: invariant.OutcomeExhausted}},
	})
	if want := (WebhookResult{Events: 2, Delivered: 1, Attempts: 5, Exhausted: 1}); got != want {
		t.Errorf("the webhooks are %+v, want %+v", got, want)
	}
}
