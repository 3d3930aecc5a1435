package payment_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/payment"
)

// The statuses as they head the columns of the table below.
const columns = "" +
	"pending requires_action processing authorized | partially_captured succeeded partially_refunded disputed | " +
	"failed canceled expired | voided refunded charged_back | unknown review"

// applied says, for each last status, what seeing each status does:
//
//	.  same       +  changed, to what was seen
//	-  regressed  !  changed, to review for a contradiction
func applied() map[payment.Status]string {
	return map[payment.Status]string{
		payment.Pending:           ".+++ +++! +++ ++! ++",
		payment.RequiresAction:    "..++ +++! +++ ++! ++",
		payment.Processing:        ".+.+ +++! +++ ++! ++",
		payment.Authorized:        "---. +++! +++ ++! ++",
		payment.PartiallyCaptured: "---- .+++ !!! +++ !+",
		payment.Succeeded:         "---- -.++ !!! +++ !+",
		payment.PartiallyRefunded: "---- --.+ !!! !++ !+",
		payment.Disputed:          "---- -++. !!! !++ !+",
		payment.Failed:            "---- ++!! ... !!! !+",
		payment.Canceled:          "---- ++!! ... !!! !+",
		payment.Expired:           "---- ++!! ... !!! !+",
		payment.Voided:            ".... .... ... ... ..",
		payment.Refunded:          ".... .... ... ... ..",
		payment.ChargedBack:       ".... .... ... ... ..",
		payment.Unknown:           ".... ++++ +++ +++ .+",
		payment.Review:            ".... .... ... ... ..",
	}
}

func TestApply_DecidesEveryPairOfStatuses(t *testing.T) {
	heads := strings.Fields(strings.ReplaceAll(columns, "|", ""))
	if len(heads) != len(payment.Statuses()) {
		t.Fatalf("the table has %d columns for %d statuses", len(heads), len(payment.Statuses()))
	}
	for _, last := range payment.Statuses() {
		marks := strings.ReplaceAll(applied()[last], " ", "")
		if len(marks) != len(heads) {
			t.Fatalf("the row of %s has %d marks", last, len(marks))
		}
		for i, head := range heads {
			seen := payment.Status(head)
			move, event := payment.Apply(standing(last), seeing(seen))
			if got := mark(move, event, seen); got != marks[i:i+1] {
				t.Errorf("%s then %s: got %q (%s to %s), want %q", last, seen, got, move, event.Data.Status, marks[i:i+1])
			}
			if move != payment.Changed && !reflect.DeepEqual(event, payment.Event{}) {
				t.Errorf("%s then %s: %s comes with an event", last, seen, move)
			}
		}
	}
}

func mark(move payment.Move, event payment.Event, seen payment.Status) string {
	d := event.Data
	switch {
	case move == payment.Same:
		return "."
	case move == payment.Regressed:
		return "-"
	case d.Status == seen:
		return "+"
	case d.Status == payment.Review && d.Reason == payment.ReasonContradiction:
		return "!"
	}
	return "?"
}

// standing is a payment of 100.00 whose last event has the status, with the
// money that fits it.
func standing(s payment.Status) payment.State {
	d := payment.Data{
		PaymentID: "p-1", MerchantID: "m-1", Account: "finipay-main", Version: 3, Status: s,
		PreviousStatus: payment.Pending, Expected: cash(10000), SchemaVersion: 1,
	}
	switch s {
	case payment.PartiallyCaptured:
		d.Captured = cash(4000)
	case payment.Succeeded, payment.Disputed, payment.ChargedBack:
		d.Captured = cash(10000)
	case payment.PartiallyRefunded:
		d.Captured, d.Refunded = cash(10000), cash(500)
	case payment.Refunded:
		d.Captured, d.Refunded = cash(10000), cash(10000)
	}
	return payment.State{Last: d}
}

// seeing is an answer with the status and the money that standing has for it.
func seeing(s payment.Status) payment.Look {
	fit := standing(s).Last
	return payment.Look{
		Observation: payment.Observation{Status: s, Amount: cash(10000), Captured: fit.Captured, Refunded: fit.Refunded},
		Trigger:     payment.TriggerPoll, At: lookedAt(),
	}
}

func lookedAt() time.Time { return time.Date(2026, 2, 3, 11, 0, 0, 0, time.UTC) }

func TestApply_TellsWhatWasSkipped(t *testing.T) {
	tests := []struct {
		last, seen payment.Status
		implied    []payment.Status
	}{
		{payment.Pending, payment.Succeeded, nil},
		{payment.Pending, payment.PartiallyRefunded, []payment.Status{payment.Succeeded}},
		{payment.Pending, payment.Refunded, []payment.Status{payment.Succeeded}},
		{payment.Processing, payment.Voided, []payment.Status{payment.Authorized}},
		{payment.Authorized, payment.Refunded, []payment.Status{payment.Succeeded}},
		{payment.Succeeded, payment.Refunded, nil},
		{payment.Failed, payment.Succeeded, nil},
		{payment.Unknown, payment.Refunded, nil},
	}
	for _, test := range tests {
		_, event := payment.Apply(standing(test.last), seeing(test.seen))
		if !slices.Equal(event.Data.Implied, test.implied) {
			t.Errorf("%s then %s: implied %v, want %v", test.last, test.seen, event.Data.Implied, test.implied)
		}
	}
}

func TestApply_MarksMoneyAfterTheEndAsLate(t *testing.T) {
	for _, last := range payment.Statuses() {
		for _, seen := range payment.Statuses() {
			_, event := payment.Apply(standing(last), seeing(seen))
			want := last.Closed() && (seen == payment.Succeeded || seen == payment.PartiallyCaptured)
			if event.Data.Late != want {
				t.Errorf("%s then %s: late is %t", last, seen, event.Data.Late)
			}
		}
	}
}

func TestApply_JudgesMoney(t *testing.T) {
	type money = payment.Money
	none := money{}
	tests := []struct {
		name     string
		last     payment.Status
		seen     payment.Status
		amount   money
		captured money
		refunded money
		move     payment.Move
		want     payment.Status
		reason   payment.Reason
		keeps    [2]money // captured and refunded of the event
	}{
		{"the expected amount", payment.Pending, payment.Succeeded, cash(10000), none, none, payment.Changed, payment.Succeeded, "", [2]money{cash(10000), none}},
		{"the expected capture", payment.Pending, payment.Succeeded, none, cash(10000), none, payment.Changed, payment.Succeeded, "", [2]money{cash(10000), none}},
		{"a success without an amount", payment.Pending, payment.Succeeded, none, none, none, payment.Changed, payment.Review, payment.ReasonAmountMissing, [2]money{none, none}},
		{"one cent too little", payment.Pending, payment.Succeeded, cash(9999), none, none, payment.Changed, payment.Review, payment.ReasonAmountMismatch, [2]money{none, none}},
		{"one cent too much", payment.Pending, payment.Succeeded, cash(10001), none, none, payment.Changed, payment.Review, payment.ReasonAmountMismatch, [2]money{none, none}},
		{"the right amount, captured in part", payment.Pending, payment.Succeeded, cash(10000), cash(9000), none, payment.Changed, payment.Review, payment.ReasonAmountMismatch, [2]money{none, none}},
		{"the right number in another currency", payment.Pending, payment.Succeeded, cashIn(10000, "EUR"), none, none, payment.Changed, payment.Review, payment.ReasonCurrencyMismatch, [2]money{none, none}},
		{"captured in another currency", payment.Pending, payment.Succeeded, cash(10000), cashIn(10000, "EUR"), none, payment.Changed, payment.Review, payment.ReasonCurrencyMismatch, [2]money{none, none}},
		{"refunded in another currency", payment.Succeeded, payment.PartiallyRefunded, none, none, cashIn(100, "EUR"), payment.Changed, payment.Review, payment.ReasonCurrencyMismatch, [2]money{cash(10000), none}},
		{"another amount after success", payment.Succeeded, payment.Succeeded, cash(5000), none, none, payment.Changed, payment.Review, payment.ReasonAmountMismatch, [2]money{cash(10000), none}},
		{"success with more refunded than captured", payment.Pending, payment.Succeeded, cash(10000), cash(10000), cash(10001), payment.Changed, payment.Review, payment.ReasonContradiction, [2]money{none, none}},

		{"a hold of the expected amount", payment.Pending, payment.Authorized, cash(10000), none, none, payment.Changed, payment.Authorized, "", [2]money{none, none}},
		{"a hold without an amount", payment.Pending, payment.Authorized, none, none, none, payment.Changed, payment.Authorized, "", [2]money{none, none}},
		{"a hold of another amount", payment.Pending, payment.Authorized, cash(100), none, none, payment.Changed, payment.Review, payment.ReasonAmountMismatch, [2]money{none, none}},
		{"zeros while undecided", payment.Pending, payment.Processing, cash(0), cash(0), cash(0), payment.Changed, payment.Processing, "", [2]money{none, none}},
		{"another currency while undecided", payment.Pending, payment.Processing, cashIn(0, "EUR"), cashIn(0, "EUR"), none, payment.Changed, payment.Processing, "", [2]money{none, none}},
		{"any amount of a failure", payment.Pending, payment.Failed, cash(1), cash(1), none, payment.Changed, payment.Failed, "", [2]money{none, none}},
		{"zeros of an undone charge", payment.Succeeded, payment.Voided, cash(0), cash(0), none, payment.Changed, payment.Voided, "", [2]money{cash(10000), none}},

		{"a part captured", payment.Authorized, payment.PartiallyCaptured, cash(10000), cash(4000), none, payment.Changed, payment.PartiallyCaptured, "", [2]money{cash(4000), none}},
		{"a part that nobody names", payment.Authorized, payment.PartiallyCaptured, cash(10000), none, none, payment.Changed, payment.Review, payment.ReasonContradiction, [2]money{none, none}},
		{"a part of nothing", payment.Authorized, payment.PartiallyCaptured, cash(10000), cash(0), none, payment.Changed, payment.Review, payment.ReasonContradiction, [2]money{none, none}},
		{"a part that is all", payment.Authorized, payment.PartiallyCaptured, cash(10000), cash(10000), none, payment.Changed, payment.Review, payment.ReasonContradiction, [2]money{none, none}},
		{"a part that is more than all", payment.Authorized, payment.PartiallyCaptured, none, cash(10001), none, payment.Changed, payment.Review, payment.ReasonAmountMismatch, [2]money{none, none}},
		{"a bigger part", payment.PartiallyCaptured, payment.PartiallyCaptured, none, cash(4001), none, payment.Changed, payment.PartiallyCaptured, "", [2]money{cash(4001), none}},
		{"the same part", payment.PartiallyCaptured, payment.PartiallyCaptured, none, cash(4000), none, payment.Same, "", "", [2]money{}},
		{"a smaller part", payment.PartiallyCaptured, payment.PartiallyCaptured, none, cash(3999), none, payment.Regressed, "", "", [2]money{}},
		{"the rest", payment.PartiallyCaptured, payment.Succeeded, cash(10000), none, none, payment.Changed, payment.Succeeded, "", [2]money{cash(10000), none}},

		{"a first refund", payment.Succeeded, payment.PartiallyRefunded, cash(10000), none, cash(500), payment.Changed, payment.PartiallyRefunded, "", [2]money{cash(10000), cash(500)}},
		{"a refund that nobody counts", payment.Succeeded, payment.PartiallyRefunded, cash(10000), none, none, payment.Changed, payment.PartiallyRefunded, "", [2]money{cash(10000), none}},
		{"a part refund of nothing", payment.Succeeded, payment.PartiallyRefunded, none, none, cash(0), payment.Changed, payment.Review, payment.ReasonContradiction, [2]money{cash(10000), none}},
		{"a part refund of all", payment.Succeeded, payment.PartiallyRefunded, none, none, cash(10000), payment.Changed, payment.Review, payment.ReasonContradiction, [2]money{cash(10000), none}},
		{"a part refund of more than all", payment.Succeeded, payment.PartiallyRefunded, none, none, cash(10001), payment.Changed, payment.Review, payment.ReasonContradiction, [2]money{cash(10000), none}},
		{"a part refund of more than expected, capture untold", payment.Pending, payment.PartiallyRefunded, none, none, cash(10001), payment.Changed, payment.Review, payment.ReasonContradiction, [2]money{none, none}},
		{"a further refund", payment.PartiallyRefunded, payment.PartiallyRefunded, none, none, cash(501), payment.Changed, payment.PartiallyRefunded, "", [2]money{cash(10000), cash(501)}},
		{"the same refund", payment.PartiallyRefunded, payment.PartiallyRefunded, none, none, cash(500), payment.Same, "", "", [2]money{}},
		{"a refund untold this time", payment.PartiallyRefunded, payment.PartiallyRefunded, none, none, none, payment.Same, "", "", [2]money{}},
		{"a smaller refund", payment.PartiallyRefunded, payment.PartiallyRefunded, none, none, cash(499), payment.Regressed, "", "", [2]money{}},
		{"all refunded, in figures", payment.PartiallyRefunded, payment.Refunded, none, cash(10000), cash(10000), payment.Changed, payment.Refunded, "", [2]money{cash(10000), cash(10000)}},
		{"all refunded, in words", payment.PartiallyRefunded, payment.Refunded, none, none, none, payment.Changed, payment.Refunded, "", [2]money{cash(10000), cash(10000)}},
		{"all refunded, not all of it", payment.Succeeded, payment.Refunded, none, none, cash(9999), payment.Changed, payment.Review, payment.ReasonContradiction, [2]money{cash(10000), none}},
		{"all refunded, of less than was captured", payment.Succeeded, payment.Refunded, none, cash(5000), cash(5000), payment.Regressed, "", "", [2]money{}},
		{"refunded and never heard of", payment.Pending, payment.Refunded, cash(10000), none, none, payment.Changed, payment.Refunded, "", [2]money{none, none}},
		{"all refunded, in words, capture untold", payment.Unknown, payment.Refunded, none, none, none, payment.Changed, payment.Refunded, "", [2]money{none, none}},
		{"more captured than expected, then refunded", payment.Pending, payment.Refunded, none, cash(20000), cash(20000), payment.Changed, payment.Review, payment.ReasonAmountMismatch, [2]money{none, none}},

		{"a dispute keeps the money", payment.PartiallyRefunded, payment.Disputed, cash(10000), none, none, payment.Changed, payment.Disputed, "", [2]money{cash(10000), cash(500)}},
		{"a dispute that forgets a refund", payment.PartiallyRefunded, payment.Disputed, none, none, cash(0), payment.Regressed, "", "", [2]money{}},
		{"a dispute about another amount", payment.Succeeded, payment.Disputed, cash(20000), none, none, payment.Changed, payment.Review, payment.ReasonAmountMismatch, [2]money{cash(10000), none}},
		{"a late success", payment.Expired, payment.Succeeded, cash(10000), none, none, payment.Changed, payment.Succeeded, "", [2]money{cash(10000), none}},
		{"a late success of another amount", payment.Expired, payment.Succeeded, cash(1), none, none, payment.Changed, payment.Review, payment.ReasonAmountMismatch, [2]money{none, none}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			look := payment.Look{Trigger: payment.TriggerPoll, At: lookedAt(), Observation: payment.Observation{
				Status: test.seen, Amount: test.amount, Captured: test.captured, Refunded: test.refunded,
			}}
			move, event := payment.Apply(standing(test.last), look)
			if move != test.move {
				t.Fatalf("got %s (%s %s), want %s", move, event.Data.Status, event.Data.Reason, test.move)
			}
			d := event.Data
			if d.Status != test.want || d.Reason != test.reason {
				t.Errorf("got %s for %q, want %s for %q", d.Status, d.Reason, test.want, test.reason)
			}
			if got := [2]money{d.Captured, d.Refunded}; got != test.keeps {
				t.Errorf("captured and refunded are %v, want %v", got, test.keeps)
			}
			if move == payment.Changed && d.Reported != test.amount {
				t.Errorf("reported is %s, want %s", d.Reported, test.amount)
			}
		})
	}
}

func TestApply_ForgetsNoRefund(t *testing.T) {
	state := standing(payment.Authorized)
	state.Last.Refunded = cash(4000)
	look := payment.Look{Observation: payment.Observation{Status: payment.Refunded}, At: lookedAt()}
	if _, event := payment.Apply(state, look); event.Data.Status != payment.Refunded || event.Data.Refunded != cash(4000) {
		t.Errorf("got %s with refunded %s", event.Data.Status, event.Data.Refunded)
	}
}

func TestApply_AllowsASuccessWithoutAmountWhereTheAccountSaysSo(t *testing.T) {
	look := payment.Look{Observation: payment.Observation{Status: payment.Succeeded, AmountUnverified: true}, At: lookedAt()}
	move, event := payment.Apply(standing(payment.Pending), look)
	if move != payment.Changed || event.Data.Status != payment.Succeeded || event.Data.Captured.Known() {
		t.Errorf("got %s, %s, captured %s", move, event.Data.Status, event.Data.Captured)
	}
	look.Observation.Amount = cash(1) // what is told is compared all the same
	if _, event := payment.Apply(standing(payment.Pending), look); event.Data.Status != payment.Review {
		t.Errorf("a wrong amount was accepted as %s", event.Data.Status)
	}
}

func TestApply_PassesAProvidersOwnContradictionOn(t *testing.T) {
	look := payment.Look{Observation: payment.Observation{Status: payment.Review, Reason: payment.ReasonAmountMissing}, At: lookedAt()}
	for _, last := range payment.Statuses() {
		move, event := payment.Apply(standing(last), look)
		if last.ClosedForGood() || last == payment.Review {
			if move != payment.Same {
				t.Errorf("%s: got %s", last, move)
			}
			continue
		}
		if move != payment.Changed || event.Data.Status != payment.Review || event.Data.Reason != payment.ReasonAmountMissing {
			t.Errorf("%s: got %s, %s for %q", last, move, event.Data.Status, event.Data.Reason)
		}
	}
}

func TestBegin_MakesVersionOne(t *testing.T) {
	created, err := payment.ParseCreated(createdWith(t, nil), createdNow())
	if err != nil {
		t.Fatal(err)
	}
	state, event := payment.Begin(created, createdNow())
	want := payment.Data{
		PaymentID: "p-1", MerchantID: "m-1", Account: "finipay-main", Version: 1, Status: payment.Pending,
		Expected: cash(3300), ObservedAt: createdNow(), Metadata: created.Metadata, SchemaVersion: 1,
	}
	if !reflect.DeepEqual(event, payment.Event{Type: "payment.pending", Timestamp: createdNow(), Data: want}) {
		t.Errorf("got %+v", event)
	}
	origin := payment.Origin{
		CreatedID: "e-1", Digest: created.Digest(), Reference: created.Reference,
		CreatedAt: created.CreatedAt, ExpiresAt: created.ExpiresAt,
	}
	if !reflect.DeepEqual(state, payment.State{Last: want, Origin: origin}) {
		t.Errorf("got %+v", state)
	}
}

func TestApply_KeepsTheBooks(t *testing.T) {
	created, err := payment.ParseCreated(createdWith(t, nil), createdNow())
	if err != nil {
		t.Fatal(err)
	}
	state, _ := payment.Begin(created, createdNow())
	steps := []payment.Observation{
		{Status: payment.RequiresAction, ProviderStatus: "3DS", ProviderReference: "9001", MappingVersion: "m/1"},
		{Status: payment.Succeeded, Amount: cash(3300), ProviderStatus: "CHARGED", ProviderMessage: "ok", OccurredAt: lookedAt().In(time.FixedZone("", 3600)), MappingVersion: "m/1"},
		{Status: payment.PartiallyRefunded, Refunded: cash(100), ProviderStatus: "PART", MappingVersion: "m/2"},
		{Status: payment.PartiallyRefunded, Refunded: cash(200), ProviderReference: "9002"},
		{Status: payment.Failed, Reason: payment.ReasonDeclined},
	}
	for i, o := range steps {
		before := state.Last
		at := lookedAt().Add(time.Duration(i) * time.Minute)
		move, event := payment.Apply(state, payment.Look{Observation: o, Trigger: payment.TriggerHint, At: at.In(time.FixedZone("", -3600))})
		if move != payment.Changed {
			t.Fatalf("step %d: %s", i, move)
		}
		if !reflect.DeepEqual(state.Last, before) {
			t.Errorf("step %d: the state was changed in place", i)
		}
		d := event.Data
		if d.Version != before.Version+1 || d.PreviousStatus != before.Status || event.Type != payment.TypeOf(d.Status) {
			t.Errorf("step %d: version %d of type %s after %s", i, d.Version, event.Type, d.PreviousStatus)
		}
		if d.Trigger != payment.TriggerHint || !d.ObservedAt.Equal(at) || d.ObservedAt.Location() != time.UTC || !event.Timestamp.Equal(at) {
			t.Errorf("step %d: trigger %s, observed %s, timestamp %s", i, d.Trigger, d.ObservedAt, event.Timestamp)
		}
		if d.Final != d.Status.Final() || d.Expected != cash(3300) || string(d.Metadata) != string(created.Metadata) {
			t.Errorf("step %d: final %t, expected %s, metadata %s", i, d.Final, d.Expected, d.Metadata)
		}
		if d.ProviderStatus != o.ProviderStatus || d.ProviderMessage != o.ProviderMessage || d.MappingVersion != o.MappingVersion || !d.OccurredAt.Equal(o.OccurredAt) {
			t.Errorf("step %d: the provider's words are not those of this look: %+v", i, d)
		}
		state.Last = d
	}
	d := state.Last
	if d.Status != payment.Review || d.Reason != payment.ReasonContradiction || d.Version != 6 {
		t.Errorf("ends as %s for %q in version %d", d.Status, d.Reason, d.Version)
	}
	if d.ProviderReference != "9002" || d.Captured != cash(3300) || d.Refunded != cash(200) {
		t.Errorf("the reference %q, captured %s and refunded %s were not carried on", d.ProviderReference, d.Captured, d.Refunded)
	}
}

func TestGiveUp_EndsTheWatchWithoutTouchingMoney(t *testing.T) {
	look := payment.Look{
		Observation: payment.Observation{Status: payment.Processing, Reason: payment.ReasonProviderOther, Amount: cash(0), Captured: cash(0), ProviderStatus: "WAIT"},
		Trigger:     payment.TriggerPoll, At: lookedAt(),
	}
	for _, end := range []struct {
		to     payment.Status
		reason payment.Reason
	}{{payment.Unknown, ""}, {payment.Expired, payment.ReasonNeverReachedProvider}} {
		event := payment.GiveUp(standing(payment.Processing), end.to, end.reason, look)
		d := event.Data
		if d.Status != end.to || d.Reason != end.reason || d.Trigger != payment.TriggerGiveUp || event.Type != payment.TypeOf(end.to) {
			t.Errorf("got %s for %q by %s", d.Status, d.Reason, d.Trigger)
		}
		if d.Version != 4 || d.PreviousStatus != payment.Processing || d.Final != end.to.Final() || d.ProviderStatus != "WAIT" {
			t.Errorf("got version %d after %s, final %t, %q", d.Version, d.PreviousStatus, d.Final, d.ProviderStatus)
		}
		if d.Captured.Known() || d.Refunded.Known() || len(d.Implied) > 0 || d.Late || !d.ObservedAt.Equal(lookedAt()) {
			t.Errorf("got %+v", d)
		}
	}
	if look.Trigger != payment.TriggerPoll {
		t.Error("the caller's look was changed")
	}
}

func TestToReview_KeepsTheMoneyAsItWasKnown(t *testing.T) {
	look := seeing(payment.Pending)
	look.Observation.Captured, look.Observation.Refunded = cash(1), cash(9999)
	d := payment.ToReview(standing(payment.PartiallyRefunded), payment.ReasonRegression, look).Data
	if d.Status != payment.Review || d.Reason != payment.ReasonRegression || d.Trigger != payment.TriggerPoll || d.Final {
		t.Errorf("got %s for %q by %s, final %t", d.Status, d.Reason, d.Trigger, d.Final)
	}
	if d.Version != 4 || d.PreviousStatus != payment.PartiallyRefunded || d.Captured != cash(10000) || d.Refunded != cash(500) {
		t.Errorf("got version %d after %s, captured %s, refunded %s", d.Version, d.PreviousStatus, d.Captured, d.Refunded)
	}
}

func TestMove_HasAWord(t *testing.T) {
	got := fmt.Sprint(payment.Same, payment.Changed, payment.Regressed)
	if got != "same changed regressed" {
		t.Errorf("got %q", got)
	}
}
