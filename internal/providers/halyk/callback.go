package halyk

import (
	"bytes"
	"net/url"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

const doingCallback = "read a callback"

// aliasInvoice is the kind of a payment's only name. It is stored, so it stays as it is.
const aliasInvoice = "invoice:"

// Aliases is "invoice:" with the invoice number, leading zeros and all.
func (a *Adapter) Aliases(ref payment.Reference) []string {
	return []string{aliasInvoice + ref[invoiceKey]}
}

// ReadCallback reads what ePay posts to postLink, or to failurePostLink after a
// refusal (page "Payment page"): JSON or, to some clients, a form, with the
// invoice number as invoiceId. Nothing of it can be verified, so Verified is
// always false: there is no signature, and secret_hash only gives back what the
// shop put into the order's own token request, which is not known here. All
// else stays unread: the payer's name, phone, e-mail, card, address, and a code
// ("ok", "error") that nobody is to believe.
func (a *Adapter) ReadCallback(c providers.Callback) (providers.Hint, error) {
	return readCallback(c.Body)
}

func readCallback(body []byte) (providers.Hint, error) {
	invoice, err := calledInvoice(body)
	if err != nil {
		return providers.Hint{}, providers.Unreadably(doingCallback, err)
	}
	return providers.Hint{Aliases: []string{aliasInvoice + invoice}}, nil
}

// calledInvoice finds the invoice number. What the body is made of is told by
// its first character, because clients report several content types. The error
// is a *providers.FieldProblem.
func calledInvoice(body []byte) (string, error) {
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return formInvoice(body)
	}
	root, err := providers.ReadObject(body)
	if err != nil {
		return "", err
	}
	key := keyInvoiceOld
	if !root.Has(key) && root.Has(keyInvoice) {
		key = keyInvoice
	}
	invoice, err := root.String(key)
	if err != nil {
		return "", err
	}
	return checkInvoice(key, invoice)
}

func formInvoice(body []byte) (string, error) {
	form, err := url.ParseQuery(string(bytes.TrimSpace(body)))
	if err != nil {
		// Its text holds a piece of the body.
		return "", &providers.FieldProblem{Path: "$", Problem: "is neither a JSON object nor a form"}
	}
	for _, key := range []string{keyInvoiceOld, keyInvoice} {
		switch values := form[key]; len(values) {
		case 0:
		case 1:
			return checkInvoice(key, values[0])
		default:
			return "", &providers.FieldProblem{Path: "$." + key, Problem: "is there more than once"}
		}
	}
	return "", &providers.FieldProblem{Path: "$." + keyInvoiceOld, Problem: "is missing"}
}

// checkInvoice refuses what can't be an invoice number of ours.
func checkInvoice(key, invoice string) (string, error) {
	if !isInvoice(invoice) {
		return "", &providers.FieldProblem{Path: "$." + key, Problem: "is not 6 to 15 digits"}
	}
	return invoice, nil
}
