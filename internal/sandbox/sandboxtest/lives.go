package sandboxtest

import (
	"fmt"
	"testing"
	"time"

	"reconciler/internal/sandbox/life"
)

// Born is when the payments of tests are made.
var Born = time.Date(2026, 2, 3, 10, 0, 0, 0, time.UTC)

// Amount is what the payments of tests are made for, in minor units.
const Amount = 150_050

// Wish says which payment a test needs.
type Wish struct {
	Provider, Life string
	Seed           uint64
	// IDs are all the payment's numbers, all given to the merchant.
	IDs map[string]string
}

// currencies are the ones the tests' payments are made in; all have two places.
var currencies = map[string]string{life.Finipay: "KGS", life.Halyk: "KZT", life.Uapay: "UAH", life.Ecommpay: "EUR"}

// Make makes one payment for a test, one second a step, in the provider's
// usual currency.
func Make(t testing.TB, w Wish) *life.Payment {
	t.Helper()
	its, ok := life.ByName(w.Life)
	if !ok {
		t.Fatalf("no life %q", w.Life)
	}
	p, err := life.New(life.Script{
		Provider: w.Provider, Life: its, IDs: w.IDs, Reference: w.IDs, Key: fmt.Sprintf("%s:%s:%d", w.Provider, w.Life, w.Seed),
		AmountMinor: Amount, Currency: currencies[w.Provider], Exponent: 2, Created: Born, Step: time.Second, Seed: w.Seed,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Check looks at a payment at the moment one of its stages begins.
type Check func(t *testing.T, p *life.Payment, at time.Time)

// EachStage makes payments of every life the provider can express, several of
// each so that all their manners show, and checks each at every stage. ids
// gives the n-th payment its numbers.
func EachStage(t *testing.T, provider string, ids func(n int) map[string]string, check Check) {
	t.Helper()
	n := 0
	for _, its := range life.Lives() {
		if !its.For(provider) {
			continue
		}
		t.Run(its.Name, func(t *testing.T) {
			for seed := range uint64(20) {
				n++
				p := Make(t, Wish{Provider: provider, Life: its.Name, Seed: seed, IDs: ids(n)})
				for _, at := range p.Changes() {
					check(t, p, at)
				}
			}
		})
	}
}
