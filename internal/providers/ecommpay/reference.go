package ecommpay

import (
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// The keys of a reference; exactly one of them is there.
const (
	keyPayment = "payment_id"
	keyRequest = "request_id"
)

// maxID bounds an id in a reference. ecommpay documents no limit; 128 holds
// every id of its samples twice over.
const maxID = 128

// CheckReference accepts exactly one of {"payment_id"} (the merchant's own id,
// which is what the Gate finds payments by) and {"request_id"}: 1 to 128
// characters of printable ASCII. The error is a *payment.FieldError.
func (a *Adapter) CheckReference(ref payment.Reference) error {
	for key := range ref {
		if key != keyPayment && key != keyRequest {
			return &payment.FieldError{Field: "reference", Problem: "has a key besides payment_id and request_id"}
		}
	}
	if len(ref) != 1 {
		return &payment.FieldError{Field: "reference", Problem: "holds not exactly one of payment_id and request_id"}
	}
	for key, value := range ref {
		if !isID(value) {
			return &payment.FieldError{Field: "reference." + key, Problem: "is not 1 to 128 characters of printable ASCII"}
		}
	}
	return nil
}

// isID reports whether a reference may hold the id.
func isID(id string) bool { return id != "" && len(id) <= maxID && providers.Printable(id) }
