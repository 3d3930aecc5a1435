package sandbox

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// lasting is a trouble of one provider from now on.
func lasting(provider string, kind TroubleKind, d time.Duration) Trouble {
	now := time.Now()
	return Trouble{Provider: provider, Kind: kind, From: now, Until: now.Add(d)}
}

func mustTrouble(t *testing.T, s *Sandbox, trouble Trouble) {
	t.Helper()
	if err := s.Trouble(trouble); err != nil {
		t.Fatal(err)
	}
}

// lastAsk is the last entry of the providers' ledger.
func lastAsk(s *Sandbox) Ask {
	asks := s.Asked()
	return asks[len(asks)-1]
}

func TestSandbox_Trouble_IsOneProvidersAlone(t *testing.T) {
	// What a payment that was charged at once is told in spite of a trouble, and
	// whether the ledger names one. All others tell nothing, or no truth.
	harmless := map[TroubleKind]bool{TellsFlapping: false, AnswerSlow: true, ClockStepped: true}
	kinds := TroubleKinds()
	slices.Sort(kinds)
	for _, kind := range kinds {
		if kind == TokensRevoked || !slices.Contains(TroubleKindsOf(Uapay), kind) { // the first is over with the next token
			continue
		}
		t.Run(string(kind), func(t *testing.T) {
			inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
				made := map[string]Payment{}
				for _, provider := range Providers() {
					made[provider] = mustCreate(t, s, CreateOptions{Provider: provider, Life: "charged_at_once"})
					if _, _, err := c.ask(t.Context(), made[provider]); err != nil { // with a token or session from here on
						t.Fatal(err)
					}
				}
				trouble := lasting(Uapay, kind, time.Minute)
				trouble.Clock = time.Hour // which only one kind cares for
				mustTrouble(t, s, trouble)
				for range 3 {
					for _, provider := range Providers() {
						_, _, _ = c.ask(t.Context(), made[provider])
						ask := lastAsk(s)
						named, told := harmless[kind]
						inTrouble := provider == Uapay && ask.Arrived.Before(trouble.Until)
						if ask.Provider != provider || (ask.Told == Charged) != (told || !inTrouble) || (ask.Fault != "") != (inTrouble && (named || !told)) {
							t.Errorf("in a trouble of uapay, %s told %q: %+v", provider, ask.Told, ask)
						}
					}
				}
			})
		})
	}
}

func TestSandbox_Trouble_RefusesWhatCannotBe(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Sandbox, _ *client) {
		until := time.Now().Add(time.Hour)
		rows := []struct {
			trouble Trouble
			want    string
		}{
			{Trouble{Provider: "nobody", Kind: Down503, Until: until}, "no provider"},
			{Trouble{Hook: "nobody", Kind: Hook500, Until: until}, "no hook"},
			{Trouble{Kind: Hook500, Until: until}, "no provider"},
			{Trouble{Provider: Finipay, Kind: TokensRevoked, Until: until}, "finipay can't"},
			{Trouble{Provider: Finipay, Kind: RefusesAccount, Until: until}, "finipay can't"},
			{Trouble{Provider: Ecommpay, Kind: TokensRevoked, Until: until}, "ecommpay can't"},
			{Trouble{Provider: Uapay, Kind: TellsOtherCurrency, Until: until}, "uapay can't"},
			{Trouble{Provider: Uapay, Kind: TellsOverRefund, Until: until}, "uapay can't"},
			{Trouble{Provider: Uapay, Kind: TellsRefundShrinks, Until: until}, "uapay can't"},
			{Trouble{Provider: Halyk, Kind: Hook304, Until: until}, "kind"},
			{Trouble{Hook: "shop", Kind: TellsFlapping, Until: until}, "kind"},
			{Trouble{Hook: "shop", Kind: HookDownRefused, Until: until}, "all hooks"},
		}
		for _, row := range rows {
			if err := s.Trouble(row.trouble); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%+v: %v, want something about %s", row.trouble, err, row.want)
			}
		}
		for _, provider := range Providers() {
			for _, kind := range TroubleKindsOf(provider) {
				trouble := lasting(provider, kind, time.Hour)
				trouble.Clock = time.Hour
				mustTrouble(t, s, trouble)
			}
		}
		for _, kind := range HookTroubleKinds() {
			mustTrouble(t, s, Trouble{Hook: AllHooks, Kind: kind, Until: until})
		}
	})
}

func TestSandbox_SlowAnswers_AreTheTruth_ToWhoWaits(t *testing.T) {
	for _, provider := range Providers() {
		inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
			p := mustCreate(t, s, CreateOptions{Provider: provider, Life: "charged_at_once"})
			_, _, _ = c.ask(t.Context(), p)
			for _, row := range []struct {
				late time.Duration
				told Word
			}{{c.http.Timeout - time.Millisecond, Charged}, {c.http.Timeout + time.Millisecond, ""}} {
				trouble := lasting(provider, AnswerSlow, time.Hour)
				trouble.Late = row.late
				mustTrouble(t, s, trouble)
				began := time.Now()
				status, _, err := c.ask(t.Context(), p)
				wait(time.Second)
				ask := lastAsk(s)
				if (err == nil) != (row.told != "") || (status == 200) != (err == nil) || ask.Told != row.told || (ask.HTTPStatus == 200) != (err == nil) {
					t.Errorf("%s, %v late: %d, %v; wrote down %+v", provider, row.late, status, err, ask)
				}
				if ask.Fault != string(AnswerSlow) || ask.Truth != Charged || row.told != "" && ask.Answered.Sub(began) != row.late {
					t.Errorf("%s, %v late: wrote down %+v", provider, row.late, ask)
				}
			}
		})
	}
}

func TestSandbox_Throttled_AsksForTheWaitOfTheTrouble_InSecondsOrAsADate(t *testing.T) {
	for _, asDate := range []bool{false, true} {
		for _, clock := range []time.Duration{0, -5 * time.Hour, 5 * time.Hour} {
			inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
				p := mustCreate(t, s, CreateOptions{Provider: Ecommpay, Life: "charged_at_once"})
				storm := lasting(Ecommpay, AnswerThrottled, 10*time.Minute)
				storm.RetryAfter, storm.AsDate = 3*time.Hour, asDate
				mustTrouble(t, s, storm)
				if clock != 0 {
					off := lasting(Ecommpay, ClockStepped, 10*time.Minute)
					off.Clock = clock
					mustTrouble(t, s, off)
				}
				status, _, err := c.ask(t.Context(), p)
				if status != 429 || err != nil || lastAsk(s).Fault != string(AnswerThrottled) || lastAsk(s).BeforeRetryAfter {
					t.Fatalf("answered %d, %v: %+v", status, err, lastAsk(s))
				}
				heeds := asDate && clock < 0 // what was asked for was over when it was asked for
				for _, after := range []time.Duration{2 * time.Hour, 3 * time.Hour} {
					wait(time.Until(storm.From.Add(after)))
					_, _, _ = c.ask(t.Context(), p)
					if got := lastAsk(s); got.Told != Charged || got.BeforeRetryAfter != (after < 3*time.Hour && !heeds) {
						t.Errorf("as date %v, clock %v, %v later: %+v", asDate, clock, after, got)
					}
				}
			})
		}
	}
}

func TestSandbox_Down503_MayAskToWait(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
		p := mustCreate(t, s, CreateOptions{Provider: Finipay, Life: "charged_at_once"})
		down := lasting(Finipay, Down503, time.Hour)
		down.RetryAfter = 2 * time.Hour
		mustTrouble(t, s, down)
		_, _, _ = c.ask(t.Context(), p)
		wait(90 * time.Minute)
		if _, _, _ = c.ask(t.Context(), p); !lastAsk(s).BeforeRetryAfter {
			t.Errorf("wrote down %+v", lastAsk(s))
		}
	})
}
