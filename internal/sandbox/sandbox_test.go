package sandbox

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/sandbox/fault"
	"reconciler/internal/sandbox/sandboxtest"
)

// inBubble runs a test against a whole sandbox in virtual time. The bubble
// itself fails the test when Stop leaves a goroutine behind.
func inBubble(t *testing.T, o Options, test func(t *testing.T, s *Sandbox, c *client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := sandboxtest.NewNetwork()
		o.Listen = network.Listen
		s, err := Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		h := network.Client()
		h.Timeout = 2 * time.Second
		// Also after a fatal failure, or the bubble's own complaint hides it.
		defer func() {
			for range 2 {
				if err := s.Stop(t.Context()); err != nil {
					t.Errorf("stop: %v", err)
				}
			}
		}()
		test(t, s, newClient(s, h))
	})
}

// wait lets the virtual time of a bubble pass.
func wait(d time.Duration) { time.Sleep(d) }

func mustCreate(t *testing.T, s *Sandbox, o CreateOptions) Payment {
	t.Helper()
	if o.AmountMinor == 0 {
		o.AmountMinor = 150_050
	}
	if o.Currency == "" {
		o.Currency = Currencies(o.Provider)[0]
	}
	p, err := s.Create(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// watch asks for a payment until it was told the truth after its life's end,
// and gives the words told on the way, repeats left out.
func watch(t *testing.T, s *Sandbox, c *client, p Payment, every time.Duration) []Word {
	t.Helper()
	var words []Word
	for range 2000 {
		ended := s.Truth(p.Provider, p.Reference).Ended
		before := len(s.Asked())
		_, _, _ = c.ask(t.Context(), p)
		for _, a := range s.Asked()[before:] {
			if a.Told == "" {
				continue
			}
			if len(words) == 0 || words[len(words)-1] != a.Told {
				words = append(words, a.Told)
			}
			if truth := s.Truth(p.Provider, p.Reference); ended && a.Told == truth.Word {
				return words
			}
		}
		time.Sleep(every)
	}
	t.Fatalf("%s %s was never told to its end, only %v", p.Provider, p.Life, words)
	return nil
}

func TestSandbox_TellsEveryLifeInOrder_OverHTTP(t *testing.T) {
	for _, its := range Lives() {
		t.Run(its.Name, func(t *testing.T) {
			inBubble(t, Options{Seed: 3}, func(t *testing.T, s *Sandbox, c *client) {
				for _, provider := range Providers() {
					if !its.For(provider) {
						continue
					}
					p := mustCreate(t, s, CreateOptions{Provider: provider, Life: its.Name})
					var want []Word
					for _, stage := range its.Stages(provider) {
						want = append(want, stage.Word)
					}
					if got := watch(t, s, c, p, 200*time.Millisecond); !slices.Equal(got, want) {
						t.Errorf("%s told %v, want %v", provider, got, want)
					}
				}
			})
		})
	}
}

func TestSandbox_WhateverGoesWrong_EveryLifeIsToldToItsEnd(t *testing.T) {
	for _, level := range []Faults{FaultsSome, FaultsMany, FaultsHostile} {
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("%s, seed %d", level, seed), func(t *testing.T) {
				inBubble(t, Options{Seed: seed, Faults: level}, func(t *testing.T, s *Sandbox, c *client) {
					for _, provider := range Providers() {
						for _, its := range Lives() {
							if its.For(provider) {
								watch(t, s, c, mustCreate(t, s, CreateOptions{Provider: provider, Life: its.Name}), time.Second)
							}
						}
					}
					checkFaults(t, s)
				})
			})
		}
	}
}

// checkFaults checks that faults happened, and that no faulty or refused
// answer is written down as having told something it did not.
func checkFaults(t *testing.T, s *Sandbox) {
	t.Helper()
	faults := 0
	for _, a := range s.Asked() {
		if a.Fault != "" {
			faults++
		}
		silent := a.Fault != "" && a.Fault != string(fault.Slow)
		if silent && a.Told != "" || a.Refused != "" && a.Told != "" {
			t.Errorf("told %q all the same: %+v", a.Told, a)
		}
		if a.Told != "" && a.Told != a.Truth {
			t.Errorf("told %q, true was %q", a.Told, a.Truth)
		}
		if a.Answered.IsZero() {
			t.Errorf("never completed: %+v", a)
		}
	}
	if faults == 0 {
		t.Error("nothing went wrong")
	}
}

func TestSandbox_QRPaymentsHaveAStatusOfTheirOwn(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
		p := mustCreate(t, s, CreateOptions{Provider: Finipay, Life: "charged", QR: true})
		if p.Reference["kind"] != "qr" || p.Reference["transaction_id"] == "" {
			t.Fatalf("reference %v", p.Reference)
		}
		if got := watch(t, s, c, p, 200*time.Millisecond); !slices.Equal(got, []Word{Waiting, Charged}) {
			t.Errorf("told %v", got)
		}
	})
}

func TestSandbox_TheFloor_IsARefusalAtFinipay_AndAMarkEverywhere(t *testing.T) {
	inBubble(t, Options{Floor: 10 * time.Second}, func(t *testing.T, s *Sandbox, c *client) {
		for _, provider := range Providers() {
			p := mustCreate(t, s, CreateOptions{Provider: provider, Life: "charged_at_once"})
			var got []int
			for _, wait := range []time.Duration{0, 9 * time.Second, time.Second} {
				time.Sleep(wait)
				status, _, err := c.ask(t.Context(), p)
				if err != nil {
					t.Fatal(err)
				}
				// halyk says the same under 400 now and then.
				if status == 400 && provider == Halyk {
					status = 200
				}
				got = append(got, status)
			}
			// At finipay the refused ask does not make the floor run anew.
			want, soon := []int{200, 200, 200}, []bool{false, true, true}
			if provider == Finipay {
				want, soon = []int{200, 429, 200}, []bool{false, true, false}
			}
			var marks []bool
			for _, a := range s.Asked() {
				if a.Provider == provider && !a.Credential {
					marks = append(marks, a.TooSoon)
				}
			}
			if !slices.Equal(got, want) || !slices.Equal(marks, soon) {
				t.Errorf("%s answered %v, marked %v", provider, got, marks)
			}
		}
	})
}

func TestSandbox_AProviderMayHaveAFloorOfItsOwn(t *testing.T) {
	o := Options{Floor: 10 * time.Second, Floors: map[string]time.Duration{Uapay: 2 * time.Second, Halyk: 0}}
	inBubble(t, o, func(t *testing.T, s *Sandbox, c *client) {
		for provider, want := range map[string][]bool{
			Ecommpay: {false, true, true}, Uapay: {false, true, false}, Halyk: {false, false, false},
		} {
			p := mustCreate(t, s, CreateOptions{Provider: provider, Life: "charged_at_once"})
			for _, wait := range []time.Duration{0, time.Second, 9 * time.Second} {
				time.Sleep(wait)
				if _, _, err := c.ask(t.Context(), p); err != nil {
					t.Fatal(err)
				}
			}
			var marks []bool
			for _, a := range s.Asked() {
				if a.Provider == provider && !a.Credential {
					marks = append(marks, a.TooSoon)
				}
			}
			if !slices.Equal(marks, want) {
				t.Errorf("%s marked %v, want %v", provider, marks, want)
			}
		}
	})
}

func TestSandbox_WhoDoesNotWaitForRetryAfterIsMarked(t *testing.T) {
	inBubble(t, Options{Floor: 3 * time.Second}, func(t *testing.T, s *Sandbox, c *client) {
		p, other := mustCreate(t, s, CreateOptions{Provider: Finipay, Life: "stuck"}), mustCreate(t, s, CreateOptions{Provider: Finipay, Life: "stuck"})
		for _, one := range []Payment{p, p} {
			_, _, _ = c.ask(t.Context(), one)
		}
		time.Sleep(time.Second)
		_, _, _ = c.ask(t.Context(), other)
		time.Sleep(2 * time.Second)
		_, _, _ = c.ask(t.Context(), other)
		var marks []bool
		for _, a := range s.Asked() {
			marks = append(marks, a.BeforeRetryAfter)
		}
		if want := []bool{false, false, true, false}; !slices.Equal(marks, want) {
			t.Errorf("marked %v, want %v", marks, want)
		}
	})
}

func TestSandbox_TheSameSeedMakesTheSamePayments(t *testing.T) {
	list := func(seed uint64) (made []Payment) {
		inBubble(t, Options{Seed: seed}, func(t *testing.T, s *Sandbox, _ *client) {
			r := rand.New(rand.NewPCG(seed, 1))
			for range 20 {
				for _, provider := range Providers() {
					p := mustCreate(t, s, CreateOptions{Provider: provider, Life: PickLife(r, provider).Name})
					made = append(made, p)
				}
			}
		})
		return made
	}
	one, again, other := list(5), list(5), list(6)
	for i := range one {
		if fmt.Sprint(one[i]) != fmt.Sprint(again[i]) {
			t.Fatalf("payment %d: %v and %v", i, one[i], again[i])
		}
		if one[i].ID == other[i].ID || fmt.Sprint(one[i].Reference) == fmt.Sprint(other[i].Reference) {
			t.Fatalf("payment %d is the same under another seed: %v", i, one[i])
		}
	}
}

func TestSandbox_ReferencesLookAsTheProvidersWantThem(t *testing.T) {
	inBubble(t, Options{Seed: 2}, func(t *testing.T, s *Sandbox, _ *client) {
		shapes := map[string]int{}
		for _, provider := range Providers() {
			for range 40 {
				p := mustCreate(t, s, CreateOptions{Provider: provider, Life: "charged"})
				keys := []string{}
				for key, value := range p.Reference {
					keys = append(keys, key)
					if value == "" || len(value) > 64 {
						t.Errorf("%s: %s is %q", provider, key, value)
					}
				}
				slices.Sort(keys)
				shapes[provider+" "+strings.Join(keys, "+")]++
				if id := p.Reference["invoice_id"]; provider == Halyk && (len(id) < 6 || len(id) > 15 || id[0] != '0' || strings.Trim(id, "0123456789") != "") {
					t.Errorf("invoice %q", id)
				}
				if s.Truth(provider, p.Reference).Payment != provider+":"+p.ID {
					t.Errorf("the truth about %v is %+v", p.Reference, s.Truth(provider, p.Reference))
				}
			}
		}
		for _, want := range []string{
			"finipay order_number", "halyk invoice_id", "uapay invoice_id", "uapay invoice_id+payment_id", "ecommpay payment_id",
			"ecommpay request_id",
		} {
			if shapes[want] == 0 {
				t.Errorf("never made %q: %v", want, shapes)
			}
		}
	})
}

func TestSandbox_TruthOfAStrangerIsUnknown(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Sandbox, _ *client) {
		if got := s.Truth(Halyk, map[string]string{"invoice_id": "1"}); got != (Truth{}) {
			t.Errorf("truth %+v", got)
		}
		p := mustCreate(t, s, CreateOptions{Provider: Ecommpay, Life: "expired", Expires: time.Now().Add(time.Minute)})
		got := s.Truth(Ecommpay, p.Reference)
		if got.Word != PayerAction || got.Ended || got.EndsAt.Sub(p.Created) != time.Minute || got.Life != "expired" || got.Undecided {
			t.Errorf("truth %+v", got)
		}
		p = mustCreate(t, s, CreateOptions{Provider: Halyk, Life: "never_known"})
		if got := s.Truth(Halyk, p.Reference); got.Word != NotKnown || !got.Ended || !got.Undecided {
			t.Errorf("truth %+v", got)
		}
	})
}

func TestCreate_RefusesWhatCannotBe(t *testing.T) {
	good := CreateOptions{Provider: Finipay, Life: "charged", AmountMinor: 3300, Currency: "KGS"}
	rows := []struct {
		name   string
		change func(*CreateOptions)
		field  string
	}{
		{"as it should be", func(*CreateOptions) {}, ""},
		{"no provider", func(o *CreateOptions) { o.Provider = "" }, "provider"},
		{"an unknown provider", func(o *CreateOptions) { o.Provider = "paypal" }, "provider"},
		{"no life", func(o *CreateOptions) { o.Life = "" }, "life"},
		{"a life the provider can't tell", func(o *CreateOptions) { o.Life = "reversed" }, "life"},
		{"no currency", func(o *CreateOptions) { o.Currency = "" }, "currency"},
		{"a currency of another provider", func(o *CreateOptions) { o.Currency = "UAH" }, "currency"},
		{"a negative amount", func(o *CreateOptions) { o.AmountMinor = -1 }, "amount"},
		{"one minor unit", func(o *CreateOptions) { o.AmountMinor = 1 }, "amount"},
		{"an amount that would overflow", func(o *CreateOptions) { o.AmountMinor = maxMinor + 1 }, "amount"},
		{"QR elsewhere", func(o *CreateOptions) { o.QR, o.Provider, o.Currency = true, Halyk, "KZT" }, "qr"},
		{"a QR life no page shows", func(o *CreateOptions) { o.QR, o.Life = true, "declined" }, "life"},
	}
	inBubble(t, Options{}, func(t *testing.T, s *Sandbox, _ *client) {
		for _, row := range rows {
			o := good
			row.change(&o)
			_, err := s.Create(o)
			var field *FieldError
			if row.field == "" && err != nil || row.field != "" && (!errors.As(err, &field) || field.Field != row.field) {
				t.Errorf("%s: %v", row.name, err)
			}
		}
	})
}

func TestSandbox_PersonalDataIsInTheAnswers_AndInNoLedger(t *testing.T) {
	inBubble(t, Options{Seed: 9}, func(t *testing.T, s *Sandbox, c *client) {
		found := map[string]bool{}
		for range 12 {
			for _, provider := range Providers() {
				p := mustCreate(t, s, CreateOptions{Provider: provider, Life: "charged"})
				for range 20 {
					_, body, err := c.ask(t.Context(), p)
					if err != nil {
						t.Fatal(err)
					}
					text := body + fmt.Sprint(payload(body))
					for _, m := range PersonalMarkers() {
						found[m] = found[m] || strings.Contains(text, m)
					}
					time.Sleep(300 * time.Millisecond)
				}
			}
		}
		ledger := fmt.Sprintf("%+v", s.Asked())
		for _, m := range PersonalMarkers() {
			if !found[m] {
				t.Errorf("no answer ever held %q", m)
			}
			if strings.Contains(ledger, m) {
				t.Errorf("the ledger holds %q", m)
			}
		}
	})
}

func TestSandbox_IsSafeForConcurrentUse(t *testing.T) {
	inBubble(t, Options{Faults: FaultsMany, Floor: time.Second}, func(t *testing.T, s *Sandbox, c *client) {
		done := make(chan struct{})
		for n := range 8 {
			go func() {
				defer func() { done <- struct{}{} }()
				own := newClient(s, c.http)
				provider := Providers()[n%4]
				for range 10 {
					p, err := s.Create(CreateOptions{Provider: provider, Life: "charged", AmountMinor: 100, Currency: Currencies(provider)[0]})
					if err != nil {
						t.Error(err)
						return
					}
					for range 5 {
						_, _, _ = own.ask(t.Context(), p)
						_, _, _ = s.Truth(provider, p.Reference), s.Asked(), s.Received()
					}
				}
			}()
		}
		for range 8 {
			<-done
		}
	})
}
