package demo

import (
	"context"
	"fmt"

	"reconciler/internal/invariant"
	"reconciler/internal/payment"
	"reconciler/internal/sandbox"
	"reconciler/internal/sandbox/fault"
)

// collectLooks reads the providers' ledgers. What was told is put into our
// statuses by meaning, not by the adapters.
func (r *run) collectLooks(_ context.Context, h *invariant.History) error {
	byLedger := map[string]planned{}
	for _, p := range r.plan {
		byLedger[r.truth(p).Payment] = p
	}
	for _, ask := range r.Sandbox.Asked() {
		if !refused(ask) {
			h.Asks = append(h.Asks, askOf(ask))
		}
		p, ok := byLedger[ask.Payment]
		if !ok || ask.Credential {
			continue
		}
		look, err := lookOf(ask, p)
		if err != nil {
			return fmt.Errorf("read the ledger of %s: %w", ask.Provider, err)
		}
		h.Looks = append(h.Looks, look)
	}
	return nil
}

// refused: an ask whose token or session was refused is made again,
// with the permit it had.
func refused(ask sandbox.Ask) bool { return ask.Refused != "" && ask.Fault == "" }

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
	return ask.Told != "" || ask.Fault == "" || ask.Fault == string(fault.Slow)
}

func lookOf(ask sandbox.Ask, p planned) (invariant.Look, error) {
	look := invariant.Look{
		Account: ask.Provider, Merchant: p.merchant, Payment: p.id, AskedAt: ask.Arrived, AnsweredAt: ask.Answered,
		Answered: ask.Told != "", // a slow answer is a fault and tells all the same
		Faulty:   !spoke(ask),
		Known:    ask.Told != sandbox.NotKnown, Status: meaning(ask.Provider, ask.Told),
		TooSoon: ask.TooSoon, BeforeRetryAfter: ask.BeforeRetryAfter,
	}
	var err error
	if look.Captured, err = money(ask.CapturedMinor, p.currency); err != nil {
		return invariant.Look{}, err
	}
	look.Refunded, err = money(ask.RefundedMinor, p.currency)
	return look, err
}

// money is absent where a ledger names none.
func money(minor int64, currency string) (payment.Money, error) {
	if minor == 0 {
		return payment.Money{}, nil
	}
	return payment.MinorMoney(minor, currency)
}

// collectReceipts reads the merchant's ledger.
func (r *run) collectReceipts(_ context.Context, h *invariant.History) error {
	byName := map[string]Hook{}
	for _, hook := range r.Hooks {
		byName[hook.Name] = hook
	}
	for _, receipt := range r.Sandbox.Received() {
		hook, ok := byName[receipt.Hook]
		if !ok {
			hook.ID = receipt.Hook // nobody's: a redirect that was followed
		}
		h.Receipts = append(h.Receipts, invariant.Receipt{
			Time: receipt.At, Merchant: hook.Merchant, Endpoint: hook.ID, EventID: receipt.ID, Body: receipt.Body,
			Verified: receipt.Verified, Delivered: receipt.Delivered,
		})
	}
	return nil
}
