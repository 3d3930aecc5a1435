// Package peers reads the simulated peers' own ledgers in the words of package
// invariant: what the providers were asked and told, and what the merchants got.
// It shares nothing with the adapters' tables, so that a wrong line there shows.
package peers

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"reconciler/internal/invariant"
	"reconciler/internal/payment"
	"reconciler/internal/sandbox"
	"reconciler/internal/sandbox/fault"
)

// Payment is a simulated payment as it was announced. Its account has its
// provider's name.
type Payment struct {
	ID, Merchant, Provider, Currency string
	// Reference is what its provider has to be asked with.
	Reference map[string]string
	// Expires is when the payer's time runs out; zero: not said.
	Expires time.Time
}

// Truth is where a payment really stands now.
func Truth(world *sandbox.Sandbox, p Payment) sandbox.Truth {
	return world.Truth(p.Provider, p.Reference)
}

// Looks reads the providers' ledgers: every ask, and of those the looks at these
// payments.
func Looks(world *sandbox.Sandbox, payments []Payment) ([]invariant.Look, []invariant.Ask, error) {
	byLedger := map[string]Payment{}
	for _, p := range payments {
		byLedger[Truth(world, p).Payment] = p
	}
	var looks []invariant.Look
	var asks []invariant.Ask
	for _, ask := range world.Asked() {
		if !refused(ask) {
			asks = append(asks, askOf(ask))
		}
		p, ok := byLedger[ask.Payment]
		if !ok || ask.Credential {
			continue
		}
		look, err := lookOf(ask, p)
		if err != nil {
			return nil, nil, fmt.Errorf("read the ledger of %s: %w", ask.Provider, err)
		}
		looks = append(looks, look)
	}
	return looks, asks, nil
}

// refused: an ask whose token or session was refused is made again,
// with the permit it had.
func refused(ask sandbox.Ask) bool { return ask.TokenRefused || ask.Refused != "" && ask.Fault == "" }

func askOf(ask sandbox.Ask) invariant.Ask {
	a := invariant.Ask{Account: ask.Provider, Arrived: ask.Arrived, Ended: ask.Answered, Credential: ask.Credential}
	switch {
	case ask.HTTPStatus >= 500, ask.HTTPStatus == 0 && ask.Fault != "", ask.Fault == "truncated":
		a.Outcome = invariant.AskFailed
	case spoke(ask):
		a.Outcome = invariant.AskSucceeded
	}
	return a
}

// spoke: the answer was the provider's own, whole, though it may tell nothing yet
// (halves that disagree) and may have come late.
func spoke(ask sandbox.Ask) bool {
	return ask.Told != "" || ask.Fault == "" || ask.Fault == string(fault.Slow) && ask.HTTPStatus != 0
}

func lookOf(ask sandbox.Ask, p Payment) (invariant.Look, error) {
	look := invariant.Look{
		Account: ask.Provider, Merchant: p.Merchant, Payment: p.ID, AskedAt: ask.Arrived, AnsweredAt: ask.Answered,
		Answered: ask.Told != "", // a slow answer is a fault and tells all the same
		Faulty:   !spoke(ask),
		Known:    ask.Told != sandbox.NotKnown, Status: meaning(ask, p),
		TooSoon: ask.TooSoon, BeforeRetryAfter: ask.BeforeRetryAfter,
	}
	var err error
	currency := cmp.Or(ask.Currency, p.Currency)
	if look.Captured, err = money(ask.CapturedMinor, currency); err != nil {
		return invariant.Look{}, err
	}
	look.Refunded, err = money(ask.RefundedMinor, currency)
	return look, err
}

// meaning is what an answer says as a whole: its word, unless the money beside it
// can't be this payment's. Nobody may believe that, so it is for a person.
func meaning(ask sandbox.Ask, p Payment) payment.Status {
	foreign := ask.Currency != "" && ask.Currency != p.Currency
	if foreign || ask.RefundedMinor > ask.CapturedMinor {
		return payment.Review
	}
	return Meaning(ask.Provider, ask.Told)
}

// money is absent where a ledger names none.
func money(minor int64, currency string) (payment.Money, error) {
	if minor == 0 {
		return payment.Money{}, nil
	}
	return payment.MinorMoney(minor, currency)
}

// Hook is one endpoint of a simulated merchant.
type Hook struct{ Merchant, Endpoint string }

// Receipts reads the merchants' ledgers, with the hooks by the sandbox's names.
func Receipts(world *sandbox.Sandbox, hooks map[string]Hook) []invariant.Receipt {
	var all []invariant.Receipt
	for _, receipt := range world.Received() {
		hook, ok := hooks[receipt.Hook]
		if !ok {
			hook.Endpoint = receipt.Hook // nobody's: a redirect that was followed
		}
		all = append(all, receiptOf(receipt, hook))
	}
	return all
}

// receiptOf is what the sender can know of a delivery: an answer that was lost on the
// way told it nothing.
func receiptOf(receipt sandbox.Receipt, hook Hook) invariant.Receipt {
	r := invariant.Receipt{
		Time: receipt.At, Merchant: hook.Merchant, Endpoint: hook.Endpoint, EventID: receipt.ID, Body: receipt.Body,
		Verified: receipt.Verified, Delivered: receipt.Delivered, Replay: receipt.Replay,
	}
	if !receipt.Unheard {
		r.Gone, r.RetryAfter = receipt.HTTPStatus == http.StatusGone, receipt.RetryAfter
	}
	return r
}
