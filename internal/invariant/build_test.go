package invariant_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"reconciler/internal/invariant"
	"reconciler/internal/payment"
)

// builder writes a history the way a faultless worker would.
type builder struct {
	h     invariant.History
	now   time.Time
	seq   uint64
	state map[string]payment.State
}

func newBuilder() *builder {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b := &builder{now: start, state: map[string]payment.State{}}
	for _, merchant := range []string{"m-1", "m-2"} {
		b.h.Endpoints = append(b.h.Endpoints,
			invariant.Endpoint{ID: "all", Merchant: merchant},
			invariant.Endpoint{ID: "final", Merchant: merchant, Interested: announcesFinal},
		)
	}
	b.h.Endpoints = append(b.h.Endpoints, invariant.Endpoint{ID: "off", Merchant: "m-2", Disabled: true})
	return b
}

// announcesFinal is a filter: only types of decided statuses.
func announcesFinal(eventType string) bool {
	s, ok := payment.StatusOf(eventType)
	return ok && s.Final()
}

func (b *builder) tick() time.Time {
	b.now = b.now.Add(time.Second)
	return b.now
}

func (b *builder) next() uint64 {
	b.seq++
	return b.seq
}

// createdBody is a valid created event of 100.00 USD.
func createdBody(merchant, id string, set ...string) []byte {
	fields := map[string]any{
		"id": "e-" + id, "payment_id": id, "merchant_id": merchant, "provider": "bank",
		"reference": map[string]string{"order": id}, "amount": "100.00", "currency": "USD",
		"created_at": "2026-03-01T12:00:00Z", "metadata": map[string]string{"order": id},
	}
	for i := 0; i+1 < len(set); i += 2 {
		fields[set[i]] = set[i+1]
	}
	body, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return body
}

// input puts a created event in the stream and gives its sequence.
func (b *builder) input(body []byte) uint64 {
	seq := b.next()
	b.h.Created = append(b.h.Created, invariant.Input{Seq: seq, Time: b.tick(), Subject: "payments.created.x", Body: body})
	return seq
}

// refuse makes a dead letter of the last input.
func (b *builder) refuse(reason string) {
	in := b.h.Created[len(b.h.Created)-1]
	b.h.Dead = append(b.h.Dead, invariant.Dead{
		Time: b.tick(), Stage: invariant.StageIntake, Reason: reason,
		SourceStream: "PAYMENTS", SourceSeq: in.Seq, Body: bytes.Clone(in.Body),
	})
}

// create publishes a payment's created event and its first version.
func (b *builder) create(merchant, id string) {
	body := createdBody(merchant, id)
	b.input(body)
	c, err := payment.ParseCreated(body, b.now)
	if err != nil {
		panic(err)
	}
	state, event := payment.Begin(c, b.tick())
	b.state[id] = state
	b.publish(state, event)
}

// publish stores an event and delivers it to every endpoint that wants it.
func (b *builder) publish(s payment.State, e payment.Event) {
	body, err := e.Body()
	if err != nil {
		panic(err)
	}
	d := e.Data
	s.Last = d
	b.state[d.PaymentID] = s
	b.h.Events = append(b.h.Events, invariant.Event{
		Seq: b.next(), Time: b.tick(), Status: d.Status, Account: d.Account, Merchant: d.MerchantID, Payment: d.PaymentID,
		ID: e.ID(), Digest: s.Origin.Digest, Body: body,
	})
	for _, p := range b.h.Endpoints {
		if p.Merchant == d.MerchantID && (p.Interested == nil || p.Interested(e.Type)) {
			b.deliver(p, e, body)
		}
	}
}

func (b *builder) deliver(p invariant.Endpoint, e payment.Event, body []byte) {
	receipt := invariant.Receipt{
		Time: b.tick(), Merchant: p.Merchant, Endpoint: p.ID, EventID: e.ID(), Body: bytes.Clone(body), Verified: true, Delivered: true,
	}
	attempt := invariant.Attempt{
		Seq: b.next(), Time: b.tick(), Outcome: invariant.OutcomeDelivered, Merchant: p.Merchant, Endpoint: p.ID,
		Payment: e.Data.PaymentID, Version: e.Data.Version, EventID: e.ID(), Body: []byte(`{"class":"ok"}`),
	}
	switch {
	case p.Disabled:
		attempt.Outcome = invariant.OutcomeSkipped
		b.h.Attempts = append(b.h.Attempts, attempt)
		return
	case e.Data.PaymentID == "p-lost" && e.Data.Version == 2:
		b.exhaust(attempt, receipt)
		return
	case e.Data.Version%2 == 0: // a first attempt fails
		failed, refused := attempt, receipt
		failed.Outcome, refused.Delivered = invariant.OutcomeFailed, false
		b.h.Attempts = append(b.h.Attempts, failed)
		b.h.Receipts = append(b.h.Receipts, refused)
		receipt.Time, attempt.Time = b.tick(), b.tick()
	}
	b.h.Attempts = append(b.h.Attempts, attempt)
	b.h.Receipts = append(b.h.Receipts, receipt)
}

func (b *builder) exhaust(a invariant.Attempt, refused invariant.Receipt) {
	a.Outcome, refused.Delivered = invariant.OutcomeExhausted, false
	b.h.Attempts = append(b.h.Attempts, a)
	b.h.Receipts = append(b.h.Receipts, refused)
	b.h.Dead = append(b.h.Dead, invariant.Dead{
		Time: b.tick(), Stage: "webhook", Reason: "exhausted", SourceStream: "RECON_WORK", SourceSeq: b.next(),
		Merchant: a.Merchant, Endpoint: a.Endpoint, Payment: a.Payment, Version: a.Version, Body: bytes.Clone(refused.Body),
	})
}

// look asks the provider and publishes what follows.
func (b *builder) look(id string, o payment.Observation) {
	l := b.ask(id, o)
	if o.Status == "" { // not found says nothing
		return
	}
	if move, event := payment.Apply(b.state[id], l); move == payment.Changed {
		b.publish(b.state[id], event)
	}
}

// ask writes a look into the provider's ledger.
func (b *builder) ask(id string, o payment.Observation) payment.Look {
	d := b.state[id].Last
	l := invariant.Look{
		Account: d.Account, Merchant: d.MerchantID, Payment: id, AskedAt: b.tick(), AnsweredAt: b.tick(),
		Answered: true, Known: o.Status != "", Status: o.Status, Captured: o.Captured, Refunded: o.Refunded,
	}
	b.h.Looks = append(b.h.Looks, l)
	return payment.Look{Observation: o, Trigger: payment.TriggerPoll, At: l.AnsweredAt.Add(5 * time.Millisecond)}
}

// fail is a look that got no readable answer.
func (b *builder) fail(id string) payment.Look {
	d := b.state[id].Last
	b.h.Looks = append(b.h.Looks, invariant.Look{Account: d.Account, Merchant: d.MerchantID, Payment: id, AskedAt: b.tick()})
	return payment.Look{Trigger: payment.TriggerPoll, At: b.tick()}
}

// done arms the timers that a quiet history must have and closes it.
func (b *builder) done() invariant.History {
	for _, e := range b.h.Events {
		s := b.state[e.Payment].Last
		if s.Version != 1 && s.Status.ClosedForGood() || b.armed(e.Payment) {
			continue
		}
		b.h.Pending = append(b.h.Pending, invariant.Pending{
			Queue: invariant.QueueTimer, Kind: invariant.KindPoll, Account: s.Account, Merchant: s.MerchantID, Payment: s.PaymentID,
			DueAt: b.now.Add(time.Hour), Body: []byte(`{"schema":1}`),
		})
	}
	b.h.Quiet, b.h.Now = true, b.tick()
	b.h.Sealed = []string{"hunter2-hunter2", "+77010000001", `quote"d`}
	b.h.WatchedUntil = func(_ payment.Data, since time.Time) time.Time { return since.Add(24 * time.Hour) }
	b.h.Refuses = func(c payment.Created) string {
		if c.Account != "bank" {
			return invariant.ReasonUnknownProvider
		}
		return ""
	}
	return b.h
}

func (b *builder) armed(id string) bool {
	for _, p := range b.h.Pending {
		if p.Payment == id && p.Kind == invariant.KindPoll {
			return true
		}
	}
	return false
}

func usd(minor int64) payment.Money {
	m, err := payment.MinorMoney(minor, "USD")
	if err != nil {
		panic(err)
	}
	return m
}

// validHistory has every kind of payment life, and nothing wrong.
func validHistory() invariant.History {
	type seen = payment.Observation
	b := newBuilder()
	b.create("m-1", "p-open")
	b.look("p-open", seen{Status: payment.Pending})

	b.create("m-1", "p-refunded")
	b.look("p-refunded", seen{})
	b.look("p-refunded", seen{Status: payment.Processing})
	b.look("p-refunded", seen{Status: payment.Succeeded, Amount: usd(10000), Captured: usd(10000)})
	b.look("p-refunded", seen{Status: payment.PartiallyRefunded, Refunded: usd(2500)})
	b.look("p-refunded", seen{Status: payment.PartiallyRefunded, Refunded: usd(5000)})
	b.look("p-refunded", seen{Status: payment.Refunded, Captured: usd(10000), Refunded: usd(10000)})

	b.create("m-1", "p-late")
	b.look("p-late", seen{Status: payment.Failed, Reason: payment.ReasonDeclined})
	b.look("p-late", seen{Status: payment.Succeeded, Amount: usd(10000)})

	b.create("m-2", "p-skips")
	b.look("p-skips", seen{Status: payment.RequiresAction})
	b.look("p-skips", seen{Status: payment.PartiallyRefunded, Amount: usd(10000), Refunded: usd(1)})

	b.create("m-2", "p-unknown")
	b.fail("p-unknown")
	b.publish(b.state["p-unknown"], payment.GiveUp(b.state["p-unknown"], payment.Unknown, "", b.ask("p-unknown", seen{Status: payment.Processing})))

	b.create("m-2", "p-expired")
	b.publish(b.state["p-expired"], payment.GiveUp(b.state["p-expired"], payment.Expired, payment.ReasonNeverReachedProvider, b.ask("p-expired", seen{})))

	b.create("m-1", "p-wrong")
	b.look("p-wrong", seen{Status: payment.Succeeded, Amount: usd(9999)})

	b.create("m-1", "p-forged")
	b.fail("p-forged")
	b.publish(b.state["p-forged"], payment.ToReview(b.state["p-forged"], payment.ReasonSignatureInvalid, b.fail("p-forged")))

	b.create("m-1", "p-lost")
	b.look("p-lost", seen{Status: payment.Authorized, Amount: usd(10000)})
	b.look("p-lost", seen{Status: payment.PartiallyCaptured, Captured: usd(4000)})
	b.look("p-lost", seen{Status: payment.Voided})

	b.input(createdBody("m-1", "p-open", "id", "e-again"))
	b.input(createdBody("m-1", "p-open", "amount", "200.00"))
	b.refuse(invariant.ReasonConflict)
	b.input([]byte("not json"))
	b.refuse("not_json")
	b.input(createdBody("m-1", "p-bad", "amount", "-1"))
	b.refuse("invalid")
	b.input(createdBody("m-1", "p-else", "provider", "nobody"))
	b.refuse(invariant.ReasonUnknownProvider)
	return b.done()
}

// manyPayments is a valid history of n payments with 8 events each.
func manyPayments(n int) invariant.History {
	b := newBuilder()
	b.h.Endpoints = b.h.Endpoints[:1]
	for i := range n {
		id := fmt.Sprintf("p-%05d", i)
		b.create("m-1", id)
		for _, o := range []payment.Observation{
			{Status: payment.RequiresAction}, {Status: payment.Processing}, {Status: payment.Authorized, Amount: usd(10000)},
			{Status: payment.Succeeded, Amount: usd(10000), Captured: usd(10000)},
			{Status: payment.PartiallyRefunded, Refunded: usd(10)}, {Status: payment.Disputed},
			{Status: payment.Refunded, Refunded: usd(10000)},
		} {
			b.look(id, o)
		}
	}
	// done looks for timers payment by payment; here every payment is closed for good.
	b.h.Quiet, b.h.Now = true, b.tick()
	b.h.Sealed = []string{"hunter2-hunter2", "+77010000001"}
	return b.h
}
