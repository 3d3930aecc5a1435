package peers

import (
	"testing"
	"time"

	"reconciler/internal/invariant"
	"reconciler/internal/payment"
	"reconciler/internal/sandbox"
)

// A late answer whose halves disagree is the provider's own: the worker counts it
// as answered, and so must the judge.
func TestAsks_AreFaultyOnlyWhereTheProviderDidNotSpeak(t *testing.T) {
	rows := []struct {
		name    string
		ask     sandbox.Ask
		faulty  bool
		outcome invariant.AskOutcome
	}{
		{"told", sandbox.Ask{Told: "charged", HTTPStatus: 200}, false, invariant.AskSucceeded},
		{"told, late", sandbox.Ask{Told: "charged", Fault: "slow", HTTPStatus: 200}, false, invariant.AskSucceeded},
		{"halves disagree", sandbox.Ask{HTTPStatus: 200}, false, invariant.AskSucceeded},
		{"halves disagree, late", sandbox.Ask{Fault: "slow", HTTPStatus: 200}, false, invariant.AskSucceeded},
		{"throttled", sandbox.Ask{Fault: "throttle", HTTPStatus: 429}, true, invariant.AskSaysNothing},
		{"garbage", sandbox.Ask{Fault: "garbage", HTTPStatus: 200}, true, invariant.AskSaysNothing},
		{"down", sandbox.Ask{Fault: "outage_503", HTTPStatus: 503}, true, invariant.AskFailed},
		{"hung up", sandbox.Ask{Fault: "reset"}, true, invariant.AskFailed},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			look, err := lookOf(row.ask, Payment{Currency: "EUR"})
			if err != nil || look.Faulty != row.faulty {
				t.Errorf("faulty %t, want %t (%v)", look.Faulty, row.faulty, err)
			}
			if got := askOf(row.ask).Outcome; got != row.outcome {
				t.Errorf("outcome %d, want %d", got, row.outcome)
			}
		})
	}
}

func TestLookOf(t *testing.T) {
	p := Payment{ID: "p", Merchant: "m", Provider: sandbox.Halyk, Currency: "KWD"}
	told := sandbox.Ask{Provider: sandbox.Halyk, Told: sandbox.PartRefunded, CapturedMinor: 12345, RefundedMinor: 45, TooSoon: true}
	got, err := lookOf(told, p)
	if err != nil || !got.Answered || !got.Known || got.Status != payment.PartiallyRefunded || !got.TooSoon || got.Merchant != "m" || got.Payment != "p" {
		t.Errorf("the look is %+v (%v)", got, err)
	}
	if got.Captured.String() != "12.345 KWD" || got.Refunded.String() != "0.045 KWD" {
		t.Errorf("captured %s, refunded %s", got.Captured, got.Refunded)
	}
	for _, wrong := range []sandbox.Ask{
		{Told: sandbox.Charged, CapturedMinor: 12345, Currency: "BHD"},
		{Told: sandbox.PartRefunded, CapturedMinor: 100, RefundedMinor: 101},
		{Told: sandbox.ChargedOtherAmount, CapturedMinor: 99},
	} {
		if got, err := lookOf(wrong, p); err != nil || got.Status != payment.Review || !got.Answered || !got.Known {
			t.Errorf("money that can't be the payment's, %+v, is %+v (%v), want a review", wrong, got, err)
		}
	}
	if got, _ := lookOf(sandbox.Ask{Told: sandbox.Charged, CapturedMinor: 12345, Currency: "BHD"}, p); got.Captured.String() != "12.345 BHD" {
		t.Errorf("captured %s, want the currency that was told", got.Captured)
	}
	part := sandbox.Ask{Told: sandbox.PartCharged, CapturedMinor: 60}
	if got, _ := lookOf(part, p); got.Status != payment.PartiallyCaptured || got.Captured.Minor() != 60 {
		t.Errorf("a part capture is %+v", got)
	}
	if got, _ := lookOf(sandbox.Ask{Told: sandbox.NotKnown}, p); !got.Answered || got.Known || got.Captured.Known() {
		t.Errorf("\"not known\" is %+v, want an answer that knows nothing", got)
	}
	if got, _ := lookOf(sandbox.Ask{Fault: "slow"}, p); got.Answered {
		t.Errorf("an ask that was told nothing is %+v", got)
	}
	if _, err := lookOf(sandbox.Ask{Told: sandbox.Charged, CapturedMinor: -1}, p); err == nil {
		t.Error("a ledger with money below zero was read")
	}
}

func TestReceiptOf_TellsNothingByAnAnswerThatWasLost(t *testing.T) {
	for name, told := range map[string]sandbox.Receipt{
		"to wait":  {HTTPStatus: 503, RetryAfter: time.Hour},
		"to leave": {HTTPStatus: 410},
	} {
		if got := receiptOf(told, Hook{}); got.RetryAfter != told.RetryAfter || got.Gone != (told.HTTPStatus == 410) {
			t.Errorf("%s: the receipt is %+v", name, got)
		}
		told.Unheard = true
		if got := receiptOf(told, Hook{}); got.RetryAfter != 0 || got.Gone {
			t.Errorf("%s, which nobody heard: the receipt is %+v", name, got)
		}
	}
}
