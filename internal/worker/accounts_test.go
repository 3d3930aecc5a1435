package worker_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/broker/brokertest"
	"reconciler/internal/guard"
	"reconciler/internal/payment"
	"reconciler/internal/sandbox"
	"reconciler/internal/worker"
)

// notOurs is a credential of each provider that is another account's.
func notOurs() map[string]string {
	return map[string]string{"finipay": "password", "halyk": "client_secret", "uapay": "secret", "ecommpay": "secret"}
}

// TestWorker_TwoAccountsOfOneProviderShareNothing gives a worker two accounts of
// every provider, one with another account's credential. What the right one
// fetches or is told must not help the wrong one, and what the wrong one is
// refused must not hold up the right one.
func TestWorker_TwoAccountsOfOneProviderShareNothing(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		const each = 3
		s, b := newShop(t), brokertest.Start(t)
		world, err := sandbox.Start(t.Context(), sandbox.Options{Seed: 1, Listen: s.net.Listen})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = world.Stop(brokertest.Context(t)) })
		o := options(b.Conn(), newScript(), s)
		o.Accounts = nil
		for _, a := range world.Accounts() {
			right, wrong := accountOf(t, s.net, a), a
			wrong.Settings = maps.Clone(a.Settings)
			wrong.Settings[notOurs()[a.Provider]] = "credential-of-others"
			other := accountOf(t, s.net, wrong)
			right.Name, other.Name = a.Provider+" right", a.Provider+" wrong"
			o.Accounts = append(o.Accounts, right, other)
		}
		w := startWorker(t, o)
		keys := map[string]string{} // account by the payment's name in the ledger
		for _, account := range o.Accounts {
			provider, _, _ := strings.Cut(account.Name, " ")
			for range each {
				made, err := world.Create(sandbox.CreateOptions{Provider: provider, Life: "charged_at_once", AmountMinor: 3300, Currency: sandbox.Currencies(provider)[0]})
				if err != nil {
					t.Fatal(err)
				}
				keys[world.Truth(provider, made.Reference).Payment] = account.Name
				announce(t, b, map[string]any{
					"id": "e-" + made.ID, "payment_id": made.ID, "merchant_id": merchant, "provider": account.Name, "reference": made.Reference,
					"amount": made.Amount, "currency": made.Currency, "created_at": made.Created.UTC().Format(time.RFC3339Nano),
				})
			}
		}
		time.Sleep(5 * time.Second)
		checkTaps(t, w.Snapshot())
		asked := map[string]int{}
		for _, ask := range world.Asked() {
			if name := keys[ask.Payment]; name != "" && ask.Refused == "" {
				asked[name]++
			}
		}
		succeeded := map[string]int{}
		for _, e := range events(t, b) {
			if e.Data.Status == payment.Succeeded {
				succeeded[e.Data.Account]++
			} else if e.Data.Status != payment.Pending {
				t.Errorf("a payment of %s became %s", e.Data.Account, e.Data.Status)
			}
		}
		for _, a := range o.Accounts {
			right := strings.HasSuffix(a.Name, " right")
			if right && (succeeded[a.Name] != each || asked[a.Name] < each) || !right && (succeeded[a.Name] > 0 || asked[a.Name] > 0) {
				t.Errorf("%s: %d payments succeeded, %d asks were accepted", a.Name, succeeded[a.Name], asked[a.Name])
			}
		}
	})
}

// checkTaps: a wrong credential closes the tap of its own account, at once.
func checkTaps(t *testing.T, s worker.Snapshot) {
	t.Helper()
	shut := []guard.State{guard.StateOpen, guard.StateHalfOpen}
	for _, a := range s.Accounts {
		right := strings.HasSuffix(a.Name, " right")
		if right && (a.State != guard.StateClosed || a.Opened != 0) || !right && (!slices.Contains(shut, a.State) || a.Opened == 0) {
			t.Errorf("the tap of %s is %s, opened %d times, last because of %q", a.Name, a.State, a.Opened, a.Reason)
		}
	}
}
