// Package life is what really happens to a simulated payment: the words of the
// truth, the closed list of scripted lives, and a payment that lives one of
// them. A life is a table of stages; where a payment stands is a pure function
// of the time, so nothing runs in the background and nothing can be late.
// Payments never change once made and are safe for concurrent use.
//
// The package knows no provider's wire format, only which words a provider's
// vocabulary can express.
package life

import "slices"

// Word is the truth about a payment at one moment, in words that belong to
// nobody's status list. The comment of each says what is true; what a client
// should make of it is the caller's to decide.
type Word string

// The closed set of words.
const (
	// NotKnown: the provider has no such payment (yet, or ever).
	NotKnown Word = "not_known"
	// Waiting: registered; nobody has begun to pay.
	Waiting Word = "waiting"
	// PayerAction: the payer has to do something: 3-D Secure, a code, a redirect.
	PayerAction Word = "payer_action"
	// InProgress: the provider or the bank is working on it.
	InProgress Word = "in_progress"
	// Held: the money is held on the payer's card and not taken.
	Held Word = "held"
	// Charged: the whole amount was taken.
	Charged Word = "charged"
	// ChargedOtherAmount: money was taken, but not the amount the payment was
	// made for; nothing else is wrong with it.
	ChargedOtherAmount Word = "charged_other_amount"
	// PartCharged: less was taken than had been held, on purpose; the rest is let go.
	PartCharged Word = "part_charged"
	// Declined: refused by bank or provider; no money was taken.
	Declined Word = "declined"
	// Canceled: broken off before any money was held or taken.
	Canceled Word = "canceled"
	// Expired: the provider itself says that the payer's time ran out.
	Expired Word = "expired"
	// PartRefunded: charged, then a part was given back.
	PartRefunded Word = "part_refunded"
	// Refunded: charged, then all of it was given back.
	Refunded Word = "refunded"
	// HoldReleased: held, then released without being taken. halyk and ecommpay
	// say this with their word for canceled, uapay with CANCELED beside PAID.
	HoldReleased Word = "hold_released"
	// Reversed: charged and given back whole before the business day closed.
	Reversed Word = "reversed"
)

// Words lists the closed set.
func Words() []Word {
	return []Word{
		NotKnown, Waiting, PayerAction, InProgress, Held, Charged, ChargedOtherAmount, PartCharged, Declined,
		Canceled, Expired, PartRefunded, Refunded, HoldReleased, Reversed,
	}
}

// The simulated providers, by the names used everywhere in the sandbox.
const (
	Finipay  = "finipay"
	Halyk    = "halyk"
	Uapay    = "uapay"
	Ecommpay = "ecommpay"
)

// Providers lists the simulated providers.
func Providers() []string { return []string{Finipay, Halyk, Uapay, Ecommpay} }

// vocabulary is what each provider's documents have a word for. What is absent
// is absent on purpose: finipay documents no hold, cancellation or expiry;
// halyk's NEW already means "sent", and its CANCEL only ever follows a hold;
// the look of a partial capture or reverse at uapay is documented nowhere; ecommpay
// registers a payment only once the payer has confirmed, so it never "waits".
var vocabulary = map[string][]Word{
	Finipay: {NotKnown, Waiting, InProgress, Charged, ChargedOtherAmount, Declined, PartRefunded, Refunded},
	Halyk: {
		NotKnown, PayerAction, InProgress, Held, Charged, ChargedOtherAmount, PartCharged, Declined, PartRefunded, Refunded,
		HoldReleased,
	},
	Uapay: {
		NotKnown, Waiting, PayerAction, InProgress, Held, Charged, ChargedOtherAmount, Declined, Canceled, Refunded, HoldReleased,
	},
	Ecommpay: {
		NotKnown, PayerAction, InProgress, Held, Charged, ChargedOtherAmount, PartCharged, Declined, Canceled, Expired,
		PartRefunded, Refunded, HoldReleased, Reversed,
	},
}

// Vocabulary lists the words a provider can express; nil for an unknown provider.
func Vocabulary(provider string) []Word { return slices.Clone(vocabulary[provider]) }

// CanSay reports whether the provider has a word of its own for this one.
func CanSay(provider string, word Word) bool { return slices.Contains(vocabulary[provider], word) }
