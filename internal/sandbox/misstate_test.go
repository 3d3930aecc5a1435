package sandbox

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestSandbox_TellsOtherMoney_OfWhatWasCharged_AndTheLedgerSaysWhich(t *testing.T) {
	rows := []struct {
		kind TroubleKind
		want Word
		// right judges the ledger's money of a payment of 10.00.
		right func(Ask) bool
	}{
		{TellsOtherAmount, ChargedOtherAmount, func(a Ask) bool {
			return a.CapturedMinor > 0 && a.CapturedMinor != 1000 && a.RefundedMinor == 0 && a.Currency == ""
		}},
		{TellsOtherCurrency, Charged, func(a Ask) bool { return a.CapturedMinor == 1000 && a.RefundedMinor == 0 && len(a.Currency) == 3 }},
		{TellsOverRefund, PartRefunded, func(a Ask) bool { return a.CapturedMinor == 1000 && a.RefundedMinor > 1000 && a.Currency == "" }},
	}
	for _, provider := range Providers() {
		for _, row := range rows {
			t.Run(fmt.Sprint(provider, " ", row.kind), func(t *testing.T) {
				inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
					lying := lasting(provider, row.kind, time.Minute)
					charged := mustCreate(t, s, CreateOptions{Provider: provider, Life: "charged_at_once", AmountMinor: 1000, Currency: Currencies(provider)[0]})
					open := mustCreate(t, s, CreateOptions{Provider: provider, Life: "stuck"})
					if err := s.Trouble(lying); err != nil {
						if provider != Uapay {
							t.Error(err)
						}
						return // which has no place for it
					}
					_, body, err := c.ask(t.Context(), charged)
					got := lastAsk(s)
					if err != nil || got.Told != row.want || got.Truth != Charged || got.Fault != string(row.kind) || !row.right(got) {
						t.Errorf("told %s: wrote down %+v (%v)", body, got, err)
					}
					if got.Currency != "" && !strings.Contains(body, `"`+got.Currency+`"`) {
						t.Errorf("the answer does not name %s: %s", got.Currency, body)
					}
					if _, _, _ = c.ask(t.Context(), open); lastAsk(s).Fault != "" || lastAsk(s).Told != lastAsk(s).Truth {
						t.Errorf("of a payment that nobody has paid: %+v", lastAsk(s))
					}
					wait(time.Minute)
					if _, _, _ = c.ask(t.Context(), charged); lastAsk(s).Told != Charged || lastAsk(s).CapturedMinor != 1000 || lastAsk(s).Fault != "" {
						t.Errorf("after all: %+v", lastAsk(s))
					}
				})
			})
		}
	}
}

func TestSandbox_TellsOtherAmount_LessAndMore(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
		mustTrouble(t, s, lasting(Uapay, TellsOtherAmount, time.Hour))
		less, more := 0, 0
		for range 20 {
			p := mustCreate(t, s, CreateOptions{Provider: Uapay, Life: "charged_at_once"})
			_, _, _ = c.ask(t.Context(), p)
			if lastAsk(s).CapturedMinor < p.AmountMinor {
				less++
			} else {
				more++
			}
		}
		if less == 0 || more == 0 {
			t.Errorf("%d payments were told with less, %d with more", less, more)
		}
	})
}

func TestSandbox_TellsRefundShrinks_ByADigit_AfterTheFirstLook(t *testing.T) {
	for _, provider := range []string{Finipay, Halyk, Ecommpay} {
		inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
			p := mustCreate(t, s, CreateOptions{Provider: provider, Life: "part_refunded", AmountMinor: 50_000, Currency: Currencies(provider)[0]})
			wait(time.Hour)
			back := s.Truth(provider, p.Reference).RefundedMinor
			least := int64(999)
			if back >= 10_000 {
				least = 9999
			}
			mustTrouble(t, s, lasting(provider, TellsRefundShrinks, time.Hour))
			for i, want := range []int64{back, least, least} {
				_, _, _ = c.ask(t.Context(), p)
				got := lastAsk(s)
				if got.Told != PartRefunded || got.RefundedMinor != want || got.CapturedMinor != 50_000 || (got.Fault != "") != (i > 0) {
					t.Errorf("%s, look %d of %d given back: %+v", provider, i, back, got)
				}
			}
			wait(time.Hour)
			_, _, _ = c.ask(t.Context(), p) // a token that is too old by now
			if _, _, _ = c.ask(t.Context(), p); lastAsk(s).RefundedMinor != back || lastAsk(s).Fault != "" {
				t.Errorf("%s, after all: %+v", provider, lastAsk(s))
			}
		})
	}
}

func TestSandbox_TellsStrangeWord_WhichIsNoneOfTheLedger(t *testing.T) {
	for _, provider := range Providers() {
		inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
			mustTrouble(t, s, lasting(provider, TellsStrangeWord, time.Hour))
			for _, life := range []string{"charged_at_once", "stuck"} {
				p := mustCreate(t, s, CreateOptions{Provider: provider, Life: life})
				status, _, err := c.ask(t.Context(), p)
				got := lastAsk(s)
				if err != nil || status != 200 && status != 400 || got.Told != "" || got.CapturedMinor != 0 || got.Truth == "" ||
					!strings.Contains(strings.ToLower(got.Raw), "settling") || got.Fault != string(TellsStrangeWord) {
					t.Errorf("%s of %s: %d, %v: %+v", provider, life, status, err, got)
				}
			}
			unknown := mustCreate(t, s, CreateOptions{Provider: provider, Life: "never_known"})
			if _, _, _ = c.ask(t.Context(), unknown); lastAsk(s).Told != NotKnown || lastAsk(s).Fault != "" {
				t.Errorf("%s of what it does not know: %+v", provider, lastAsk(s))
			}
		})
	}
}

// Halves that disagree would be an answer like another, and no lie.
func TestSandbox_TellsStrangeWord_AlsoWhereHalvesWouldLag(t *testing.T) {
	inBubble(t, Options{Faults: FaultsSome}, func(t *testing.T, s *Sandbox, c *client) {
		mustTrouble(t, s, lasting(Uapay, TellsStrangeWord, time.Hour))
		strange := 0
		for range 12 {
			p := mustCreate(t, s, CreateOptions{Provider: Uapay, Life: "held_then_captured"})
			wait(2 * time.Minute)
			_, _, _ = c.ask(t.Context(), p)
			if got := lastAsk(s); got.Fault == string(TellsStrangeWord) && !strings.HasPrefix(got.Raw, "SETTLING") {
				t.Errorf("wrote down %+v", got)
			} else if got.Fault != "" {
				strange++
			}
		}
		if strange == 0 {
			t.Error("nothing strange was told")
		}
	})
}

func TestSandbox_CapturedInPart_IsToldWithTheRestLetGo(t *testing.T) {
	for _, provider := range []string{Halyk, Ecommpay} {
		inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
			p := mustCreate(t, s, CreateOptions{Provider: provider, Life: "captured_in_part"})
			wait(time.Hour)
			_, _, _ = c.ask(t.Context(), p)
			if got := lastAsk(s); got.Told != PartCharged || got.CapturedMinor <= 0 || got.CapturedMinor >= p.AmountMinor {
				t.Errorf("%s: %+v", provider, got)
			}
		})
	}
}
