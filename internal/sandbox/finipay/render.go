package finipay

import (
	"encoding/json"
	"net/http"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/wire"
)

// said is how finipay puts a word: the envelope's code, and its message and the
// status in their usual spellings.
type said struct {
	code                string
	messages, spellings []string
}

// cardWords is the vocabulary of the status call. Codes 110 and 120 are shown
// for wallets, 204 for the refund call; the page on /status shows only CHARGE,
// so what stands around Reject may be what stands around CHARGE.
var cardWords = map[life.Word]said{
	life.Waiting:            {"110", []string{"CREATED"}, []string{"CREATED"}},
	life.InProgress:         {"120", []string{"CONFIRMED"}, []string{"CONFIRMED"}},
	life.Charged:            {"200", []string{"PAYMENT_SUCCESS"}, []string{"CHARGE", "Charge"}},
	life.ChargedOtherAmount: {"200", []string{"PAYMENT_SUCCESS"}, []string{"CHARGE", "Charge"}},
	life.Declined:           {"200", []string{"OK", "PAYMENT_SUCCESS"}, []string{"Reject", "REJECT", "reject"}},
}

// russian and kyrgyz stand in for messages when the request names no language:
// an account's default language is not English.
var (
	russian = map[string]string{
		"CREATED": "СОЗДАН", "CONFIRMED": "ПОДТВЕРЖДЕН", "PAYMENT_SUCCESS": "ПЛАТЕЖ УСПЕШЕН", "OK": "ОК", "REFUND": "ВОЗВРАТ",
		"ORDER_NOT_FOUND": "Заказ не найден",
	}
	kyrgyz = map[string]string{
		"CREATED": "ТҮЗҮЛДҮ", "CONFIRMED": "ЫРАСТАЛДЫ", "PAYMENT_SUCCESS": "ТӨЛӨМ ИЙГИЛИКТҮҮ", "OK": "МАКУЛ", "REFUND": "КАЙТАРУУ",
		"ORDER_NOT_FOUND": "Буйрутма табылган жок",
	}
)

// foreign is a message in another language than English; p is nil for a number
// that nobody knows.
func foreign(p *life.Payment, message string) string {
	if p != nil && p.Sometimes(2, "kyrgyz") {
		return kyrgyz[message]
	}
	return russian[message]
}

// asked is what of the question an answer depends on.
type asked struct {
	english bool
	// at is when it is answered, by finipay's clock.
	at time.Time
}

// render writes what is true of a payment of a card or a wallet.
func (s *Simulator) render(p *life.Payment, state life.State, q asked) desk.Answer {
	if state.Word == life.PartRefunded || state.Word == life.Refunded {
		return renderRefund(p, state, q)
	}
	words := cardWords[state.Word]
	spelling := words.spellings[p.Draw(len(words.spellings), "spelling")]
	if state.Strange {
		spelling = strangeWord
	}
	message := words.messages[p.Draw(len(words.messages), "message")]
	data := wire.Object{
		{Key: "orderNumber", Value: shownNumber(p)},
		{Key: "amount", Value: wire.Number(shownAmount(p, state), p.Exponent, p.Draw(3, "amount"))},
		{Key: "status", Value: spelling},
	}
	if own, ok := walletFields(p, state, q.at); ok {
		data = append(data, own...)
	} else {
		data = data.With("currency", p.MoneyIn(state))
	}
	if p.Sometimes(2, "personal") {
		data = append(data, personal()...)
	}
	body := envelope(p, words.code, inLanguage(p, message, q.english), data)
	return s.twist(told(p, state, spelling, body), body, q.at)
}

// renderRefund answers as the refund call does: no order number, and no status but a
// strange one.
func renderRefund(p *life.Payment, state life.State, q asked) desk.Answer {
	refundable := max(state.CapturedMinor-state.RefundedMinor, 0)
	data := wire.Object{
		{Key: "amount", Value: wire.Number(state.CapturedMinor, p.Exponent, 0)},
		{Key: "refunded", Value: wire.Number(state.RefundedMinor, p.Exponent, 1)},
		{Key: "refundable", Value: wire.Number(refundable, p.Exponent, 0)},
		{Key: "currency", Value: p.MoneyIn(state)},
	}
	raw := "204 REFUND"
	if state.Strange {
		raw, data = strangeWord, data.With("status", strangeWord)
	}
	return told(p, state, raw, envelope(p, codeRefund, inLanguage(p, "REFUND", q.english), data))
}

func inLanguage(p *life.Payment, message string, english bool) string {
	if english {
		return message
	}
	return foreign(p, message)
}

// strangeWord is a status that no page shows.
const strangeWord = "Settling"

// codeRefund is the refund call's own code, in an answer under HTTP 200.
const codeRefund = "204"

func envelope(p *life.Payment, code, message string, data any) wire.Object {
	shown := any(code)
	// Documented as a string; a number now and then.
	if p.Sometimes(6, "numeric code") {
		shown = json.Number(code)
	}
	return wire.Object{{Key: "code", Value: shown}, {Key: "message", Value: message}, {Key: "data", Value: data}}
}

func told(p *life.Payment, state life.State, raw string, body wire.Object) desk.Answer {
	a := desk.Answer{Status: http.StatusOK, Body: wire.JSON(body), Endpoint: "status", Payment: p, Raw: raw}
	a.Tell(state)
	return a
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
