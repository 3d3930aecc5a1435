package demo

import (
	"testing"
	"time"

	"reconciler/internal/history/peers"
	"reconciler/internal/invariant"
	"reconciler/internal/payment"
)

// lived is what one payment of a demo came to.
type lived struct {
	t     *testing.T
	run   *run
	h     invariant.History
	money payment.Money
	last  payment.Status
}

func newLived(t *testing.T) *lived {
	t.Helper()
	money, err := payment.ParseMoney("33.00", "USD")
	if err != nil {
		t.Fatal(err)
	}
	return &lived{t: t, money: money, run: &run{
		Options: Options{Hooks: []Hook{{Merchant: "m", ID: "orders"}, {Merchant: "m", ID: "money", Events: []string{"payment.refunded"}}}},
		plan:    []planned{{Payment: peers.Payment{ID: "p", Merchant: "m", Provider: "halyk"}}},
	}}
}

// becomes publishes a status, after those that were skipped, and delivers it.
func (l *lived) becomes(s payment.Status, change func(*payment.Data), implied ...payment.Status) *lived {
	l.t.Helper()
	d := payment.Data{
		PaymentID: "p", MerchantID: "m", Account: "halyk", Version: len(l.h.Events) + 1, Status: s, Implied: implied, Final: s.Final(),
		Expected: l.money, ObservedAt: time.Now(), SchemaVersion: payment.SchemaVersion,
	}
	d.PreviousStatus, l.last = l.last, s
	if change != nil {
		change(&d)
	}
	e := payment.Event{Type: payment.TypeOf(s), Timestamp: d.ObservedAt, Data: d}
	body, err := e.Body()
	if err != nil {
		l.t.Fatal(err)
	}
	l.h.Events = append(l.h.Events, invariant.Event{Body: body})
	for _, hook := range l.run.interested(e) {
		l.h.Receipts = append(l.h.Receipts, invariant.Receipt{Merchant: "m", Endpoint: hook.ID, EventID: e.ID(), Verified: true, Delivered: true})
	}
	return l
}

func (l *lived) outcome() string { return l.run.outcome(l.h) }

// refunded is a payment that was seen at each stage of its life.
func refunded(t *testing.T) *lived {
	l := newLived(t)
	paid := func(d *payment.Data) { d.Captured = l.money }
	back := func(d *payment.Data) { d.Captured, d.Refunded = l.money, l.money }
	return l.becomes(payment.Pending, nil).becomes(payment.Processing, nil).becomes(payment.Failed, nil).
		becomes(payment.Succeeded, paid).becomes(payment.PartiallyRefunded, paid).becomes(payment.Refunded, back)
}

func TestOutcome_IsTheSame_HoweverManyStagesWereSeen(t *testing.T) {
	few := newLived(t)
	few.becomes(payment.Pending, nil).becomes(payment.Refunded, func(d *payment.Data) { d.Captured, d.Refunded = few.money, few.money }, payment.Succeeded)
	if few.outcome() != refunded(t).outcome() {
		t.Error("the outcome depends on when somebody looked")
	}
	again := refunded(t)
	again.h.Receipts = append(again.h.Receipts, again.h.Receipts...)
	if again.outcome() != few.outcome() {
		t.Error("the outcome depends on how often the endpoints were told")
	}
}

func TestOutcome_DiffersWhereTheEndDiffers(t *testing.T) {
	want := refunded(t).outcome()
	for name, spoil := range map[string]func(*lived){
		"another status": func(l *lived) {
			l.becomes(payment.ChargedBack, func(d *payment.Data) { d.Captured, d.Refunded = l.money, l.money })
		},
		"no event": func(l *lived) { l.h.Events = nil },
		"other money": func(l *lived) {
			l.h.Events = l.h.Events[:5]
			l.becomes(payment.Refunded, func(d *payment.Data) { d.Captured = l.money })
		},
		"a charge nobody saw": func(l *lived) { l.h.Events = []invariant.Event{l.h.Events[0], l.h.Events[5]} },
		"another merchant":    func(l *lived) { l.run.plan[0].Merchant = "n" },
		"another provider":    func(l *lived) { l.run.plan[0].Provider = "uapay" },
		"one payment more": func(l *lived) {
			l.run.plan = append(l.run.plan, planned{Payment: peers.Payment{ID: "q", Merchant: "m"}})
		},
		"an endpoint not told":    func(l *lived) { l.h.Receipts = l.h.Receipts[:len(l.h.Receipts)-1] },
		"a signature not checked": func(l *lived) { l.h.Receipts[len(l.h.Receipts)-1].Verified = false },
		"a webhook not taken":     func(l *lived) { l.h.Receipts[len(l.h.Receipts)-1].Delivered = false },
	} {
		l := refunded(t)
		spoil(l)
		if l.outcome() == want {
			t.Errorf("%s: the outcome is the same", name)
		}
	}
	if refunded(t).outcome() != want {
		t.Error("the outcome of the same is another")
	}
}

// A charge that was undone the same day may go unseen, and no look tells whether.
func TestOutcome_OfAVoid_DoesNotDependOnTheCharge(t *testing.T) {
	seen := newLived(t)
	seen.becomes(payment.Pending, nil).becomes(payment.Succeeded, func(d *payment.Data) { d.Captured = seen.money }).
		becomes(payment.Voided, func(d *payment.Data) { d.Captured = seen.money })
	if missed := newLived(t).becomes(payment.Pending, nil).becomes(payment.Voided, nil, payment.Authorized); missed.outcome() != seen.outcome() {
		t.Error("the outcome depends on when somebody looked")
	}
}
