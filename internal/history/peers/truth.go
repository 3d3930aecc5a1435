package peers

import (
	"reconciler/internal/payment"
	"reconciler/internal/sandbox"
)

// Meaning is what a simulator's word means in our statuses. It is written from
// the words' own meaning and shares nothing with the adapters' tables, so that
// a wrong line there shows here.
//
// A hold that was released is "voided" where the provider tells it apart from a
// payment that was broken off before any hold (uapay), else "canceled".
func Meaning(provider string, word sandbox.Word) payment.Status {
	switch word {
	case sandbox.Waiting:
		return payment.Pending
	case sandbox.PayerAction:
		return payment.RequiresAction
	case sandbox.InProgress:
		return payment.Processing
	case sandbox.Held:
		return payment.Authorized
	case sandbox.Charged:
		return payment.Succeeded
	case sandbox.ChargedOtherAmount:
		return payment.Review
	case sandbox.PartCharged:
		return payment.PartiallyCaptured
	case sandbox.Declined:
		return payment.Failed
	case sandbox.Canceled:
		return payment.Canceled
	case sandbox.Expired:
		return payment.Expired
	case sandbox.PartRefunded:
		return payment.PartiallyRefunded
	case sandbox.Refunded:
		return payment.Refunded
	case sandbox.HoldReleased:
		if provider == "uapay" {
			return payment.Voided
		}
		return payment.Canceled
	case sandbox.Reversed:
		return payment.Voided
	}
	return "" // not known: no status was told
}

// Ending is the status a payment must have been given when its life has ended:
// what the provider says then or, where that decides nothing, what giving up means.
func Ending(p Payment, truth sandbox.Truth) payment.Status {
	if truth.Word == sandbox.NotKnown {
		// Only ecommpay's document makes absence final, once the payer's time is over.
		if p.Provider == "ecommpay" && !p.Expires.IsZero() {
			return payment.Expired
		}
		return payment.Unknown
	}
	status := Meaning(p.Provider, truth.Word)
	if status.Open() {
		return payment.Unknown
	}
	return status
}
