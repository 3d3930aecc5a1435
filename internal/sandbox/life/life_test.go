package life

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var born = time.Date(2026, 2, 3, 10, 0, 0, 0, time.UTC)

func newPayment(t *testing.T, provider, name string, seed uint64) *Payment {
	t.Helper()
	l, ok := ByName(name)
	if !ok {
		t.Fatalf("no life %q", name)
	}
	p, err := New(Script{
		Provider: provider, Life: l, IDs: map[string]string{"id": "1"}, Key: provider + ":1",
		AmountMinor: 10_000, Currency: "EUR", Exponent: 2, Created: born, Step: time.Second, Seed: seed,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// told is a life as a provider tells it: "waiting charged".
func told(l Life, provider string) string {
	var words []string
	for _, s := range l.Stages(provider) {
		words = append(words, string(s.Word))
	}
	return strings.Join(words, " ")
}

func TestStages_LeaveOutWhatAProviderHasNoWordFor(t *testing.T) {
	// Life by life what finipay, halyk, uapay and ecommpay can tell of it.
	rows := []struct {
		life string
		want [4]string
	}{
		{"charged", [4]string{
			"waiting in_progress charged", "payer_action in_progress charged",
			"waiting payer_action in_progress charged", "payer_action in_progress charged",
		}},
		{"charged_at_once", [4]string{"charged", "charged", "charged", "charged"}},
		{"declined", [4]string{
			"waiting in_progress declined", "payer_action in_progress declined",
			"waiting payer_action in_progress declined", "payer_action in_progress declined",
		}},
		{"canceled", [4]string{"", "", "waiting payer_action canceled", "payer_action canceled"}},
		{"refunded", [4]string{
			"in_progress charged part_refunded refunded", "in_progress charged part_refunded refunded",
			"in_progress charged refunded", "in_progress charged part_refunded refunded",
		}},
		{"part_refunded", [4]string{
			"in_progress charged part_refunded", "in_progress charged part_refunded", "", "in_progress charged part_refunded",
		}},
		{"held_then_captured", [4]string{"", "payer_action held charged", "payer_action held charged", "payer_action held charged"}},
		{"captured_in_part", [4]string{"", "payer_action held part_charged", "", "payer_action held part_charged"}},
		{"hold_released", [4]string{
			"", "payer_action held hold_released", "payer_action held hold_released", "payer_action held hold_released",
		}},
		{"reversed", [4]string{"", "", "", "in_progress charged reversed"}},
		{"late_success", [4]string{
			"in_progress declined charged", "in_progress declined charged", "in_progress declined charged", "in_progress declined charged",
		}},
		{"never_known", [4]string{"not_known", "not_known", "not_known", "not_known"}},
		{"appears_late", [4]string{
			"not_known in_progress charged", "not_known in_progress charged",
			"not_known in_progress charged", "not_known in_progress charged",
		}},
		{"stuck", [4]string{"waiting", "payer_action", "waiting payer_action", "payer_action"}},
		{"expired", [4]string{"", "", "", "payer_action expired"}},
		{"wrong_amount", [4]string{
			"in_progress charged_other_amount", "in_progress charged_other_amount",
			"in_progress charged_other_amount", "in_progress charged_other_amount",
		}},
		{"captured_then_refunded", [4]string{
			"", "payer_action held charged part_refunded refunded", "payer_action held charged refunded",
			"payer_action held charged part_refunded refunded",
		}},
		{"late_success_refunded", [4]string{
			"in_progress declined charged refunded", "in_progress declined charged refunded",
			"in_progress declined charged refunded", "in_progress declined charged refunded",
		}},
		{"canceled_then_charged", [4]string{"", "", "payer_action canceled charged", "payer_action canceled charged"}},
		{"expired_then_charged", [4]string{"", "", "", "payer_action expired charged"}},
	}
	if len(rows) != len(Lives()) {
		t.Errorf("%d lives in the table, %d exist", len(rows), len(Lives()))
	}
	for _, row := range rows {
		l, ok := ByName(row.life)
		if !ok {
			t.Fatalf("no life %q", row.life)
		}
		for i, provider := range Providers() {
			if got := told(l, provider); got != row.want[i] {
				t.Errorf("%s at %s: %q, want %q", row.life, provider, got, row.want[i])
			}
			if l.For(provider) != (row.want[i] != "") {
				t.Errorf("%s: For(%s) = %v", row.life, provider, l.For(provider))
			}
		}
	}
}

func TestStages_OnlyTheLastLastsForGood(t *testing.T) {
	for _, l := range Lives() {
		for _, provider := range Providers() {
			stages := l.Stages(provider)
			for i, s := range stages {
				if last := i == len(stages)-1; last != (s.Steps == 0) {
					t.Errorf("%s at %s, stage %d (%s) has length %v", l.Name, provider, i, s.Word, s.Steps)
				}
			}
		}
	}
}

func TestEveryWordOfAVocabularyIsInSomeLife(t *testing.T) {
	for _, provider := range Providers() {
		for _, word := range Vocabulary(provider) {
			used := slices.ContainsFunc(Lives(), func(l Life) bool {
				return slices.ContainsFunc(l.Stages(provider), func(s Stage) bool { return s.Word == word })
			})
			if !used {
				t.Errorf("%s can say %s and no life ever makes it", provider, word)
			}
			if !slices.Contains(Words(), word) {
				t.Errorf("%s is not in the closed set", word)
			}
		}
	}
	if Vocabulary("nobody") != nil || CanSay("nobody", Charged) {
		t.Error("an unknown provider has words")
	}
}

func TestPayment_ChangesExactlyWhenItsStageBegins(t *testing.T) {
	for _, l := range Lives() {
		for _, provider := range Providers() {
			if !l.For(provider) {
				continue
			}
			p := newPayment(t, provider, l.Name, 7)
			stages := l.Stages(provider)
			for i, at := range p.Changes() {
				if got := p.At(at); got.Word != stages[i].Word || got.Stage != i || !got.Since.Equal(at) {
					t.Errorf("%s at %s: at the start of stage %d it is %+v", l.Name, provider, i, got)
				}
				if i == 0 {
					continue
				}
				if got := p.At(at.Add(-1)); got.Word != stages[i-1].Word {
					t.Errorf("%s at %s: a nanosecond before stage %d it is %s", l.Name, provider, i, got.Word)
				}
				if before := p.At(at).Before; before != stages[i-1].Word {
					t.Errorf("%s at %s: stage %d follows %q", l.Name, provider, i, before)
				}
			}
			if end := p.At(p.EndsAt()); !end.Ended || p.At(p.EndsAt().Add(100*time.Hour)) != end {
				t.Errorf("%s at %s does not stay at its end: %+v", l.Name, provider, end)
			}
		}
	}
}

func TestPayment_StagesLastAboutAsLongAsScripted(t *testing.T) {
	p := newPayment(t, Uapay, "charged", 3)
	changes := p.Changes()
	for i := 1; i < len(changes); i++ {
		if got := changes[i].Sub(changes[i-1]); got < 750*time.Millisecond || got > 1250*time.Millisecond {
			t.Errorf("stage %d lasts %v, want one step of 1 s, give or take a quarter", i-1, got)
		}
	}
	if p.At(born.Add(-time.Hour)).Stage != 0 {
		t.Error("before its birth a payment must be in its first stage")
	}
}

func TestPayment_MoneyFollowsTheWord(t *testing.T) {
	for _, l := range Lives() {
		for _, provider := range Providers() {
			if !l.For(provider) {
				continue
			}
			for seed := range uint64(20) {
				p := newPayment(t, provider, l.Name, seed)
				for _, at := range p.Changes() {
					checkMoney(t, p, p.At(at))
				}
			}
		}
	}
}

func checkMoney(t *testing.T, p *Payment, s State) {
	t.Helper()
	captured, refunded := s.CapturedMinor, s.RefundedMinor
	ok := captured == 0 && refunded == 0
	switch s.Word {
	case Charged:
		ok = captured == p.AmountMinor && refunded == 0
	case PartCharged:
		ok = captured > 0 && captured < p.AmountMinor && refunded == 0
	case ChargedOtherAmount:
		ok = captured > 0 && captured != p.AmountMinor && refunded == 0
	case PartRefunded:
		ok = captured == p.AmountMinor && refunded > 0 && refunded < captured && refunded == p.PartMinor()
	case Refunded, Reversed:
		ok = captured == p.AmountMinor && refunded == captured
	}
	if !ok {
		t.Errorf("%s at %s: captured %d, refunded %d of %d", s.Word, p.Provider, captured, refunded, p.AmountMinor)
	}
}

func TestPayment_RemembersAHoldAndADecline(t *testing.T) {
	held := newPayment(t, Halyk, "held_then_captured", 1)
	if s := held.At(held.EndsAt()); !s.Held || s.Declined || s.Before != Held {
		t.Errorf("after a hold: %+v", s)
	}
	late := newPayment(t, Halyk, "late_success", 1)
	if s := late.At(late.EndsAt()); s.Held || !s.Declined || s.Before != Declined {
		t.Errorf("after a decline: %+v", s)
	}
}

func TestPayment_ExpiresWhenItsTimeRunsOut(t *testing.T) {
	l, _ := ByName("expired")
	script := Script{Provider: Ecommpay, Life: l, AmountMinor: 100, Created: born, Step: time.Second, Expires: born.Add(time.Hour)}
	p, err := New(script)
	if err != nil {
		t.Fatal(err)
	}
	if !p.EndsAt().Equal(born.Add(time.Hour)) {
		t.Errorf("ends at %v, want an hour after birth", p.EndsAt())
	}
	script.Expires = born.Add(-time.Hour)
	if p, err = New(script); err != nil || p.EndsAt().Before(born) {
		t.Errorf("a moment in the past must not bring the end forward: %v, %v", p.EndsAt(), err)
	}
}

func TestNew_RefusesWhatCannotBeLived(t *testing.T) {
	l, _ := ByName("reversed")
	if _, err := New(Script{Provider: Finipay, Life: l, AmountMinor: 100}); err == nil {
		t.Error("finipay has no word for a reversal")
	}
	l, _ = ByName("charged")
	if _, err := New(Script{Provider: Finipay, Life: l, AmountMinor: 1}); err == nil {
		t.Error("one minor unit can't be divided")
	}
	if p, err := New(Script{Provider: Finipay, Life: l, AmountMinor: 2}); err != nil || p.PartMinor() != 1 {
		t.Errorf("two minor units: part %d, %v", p.PartMinor(), err)
	}
}

func TestPick_DrawsOnlyWhatTheProviderCanTell_ByWeight(t *testing.T) {
	for _, provider := range Providers() {
		counts := map[string]int{}
		r := rand.New(rand.NewPCG(1, 2))
		for range 5000 {
			l := Pick(r, provider)
			if !l.For(provider) {
				t.Fatalf("%s was given %q", provider, l.Name)
			}
			counts[l.Name]++
		}
		for _, l := range Lives() {
			if ordinary := l.weight > 0; l.For(provider) && ordinary != (counts[l.Name] > 0) {
				t.Errorf("%s lives %s %d times of 5000, its weight is %d", provider, l.Name, counts[l.Name], l.weight)
			}
		}
		if counts["charged"] < counts["declined"] || counts["declined"] < counts["wrong_amount"] {
			t.Errorf("%s: weights do not show: %v", provider, counts)
		}
	}
	if Pick(rand.New(rand.NewPCG(1, 2)), "nobody").Name != "" {
		t.Error("nobody was given a life")
	}
}

func TestPickAny_DrawsEveryLifeOfAProvider(t *testing.T) {
	for _, provider := range Providers() {
		seen := map[string]bool{}
		r := rand.New(rand.NewPCG(1, 2))
		for range 1000 {
			seen[PickAny(r, provider).Name] = true
		}
		for _, l := range Lives() {
			if seen[l.Name] != l.For(provider) {
				t.Errorf("%s lives %s: %v", provider, l.Name, seen[l.Name])
			}
		}
	}
	if PickAny(rand.New(rand.NewPCG(1, 2)), "nobody").Name != "" {
		t.Error("nobody was given a life")
	}
}

func TestBook_FindsAPaymentByAnyOfItsNumbers(t *testing.T) {
	book := NewBook()
	p := &Payment{Script: Script{Provider: Uapay, IDs: map[string]string{"invoice_id": "i", "payment_id": "p"}}}
	if err := book.Add(p); err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		provider  string
		reference map[string]string
		found     bool
	}{
		{Uapay, map[string]string{"invoice_id": "i"}, true},
		{Uapay, map[string]string{"invoice_id": "i", "payment_id": "p"}, true},
		{Uapay, map[string]string{"invoice_id": "i", "kind": "card"}, true},
		{Uapay, map[string]string{"invoice_id": "i", "payment_id": "q"}, false},
		{Uapay, map[string]string{"payment_id": "i"}, false},
		{Halyk, map[string]string{"invoice_id": "i"}, false},
		{Uapay, map[string]string{"kind": "card"}, false},
		{Uapay, nil, false},
	}
	for _, row := range rows {
		if _, found := book.Refer(row.provider, row.reference); found != row.found {
			t.Errorf("%s %v: found %v", row.provider, row.reference, found)
		}
	}
	other := &Payment{Script: Script{Provider: Uapay, IDs: map[string]string{"invoice_id": "j", "payment_id": "p"}}}
	if err := book.Add(other); err == nil {
		t.Error("a number was given twice")
	}
	if _, found := book.Find(Uapay, "invoice_id", "j"); found {
		t.Error("a refused payment was registered in part")
	}
	third := &Payment{Script: Script{Provider: Uapay, IDs: map[string]string{"invoice_id": "k"}}}
	if err := book.Add(third); err != nil {
		t.Fatal(err)
	}
	if _, found := book.Refer(Uapay, map[string]string{"invoice_id": "k", "payment_id": "p"}); found {
		t.Error("a reference to two payments found one")
	}
}

func TestDraw_IsStableForAPayment(t *testing.T) {
	p := newPayment(t, Finipay, "charged", 9)
	seen := map[string]bool{}
	for i := range 20 {
		first := p.Draw(1000, fmt.Sprint(i))
		if again := p.Draw(1000, fmt.Sprint(i)); again != first {
			t.Fatalf("drew %d, then %d", first, again)
		}
		seen[fmt.Sprint(first)] = true
	}
	if len(seen) < 15 {
		t.Errorf("20 draws gave %d values", len(seen))
	}
	if !p.Sometimes(1, "always") {
		t.Error("one in one must be always")
	}
}
