package finipay

import (
	"strings"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// Keys of a reference.
const (
	orderKey       = "order_number"
	kindKey        = "kind"
	transactionKey = "transaction_id"
)

// Values of kindKey; a card has none. The kind says what an answer means that
// does not tell it by itself: cards and wallets have amounts in major units, a
// wallet's are in KGS where no currency is named, a QR has none at all.
const (
	kindQR      = "qr"
	kindMbank   = "mbank"
	kindMegapay = "megapay"
)

// Longest numbers we ask with. finipay names no limit; 64 holds every number
// its pages show four times over.
const (
	maxOrderNumber   = 64
	maxTransactionID = 128
)

// CheckReference takes {"order_number"} for a card, {"kind","order_number"} with
// the kind "mbank" or "megapay" for a wallet, {"kind":"qr","transaction_id"} for
// a QR, and no other key. The error is a *payment.FieldError.
//
// Whether the status call serves wallets at all is on no page. Where it does
// not, their payments are not found, or answered with what is no status, and
// end as unknown.
func (a *Adapter) CheckReference(ref payment.Reference) error {
	kind, told := ref[kindKey]
	keys := 1
	if told {
		keys = 2
	}
	switch {
	case kind == kindQR:
		return checkQR(ref)
	case told && !wallet(ref):
		return &payment.FieldError{Field: "reference." + kindKey, Problem: `is not "mbank", "megapay" or "qr"; leave kind out for a card`}
	case ref[orderKey] == "" || len(ref) != keys:
		return &payment.FieldError{Field: "reference", Problem: `is not in finipay's form; wanted {"order_number"}, for a wallet {"kind","order_number"}, for a QR {"kind":"qr","transaction_id"}`}
	case !orderNumber(ref[orderKey]):
		return &payment.FieldError{Field: "reference." + orderKey, Problem: "is not 1 to 64 characters of A-Z a-z 0-9 - _, the only ones finipay answers reliably for"}
	}
	return nil
}

func checkQR(ref payment.Reference) error {
	id, ok := ref[transactionKey]
	if !ok || len(ref) != 2 {
		return &payment.FieldError{Field: "reference", Problem: `is not in finipay's form; wanted {"kind":"qr","transaction_id"} and no other key`}
	}
	// The page shows ids with two prefixes, FNP and QPF, so they are opaque.
	if id == "" || len(id) > maxTransactionID || !providers.Printable(id) || strings.Contains(id, " ") {
		return &payment.FieldError{Field: "reference." + transactionKey, Problem: "is not 1 to 128 printable ASCII characters without spaces"}
	}
	return nil
}

// wallet reports whether the payment is one of a wallet.
func wallet(ref payment.Reference) bool {
	return ref[kindKey] == kindMbank || ref[kindKey] == kindMegapay
}

// orderNumber reports whether s is made of the characters finipay advises. One
// of its pages counts "_" among the unacceptable ones and, below, among the
// few to be used; its own example of a valid number holds one.
func orderNumber(s string) bool {
	foreign := func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}
	return s != "" && len(s) <= maxOrderNumber && strings.IndexFunc(s, foreign) < 0
}
