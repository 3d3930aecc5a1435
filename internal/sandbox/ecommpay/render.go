package ecommpay

import (
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/wire"
)

// words is the vocabulary. Where a word has several, a payment always uses the
// same one. The SDKs spell "canceled" both ways.
var words = map[life.Word][]string{
	life.PayerAction:        {"awaiting 3ds result", "awaiting redirect result", "awaiting customer action", "awaiting customer"},
	life.InProgress:         {"processing", "external processing", "awaiting confirmation"},
	life.Held:               {"awaiting capture"},
	life.Charged:            {"success"},
	life.ChargedOtherAmount: {"success"},
	life.PartCharged:        {"partially paid"},
	life.Declined:           {"decline"},
	life.Canceled:           {"canceled", "cancelled"},
	life.Expired:            {"expired"},
	life.PartRefunded:       {"partially refunded", "partially refunded", "partially reversed"},
	life.Refunded:           {"refunded"},
	life.HoldReleased:       {"canceled", "cancelled"},
	life.Reversed:           {"reversed"},
}

// render writes what is true of a payment, and gives the raw status.
func render(p *life.Payment, state life.State, project int64) (body wire.Object, status string) {
	status = statusOf(p, state.Word)
	if state.Strange {
		status = strangeWord
	}
	var operations []wire.Object
	for i, o := range operationsOf(p, state, status) {
		operations = append(operations, o.write(p, state, i))
	}
	body = wire.Object{
		{Key: "project_id", Value: project},
		{Key: "payment", Value: payment(p, state, status)},
		{Key: "customer", Value: wire.Object{
			{Key: "id", Value: wire.Email}, {Key: "phone", Value: wire.Phone}, {Key: "ip_address", Value: wire.IP},
		}},
		{Key: "account", Value: wire.Object{
			{Key: "number", Value: wire.CardNumber}, {Key: "type", Value: "visa"}, {Key: "card_holder", Value: wire.CardHolder},
			{Key: "expiry_month", Value: "03"}, {Key: "expiry_year", Value: "2034"}, {Key: "token", Value: wire.Token},
		}},
		{Key: "acs", Value: acs(state)},
		{Key: "operations", Value: operations},
	}
	if p.Sometimes(5, "status of the request") {
		// Of the request, whatever became of the payment.
		body = append(wire.Object{{Key: "status", Value: "success"}}, body...)
	}
	return body, status
}

// strangeWord is a status that neither page nor SDK knows.
const strangeWord = "settling"

// statusOf is how this payment puts a word.
func statusOf(p *life.Payment, word life.Word) string {
	ways := words[word]
	return ways[p.Draw(len(ways), "way", string(word))]
}

// payment writes the object payment. Some completed payments carry sum_real and
// no sum, as the page's first sample does; some projects get no sum at all.
func payment(p *life.Payment, state life.State, status string) wire.Object {
	minor := p.AmountMinor
	if state.Word == life.ChargedOtherAmount {
		minor = state.CapturedMinor
	}
	sum := "sum"
	if state.Word == life.Charged && p.Sometimes(4, "sum_real") {
		sum = "sum_real"
	}
	written := wire.Object{
		{Key: "id", Value: p.IDs["payment_id"]}, {Key: "type", Value: "purchase"}, {Key: "status", Value: status},
		{Key: "date", Value: state.Since.UTC().Format(dateForm)}, {Key: "method", Value: "card"},
		{Key: sum, Value: amount(minor, p.MoneyIn(state))}, {Key: "description", Value: wire.Description},
	}
	if p.Sometimes(9, "no sum") {
		return written.Without(sum)
	}
	return written
}

// acs is what a browser needs for 3-D Secure; null when there is nothing to do.
func acs(state life.State) any {
	if state.Word != life.PayerAction {
		return nil
	}
	return wire.Object{{Key: "pa_req", Value: wire.PaReq}, {Key: "acs_url", Value: wire.ACSURL}}
}
