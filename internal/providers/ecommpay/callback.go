package ecommpay

import (
	"slices"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// readingCallback names the reading in errors.
const readingCallback = "read a callback of ecommpay"

var _ providers.CallbackReader = (*Adapter)(nil)

// Aliases are "payment:<payment_id>" or "request:<request_id>".
func (a *Adapter) Aliases(ref payment.Reference) []string {
	var aliases []string
	for _, key := range []string{keyPayment, keyRequest} {
		if id := ref[key]; id != "" {
			aliases = append(aliases, aliasOf(key, id))
		}
	}
	return aliases
}

func aliasOf(key, id string) string {
	if key == keyPayment {
		return "payment:" + id
	}
	return "request:" + id
}

// ReadCallback verifies a callback's signature as an answer's, and names the
// payment by its id and by the requests of the operations that it tells of:
// "operation", an object, in callbacks; "operations", a list, as in answers. An
// id that no reference could hold is left out. The daily callbacks about
// chargebacks are not signed, so they are refused as everybody's.
func (a *Adapter) ReadCallback(c providers.Callback) (providers.Hint, error) {
	body, err := a.reader.open(readingCallback, c.Body)
	if err != nil {
		return providers.Hint{}, err
	}
	aliases, err := a.reader.aliasesIn(body)
	if err != nil {
		return providers.Hint{}, providers.Unreadably(readingCallback, err)
	}
	return providers.Hint{Aliases: aliases, Verified: true}, nil
}

// aliasesIn names the payment of a callback, at least once; the error is a
// *providers.FieldProblem.
func (r reader) aliasesIn(body providers.Object) ([]string, error) {
	ours, err := r.isOurs(body)
	if err != nil {
		return nil, err
	}
	if !ours {
		return nil, &providers.FieldProblem{Path: "$.project_id", Problem: "is another project's"}
	}
	payments, err := idsIn(body, "payment", "id")
	if err != nil {
		return nil, err
	}
	requests, err := idsIn(body, "operation", "request_id")
	if err != nil {
		return nil, err
	}
	operations, err := readOperations(body)
	if err != nil {
		return nil, err
	}
	for _, o := range operations {
		requests = append(requests, o.request)
	}
	var aliases []string
	for i, id := range append(payments, requests...) {
		key := keyRequest
		if i < len(payments) {
			key = keyPayment
		}
		if name := aliasOf(key, id); isID(id) && !slices.Contains(aliases, name) {
			aliases = append(aliases, name)
		}
	}
	if len(aliases) == 0 {
		return nil, &providers.FieldProblem{Path: "$.payment.id", Problem: "is missing or no id, and so is every request's"}
	}
	return aliases, nil
}

// idsIn reads one id of an object that may be absent: none or one.
func idsIn(body providers.Object, key, field string) ([]string, error) {
	if !body.Has(key) {
		return nil, nil
	}
	object, err := body.Object(key)
	if err != nil {
		return nil, err
	}
	read := object.OptionalString
	if key == "payment" {
		read = object.OptionalCode // a text or a number, as in answers
	}
	id, err := read(field)
	if err != nil {
		return nil, err
	}
	return []string{id}, nil
}
