package worker_test

import (
	"bytes"
	"strings"
	"testing"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

func TestWorker_CarriesAPaymentFromCreatedToSignedWebhooksInOrder(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		b, p, s := brokertest.Start(t), newScript(), newShop(t)
		p.plan("a", says(payment.Processing), answer{kind: providers.Unavailable}, says(payment.RequiresAction), says(payment.Succeeded))
		startWorker(t, options(b.Conn(), p, s))
		announce(t, b, created("a"))

		s.await(t, "the success reaches the merchant", func(got []delivery) bool {
			return len(got) > 0 && got[len(got)-1].data.Status == payment.Succeeded
		})
		want := []payment.Status{payment.Pending, payment.Processing, payment.RequiresAction, payment.Succeeded}
		got := s.deliveries()
		if len(got) != len(want) {
			t.Fatalf("%d deliveries, want %d", len(got), len(want))
		}
		stored := read(t, b, broker.StreamStatus)
		for i, d := range got {
			if d.err != nil {
				t.Errorf("delivery %d: %v", i, d.err)
			}
			if d.data.Status != want[i] || d.data.Version != i+1 {
				t.Errorf("delivery %d is version %d %s, want version %d %s", i, d.data.Version, d.data.Status, i+1, want[i])
			}
			if !bytes.Equal(d.body, stored[i].Data) {
				t.Errorf("delivery %d is not the event byte for byte", i)
			}
		}
	})
}

func TestWorker_BadInputBecomesADeadLetterAndDelaysNobody(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		b, p, s := brokertest.Start(t), newScript(), newShop(t)
		p.plan("good", says(payment.Succeeded))
		startWorker(t, options(b.Conn(), p, s))

		change := func(key string, value any) map[string]any {
			c := created("bad-" + key)
			if value == nil {
				delete(c, key)
			} else {
				c[key] = value
			}
			return c
		}
		inputs := []struct {
			body   any
			reason string
		}{
			{[]byte("not json at all"), "not_json"},
			{change("merchant_id", nil), "invalid"},
			{change("amount", "-1.00"), "invalid"},
			{change("amount", "1.001"), "invalid"},
			{change("currency", "XXX"), "invalid"},
			{change("provider", "nobody"), "unknown_provider"},
			{change("reference", map[string]string{"invoice": "1"}), "invalid_reference"},
			{change("payment_id", strings.Repeat("x", 129)), "invalid"},
			{change("metadata", map[string]string{"k": strings.Repeat("x", 70_000)}), "too_large"},
		}
		for _, in := range inputs {
			announce(t, b, in.body)
		}
		announce(t, b, created("good"))
		s.await(t, "the good payment succeeds", func(got []delivery) bool { return len(got) >= 2 })

		dead, sources := read(t, b, broker.StreamDead), read(t, b, broker.StreamPayments)
		if len(dead) != len(inputs) {
			t.Fatalf("%d dead letters, want %d", len(dead), len(inputs))
		}
		bySource := map[string]int{}
		for i, d := range dead {
			bySource[string(d.Data)] = i
		}
		for i, in := range inputs {
			at, ok := bySource[string(sources[i].Data)]
			if !ok {
				t.Errorf("input %d (%s) is kept nowhere whole", i, in.reason)
				continue
			}
			if got := dead[at].Header.Get("Recon-Reason"); got != in.reason {
				t.Errorf("input %d has the reason %q, want %q", i, got, in.reason)
			}
		}
		if all := events(t, b); len(all) != 2 {
			t.Errorf("%d events, want the 2 of the good payment", len(all))
		}
	})
}

func TestWorker_SameEventTwiceIsOnePayment_OtherContentIsAConflict(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		b, p, s := brokertest.Start(t), newScript(), newShop(t)
		p.plan("a", says(payment.Succeeded))
		startWorker(t, options(b.Conn(), p, s))
		first := created("a")
		announce(t, b, first)
		announce(t, b, first)
		again := map[string]any{}
		for k, v := range first {
			again[k] = v
		}
		again["id"] = "told-again"
		announce(t, b, again)
		other := map[string]any{}
		for k, v := range first {
			other[k] = v
		}
		other["amount"] = "34.00"
		s.await(t, "the payment succeeds", func(got []delivery) bool { return len(got) >= 2 })
		announce(t, b, other) // not before: of events at once any may come first
		awaitDead(t, b, 1)

		if n := versions(t, events(t, b)); len(n) != 1 || n["p-a"] != 2 {
			t.Errorf("versions by payment = %v, want p-a with 2", n)
		}
		dead := read(t, b, broker.StreamDead)
		if len(dead) != 1 || dead[0].Header.Get("Recon-Reason") != "conflict" {
			t.Errorf("dead letters = %d, want one conflict", len(dead))
		}
	})
}

// awaitDead waits until so many dead letters are kept.
func awaitDead(t *testing.T, b *broker.Broker, n int) {
	t.Helper()
	ctx := brokertest.Context(t)
	consumer, err := b.JetStream().OrderedConsumer(ctx, broker.StreamDead, orderedAll())
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		if _, err := consumer.Next(); err != nil {
			t.Fatalf("wait for %d dead letters: %v", n, err)
		}
	}
}

func TestWorker_TwoWorkersPublishEachChangeOnce(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		b, p, s := brokertest.Start(t), newScript(), newShop(t)
		const payments = 100
		for i := range payments {
			p.plan(order(i), says(payment.Processing), says(payment.Succeeded))
		}
		startWorker(t, options(b.Conn(), p, s))
		startWorker(t, options(b.Conn(), p, s))
		for i := range payments {
			announce(t, b, created(order(i)))
		}
		s.await(t, "all payments succeed", func(got []delivery) bool {
			succeeded := map[string]bool{}
			for _, d := range got {
				if d.data.Status == payment.Succeeded {
					succeeded[d.data.PaymentID] = true
				}
			}
			return len(succeeded) == payments
		})
		for id, n := range versions(t, events(t, b)) {
			if n != 3 {
				t.Errorf("payment %s has %d versions, want 3", id, n)
			}
		}
	})
}

func TestWorker_FailingWebhooksStayInOrderAndAreGivenUpIntoADeadLetter(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		b, p, s := brokertest.Start(t), newScript(), newShop(t)
		p.plan("a", says(payment.Processing), says(payment.Succeeded))
		first, second := payment.EventID(merchant, "p-a", 1), payment.EventID(merchant, "p-a", 2)
		s.fail = func(id string, attempt int) int {
			switch {
			case id == first: // given up after four attempts
				return 500
			case id == second && attempt < 3:
				return 503
			}
			return 200
		}
		startWorker(t, options(b.Conn(), p, s))
		announce(t, b, created("a"))
		s.await(t, "versions 2 and 3 arrive", func(got []delivery) bool { return len(got) >= 2 })

		for i, d := range s.deliveries() {
			if d.data.Version != i+2 || d.err != nil {
				t.Errorf("delivery %d is version %d (%v), want %d", i, d.data.Version, d.err, i+2)
			}
		}
		awaitDead(t, b, 1)
		dead := read(t, b, broker.StreamDead)
		if got := dead[0].Header.Get("Recon-Reason"); got != "exhausted" {
			t.Errorf("the dead letter's reason is %q, want exhausted", got)
		}
		if e, err := payment.ParseEvent(dead[0].Data); err != nil || e.ID() != first {
			t.Errorf("the dead letter does not hold the event that was given up: %v", err)
		}
	})
}
