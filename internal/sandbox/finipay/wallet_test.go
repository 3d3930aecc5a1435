package finipay

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/sandboxtest"
	"reconciler/internal/sandbox/wire"
)

// walletPayment is a payment of a wallet.
func walletPayment(t *testing.T, kind, name string, n int) *life.Payment {
	t.Helper()
	its, ok := life.ByName(name)
	if !ok {
		t.Fatalf("no life %q", name)
	}
	p, err := life.New(life.Script{
		Provider: life.Finipay, Life: its, IDs: ids(n), Reference: map[string]string{"kind": kind, "order_number": ids(n)["order_number"]},
		Key: fmt.Sprintf("%s:%d", kind, n), AmountMinor: sandboxtest.Amount, Currency: "KGS", Exponent: 2,
		Created: sandboxtest.Born, Step: time.Second, Seed: uint64(n),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestWallets_AnswerWithTheirOwnFields: those of their pages, which name no
// currency.
func TestWallets_AnswerWithTheirOwnFields(t *testing.T) {
	for kind, fields := range map[string][]string{
		"mbank": {`"quid":"FP`, `"dateTime":"2026-02-03T`}, "megapay": {`"commission":20.00`, `"transaction_id":`, wire.Phone, wire.Account},
	} {
		t.Run(kind, func(t *testing.T) {
			s, words := newSimulator(), map[string]bool{}
			for n := range 10 {
				p := walletPayment(t, kind, "charged", n)
				if err := s.Book.Add(p); err != nil {
					t.Fatal(err)
				}
				for _, at := range p.Changes() {
					a := s.Answer(request(p.IDs["order_number"], at))
					c := read(t, a)
					words[strings.Trim(string(c.Code), `"`)+" "+strings.ToUpper(c.Data.Status)] = true
					if c.Data.Currency != "" || a.Told != p.At(at).Word {
						t.Errorf("told %q in %q: %s", a.Told, c.Data.Currency, a.Body)
					}
					for _, field := range fields {
						if !strings.Contains(string(a.Body), field) {
							t.Errorf("no %s in %s", field, a.Body)
						}
					}
				}
			}
			for _, want := range []string{"110 CREATED", "120 CONFIRMED", "200 CHARGE"} {
				if !words[want] {
					t.Errorf("never said %s: %v", want, words)
				}
			}
		})
	}
}
