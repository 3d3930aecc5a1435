package life

import (
	"fmt"
	"testing"
	"time"
)

// stretched makes the n-th payment of a life that goes on for weeks.
func stretched(t *testing.T, provider, name string, n int) *Payment {
	t.Helper()
	l, _ := ByName(name)
	p, err := New(Script{
		Provider: provider, Life: l, Key: fmt.Sprintf("%s:%d", provider, n), AmountMinor: 10_000, Currency: "EUR", Exponent: 2,
		Created: born, Step: time.Second, Seed: 1, Stretch: Weeks(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// stay is how long a payment stays in its n-th stage.
func stay(p *Payment, n int) time.Duration { return p.Changes()[n+1].Sub(p.Changes()[n]) }

func TestWeeks_MostAreDecidedInMinutes_SomeInHours_FewAfterDays(t *testing.T) {
	const all = 2000
	minutes, hours, days := 0, 0, 0
	for n := range all {
		p := stretched(t, Uapay, "charged", n)
		switch took := p.EndsAt().Sub(born); {
		case took < time.Minute-time.Second:
			t.Fatalf("payment %d is decided after %v", n, took)
		case took <= 30*time.Minute:
			minutes++
		case took <= 10*time.Hour:
			hours++
		case took <= 64*time.Hour:
			days++
		default:
			t.Fatalf("payment %d is decided after %v", n, took)
		}
	}
	if minutes < all*80/100 || hours < all*8/100 || days < all*2/100 {
		t.Errorf("%d in minutes, %d in hours, %d after days, of %d", minutes, hours, days, all)
	}
}

func TestWeeks_RefundsComeAfterDays_LateSuccessAfterHoursToDays_AndAHoldLasts(t *testing.T) {
	rows := []struct {
		life        string
		stage       int
		least, most time.Duration
		// within counts those that must be common.
		from, to time.Duration
	}{
		{"refunded", 1, time.Hour, 12 * 24 * time.Hour, 24 * time.Hour, 9 * 24 * time.Hour},
		{"late_success", 1, 10 * time.Minute, 64 * time.Hour, 6 * time.Hour, 24 * time.Hour},
		{"held_then_captured", 1, 10 * time.Minute, 60 * time.Hour, 6 * time.Hour, 24 * time.Hour},
		{"canceled_then_charged", 1, 10 * time.Minute, 64 * time.Hour, 6 * time.Hour, 24 * time.Hour},
	}
	for _, row := range rows {
		common := 0
		for n := range 500 {
			d := stay(stretched(t, Ecommpay, row.life, n), row.stage)
			if d < row.least || d > row.most {
				t.Errorf("%s: stage %d lasts %v", row.life, row.stage, d)
			}
			if d >= row.from && d <= row.to {
				common++
			}
		}
		if common < 200 {
			t.Errorf("%s: only %d of 500 last from %v to %v", row.life, common, row.from, row.to)
		}
	}
}

func TestStretch_IsFixedByTheSeed_AndLeavesStepsAlone(t *testing.T) {
	one, same := stretched(t, Halyk, "refunded", 1), stretched(t, Halyk, "refunded", 1)
	if !one.EndsAt().Equal(same.EndsAt()) || one.EndsAt().Equal(stretched(t, Halyk, "refunded", 2).EndsAt()) {
		t.Error("lengths are not fixed by the seed and the payment")
	}
	if took := newPayment(t, Halyk, "refunded", 1).EndsAt().Sub(born); took > 6*time.Second {
		t.Errorf("in steps of a second the life takes %v", took)
	}
}

func TestSpread_KeepsToItsBands(t *testing.T) {
	rows := []struct {
		name     string
		spread   Spread
		low, top time.Duration
	}{
		{"none", nil, 0, 0},
		{"one length", Spread{{1, time.Hour, time.Hour}}, time.Hour, time.Hour},
		{"an end before its beginning", Spread{{1, time.Hour, time.Minute}}, time.Hour, time.Hour},
		{"shares above one", Spread{{3, time.Second, 2 * time.Second}, {5, 3 * time.Second, 4 * time.Second}}, time.Second, 4 * time.Second},
	}
	for _, row := range rows {
		for seed := range uint64(200) {
			if d := row.spread.draw(seed, "x"); d < row.low-1 || d > row.top+1 {
				t.Errorf("%s: drew %v", row.name, d)
			}
		}
	}
}

func TestReopened_IsHowThePaymentLastWasOpen(t *testing.T) {
	rows := []struct {
		provider, life string
		want           Word
	}{
		{Finipay, "charged", InProgress}, {Uapay, "held_then_captured", Held}, {Halyk, "charged_at_once", InProgress},
		{Ecommpay, "late_success", InProgress},
	}
	for _, row := range rows {
		p := newPayment(t, row.provider, row.life, 1)
		if got := p.Reopened(p.At(p.EndsAt())); got.Word != row.want || got.CapturedMinor != 0 || got.Ended {
			t.Errorf("%s %s: %+v, want %s", row.provider, row.life, got, row.want)
		}
	}
}

func TestPrevious_IsTheStageBefore(t *testing.T) {
	p := newPayment(t, Ecommpay, "part_refunded", 1)
	end := p.At(p.EndsAt())
	if got := p.Previous(end); got.Word != Charged || got.CapturedMinor != 10_000 || got.RefundedMinor != 0 || got.Ended {
		t.Errorf("before a part refund: %+v", got)
	}
	first := p.At(born)
	if p.Previous(first) != first {
		t.Error("there is something before the first stage")
	}
}

func TestCanSay_OnlyTheWordsOfThePayment(t *testing.T) {
	p := newPayment(t, Finipay, "charged", 1)
	if !p.CanSay(Declined) || p.CanSay(Held) {
		t.Error("a payment is told other words than its provider has")
	}
	p.Words = []Word{Charged, Held}
	if p.CanSay(Declined) || p.CanSay(Held) || !p.CanSay(Charged) {
		t.Error("a payment is told other words than its own")
	}
}
