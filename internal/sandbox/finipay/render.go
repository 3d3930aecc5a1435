package finipay

import (
	"encoding/json"
	"net/http"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/wire"
)

// said is how finipay puts a word: the envelope's code and message, and the
// status in its usual spellings.
type said struct {
	code, message string
	spellings     []string
}

// cardWords is the vocabulary of the card status. Codes 110 and 120 are shown
// for wallets, 204 for the refund call; the page on /status shows only CHARGE.
var cardWords = map[life.Word]said{
	life.Waiting:            {"110", "CREATED", []string{"CREATED"}},
	life.InProgress:         {"120", "CONFIRMED", []string{"CONFIRMED"}},
	life.Charged:            {"200", "PAYMENT_SUCCESS", []string{"CHARGE", "Charge"}},
	life.ChargedOtherAmount: {"200", "PAYMENT_SUCCESS", []string{"CHARGE", "Charge"}},
	life.Declined:           {"200", "OK", []string{"Reject", "REJECT", "reject"}},
}

// russian stands in for messages when the request names no language: the
// account's default language is not English.
var russian = map[string]string{
	"CREATED": "СОЗДАН", "CONFIRMED": "ПОДТВЕРЖДЕН", "PAYMENT_SUCCESS": "ПЛАТЕЖ УСПЕШЕН", "OK": "ОК", "REFUND": "ВОЗВРАТ",
}

// render writes what is true of a card payment.
func render(p *life.Payment, state life.State, english bool) desk.Answer {
	if state.Word == life.PartRefunded || state.Word == life.Refunded {
		return renderRefund(p, state, english)
	}
	words := cardWords[state.Word]
	spelling := words.spellings[p.Draw(len(words.spellings), "spelling")]
	data := wire.Object{
		{Key: "orderNumber", Value: shownNumber(p)},
		{Key: "amount", Value: wire.Number(shownAmount(p, state), p.Exponent, p.Draw(3, "amount"))},
		{Key: "status", Value: spelling},
		{Key: "currency", Value: p.Currency},
	}
	if p.Sometimes(2, "personal") {
		data = append(data, personal()...)
	}
	return told(p, state, spelling, envelope(p, words.code, inLanguage(words.message, english), data))
}

// renderRefund answers as the refund call does: no order number, no status.
func renderRefund(p *life.Payment, state life.State, english bool) desk.Answer {
	refundable := state.CapturedMinor - state.RefundedMinor
	data := wire.Object{
		{Key: "amount", Value: wire.Number(state.CapturedMinor, p.Exponent, 0)},
		{Key: "refunded", Value: wire.Number(state.RefundedMinor, p.Exponent, 1)},
		{Key: "refundable", Value: wire.Number(refundable, p.Exponent, 0)},
		{Key: "currency", Value: p.Currency},
	}
	return told(p, state, "204 REFUND", envelope(p, "204", inLanguage("REFUND", english), data))
}

func inLanguage(message string, english bool) string {
	if english {
		return message
	}
	return russian[message]
}

func envelope(p *life.Payment, code, message string, data any) wire.Object {
	shown := any(code)
	// Documented as a string; a number now and then.
	if p.Sometimes(6, "numeric code") {
		shown = json.Number(code)
	}
	return wire.Object{{Key: "code", Value: shown}, {Key: "message", Value: message}, {Key: "data", Value: data}}
}

func told(p *life.Payment, state life.State, raw string, body wire.Object) desk.Answer {
	return desk.Answer{
		Status: http.StatusOK, Body: wire.JSON(body), Endpoint: "status", Payment: p,
		Told: state.Word, Raw: raw, CapturedMinor: state.CapturedMinor, RefundedMinor: state.RefundedMinor,
	}
}

// shownNumber is the number the answer names: finipay's own for two payments
// in three, as on the page, the merchant's for the rest; always the same one.
func shownNumber(p *life.Payment) string {
	if p.Sometimes(3, "echo") {
		return p.IDs["order_number"]
	}
	return p.IDs["provider_number"]
}

// shownAmount is the order's amount, or the one really taken.
func shownAmount(p *life.Payment, state life.State) int64 {
	if state.Word == life.ChargedOtherAmount {
		return state.CapturedMinor
	}
	return p.AmountMinor
}

// personal is what answers of this gateway family carry beside the documented fields.
func personal() wire.Object {
	card := wire.Object{
		{Key: "maskedPan", Value: wire.CardMask}, {Key: "cardholderName", Value: wire.CardHolder},
		{Key: "approvalCode", Value: wire.ApproveCode},
	}
	return wire.Object{
		{Key: "cardAuthInfo", Value: card}, {Key: "ip", Value: wire.IP}, {Key: "email", Value: wire.Email},
		{Key: "phone", Value: wire.Phone}, {Key: "acsUrl", Value: wire.ACSURL}, {Key: "paReq", Value: wire.PaReq},
	}
}
