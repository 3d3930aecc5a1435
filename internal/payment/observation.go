package payment

import "time"

// Observation is what one answered look at a provider said, in our words. It
// has no field for personal data: names, phones, e-mails, card numbers and
// addresses end at the provider's adapter.
type Observation struct {
	// Status is the canonical status; Review (with its Reason) where the
	// provider's own answer contradicts itself.
	Status Status
	// Reason is set for failed, canceled, expired and review, else empty.
	Reason Reason
	// Amount is the field that the provider's facts name for comparison with
	// the expected amount (the whole payment, not what is left of it). The zero
	// value: the answer held none.
	Amount Money
	// Captured and Refunded are what the provider says was taken and given
	// back; absent where the answer does not tell.
	Captured Money
	Refunded Money
	// AmountUnverified allows a success although the answer can't hold an
	// amount; only an account's own setting turns it on.
	AmountUnverified bool
	// ProviderStatus, ProviderCode and ProviderMessage are the raw words, for
	// people. Nothing is decided by them.
	ProviderStatus  string
	ProviderCode    string
	ProviderMessage string
	// ProviderReference is the provider's own number for the payment.
	ProviderReference string
	// MappingVersion names the table that turned the raw words into Status.
	MappingVersion string
	// OccurredAt is the provider's clock; zero where the answer names no time.
	OccurredAt time.Time
}

// Reference is what a provider needs to find a payment: a flat object of
// strings whose keys that provider defines, such as {"invoice_id":"000100001"}.
type Reference map[string]string

// FieldError is a fault in one field of outside input.
type FieldError struct {
	// Field is the path of the field, such as "reference.invoice_id".
	Field string
	// Problem completes the sentence "<field> ..." and tells what is wanted. It
	// never repeats the value.
	Problem string
}

// Error names the field and what to do.
func (e *FieldError) Error() string { return e.Field + " " + e.Problem }
