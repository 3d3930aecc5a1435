package uapay

import (
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// The keys of a reference.
const (
	keyInvoice = "invoice_id"
	keyPayment = "payment_id"
	keySession = "session_id"
)

// CheckReference accepts {"invoice_id"} with optional "payment_id" and
// "session_id", each a UUID as UAPAY gives them. The error is a
// *payment.FieldError.
func (a *Adapter) CheckReference(ref payment.Reference) error {
	for key := range ref {
		if key != keyInvoice && key != keyPayment && key != keySession {
			return &payment.FieldError{Field: "reference", Problem: "has a key besides invoice_id, payment_id and session_id"}
		}
	}
	if ref[keyInvoice] == "" {
		return &payment.FieldError{Field: "reference." + keyInvoice, Problem: "is missing; wanted the UUID of UAPAY's invoice"}
	}
	for _, key := range []string{keyInvoice, keyPayment, keySession} {
		if value, present := ref[key]; present && !isUUID(value) {
			return &payment.FieldError{Field: "reference." + key, Problem: "is no UUID; wanted 8-4-4-4-12 hexadecimal digits"}
		}
	}
	return nil
}

// isUUID reports the shape only: UAPAY's own examples are not all RFC 9562 versions.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		default:
			return false
		}
	}
	return true
}

// method is one method of the API.
type method struct {
	path string
	// axes is where the method's answer keeps the two status words.
	axes axes
}

// axes names the fields of the two status axes.
type axes struct{ processing, invoicer string }

// The methods we call, and the callback, which is called on us. The documents put
// the two axes into opposite fields: checkStatus (page 2592145629) and the show
// methods (2592145611, 2592145576). payments/show, oriented like invoices/show, is
// not asked: it tells no more about the status than checkStatus does, and brings
// the payer's e-mail and cards.
var (
	sessionsCreate = method{path: "sessions/create"}
	checkStatus    = method{path: "invoicer/payments/checkStatus", axes: axes{processing: "status", invoicer: "paymentStatus"}}
	callback       = method{path: "callback"}
	invoicesShow   = method{path: "invoicer/invoices/show", axes: axes{processing: "paymentStatus", invoicer: "status"}}
)

// methodFor chooses the method a reference can be asked with.
func methodFor(ref payment.Reference) method {
	if ref[keyPayment] != "" {
		return checkStatus
	}
	return invoicesShow
}

func (m method) params(session string, ref payment.Reference) params {
	if m == checkStatus {
		return params{SessionID: session, PaymentID: ref[keyPayment], InvoiceID: ref[keyInvoice]}
	}
	return params{SessionID: session, ID: ref[keyInvoice]}
}

// doing names the call in errors.
func (m method) doing() string {
	if m == callback {
		return "read UAPAY's callback"
	}
	return "ask UAPAY " + m.path
}

// refuse makes the error of a row of the tables.
func (m method) refuse(row providers.Row, detail string) *providers.Error {
	return &providers.Error{Kind: row.Kind, Doing: m.doing(), Detail: detail, Raw: row.Raw}
}

// fail makes an error of this call.
func (m method) fail(kind providers.Kind, detail string) *providers.Error {
	return &providers.Error{Kind: kind, Doing: m.doing(), Detail: detail}
}
