package uapay

import (
	"strings"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// The kinds of a payment's names. They are stored, so they stay as they are.
const (
	aliasPayment = "payment:"
	aliasInvoice = "invoice:"
)

// Aliases are "invoice:" and, where it is known, "payment:" with the UUID in lower
// case. A session names no payment.
func (a *Adapter) Aliases(ref payment.Reference) []string {
	return aliases(ref[keyPayment], ref[keyInvoice])
}

func aliases(paymentID, invoiceID string) []string {
	var all []string
	if paymentID != "" {
		all = append(all, aliasPayment+strings.ToLower(paymentID))
	}
	if invoiceID != "" {
		all = append(all, aliasInvoice+strings.ToLower(invoiceID))
	}
	return all
}

// ReadCallback reads {"token":"<JWT>"} (page 2592146040), signed with the
// account's key as answers are; the payload names the payment and its invoice.
// What has no token is the same payload without a wrapper, and is read only
// where require_signed is off. All else stays unread: the payload also holds
// card masks, a link to the receipt, free text, and two status words that
// nobody is to believe. UAPAY sends again 5 times within a day until it is
// answered with 200.
func (a *Adapter) ReadCallback(c providers.Callback) (providers.Hint, error) {
	return a.reader.hint(c.Body)
}

func (r reader) hint(body []byte) (providers.Hint, error) {
	object, err := providers.ReadObject(body)
	if err != nil {
		return providers.Hint{}, providers.Unreadably(callback.doing(), err)
	}
	payload := part{Object: object, m: callback, at: "$"}
	switch {
	case payload.Has("token"):
		if payload, err = r.open(payload); err != nil {
			return providers.Hint{}, err
		}
	case r.requireSigned:
		return providers.Hint{}, callback.fail(providers.SignatureInvalid, "the callback is not signed")
	}
	paymentID, err := payload.uuid("paymentId")
	if err != nil {
		return providers.Hint{}, err
	}
	invoiceID, err := payload.uuid("invoiceId")
	if err != nil {
		return providers.Hint{}, err
	}
	return providers.Hint{Aliases: aliases(paymentID, invoiceID), Verified: payload.signed}, nil
}
