package finipay

import (
	"strings"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// Keys of a reference, and the one value of kindKey.
const (
	orderKey       = "order_number"
	kindKey        = "kind"
	transactionKey = "transaction_id"
	kindQR         = "qr"
)

// Longest numbers we ask with. finipay names no limit; 64 holds every number
// its pages show four times over.
const (
	maxOrderNumber   = 64
	maxTransactionID = 128
)

// CheckReference takes {"order_number"} for a card and
// {"kind":"qr","transaction_id"} for a QR, and no other key. The error is a
// *payment.FieldError.
func (a *Adapter) CheckReference(ref payment.Reference) error {
	if _, ok := ref[kindKey]; ok {
		return checkQR(ref)
	}
	if len(ref) != 1 || ref[orderKey] == "" {
		return &payment.FieldError{Field: "reference", Problem: `is not in finipay's form; wanted {"order_number"} or {"kind":"qr","transaction_id"}`}
	}
	if !orderNumber(ref[orderKey]) {
		return &payment.FieldError{Field: "reference." + orderKey, Problem: "is not 1 to 64 characters of A-Z a-z 0-9 - _, the only ones finipay answers reliably for"}
	}
	return nil
}

func checkQR(ref payment.Reference) error {
	if ref[kindKey] != kindQR {
		return &payment.FieldError{Field: "reference." + kindKey, Problem: `is not "qr"; leave kind out for a card`}
	}
	id, ok := ref[transactionKey]
	if !ok || len(ref) != 2 {
		return &payment.FieldError{Field: "reference", Problem: `is not in finipay's form; wanted {"kind":"qr","transaction_id"} and no other key`}
	}
	// The pages show ids with different prefixes, so they are opaque.
	if id == "" || len(id) > maxTransactionID || !providers.Printable(id) || strings.Contains(id, " ") {
		return &payment.FieldError{Field: "reference." + transactionKey, Problem: "is not 1 to 128 printable ASCII characters without spaces"}
	}
	return nil
}

// orderNumber reports whether s is made of the characters finipay advises.
func orderNumber(s string) bool {
	foreign := func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}
	return s != "" && len(s) <= maxOrderNumber && strings.IndexFunc(s, foreign) < 0
}
