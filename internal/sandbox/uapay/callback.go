package uapay

import (
	"net/http"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/wire"
)

var _ desk.Caller = (*Simulator)(nil)

// callbackTime is how callbacks write moments.
const callbackTime = "2006-01-02T15:04:05.000Z"

// Callback is what UAPAY posts to the shop (page 2592146040): {"token":"<JWT>"},
// signed like an answer, its payload full of what is nobody's business. A payment
// that UAPAY does not know yet is called as it will be first.
func (s *Simulator) Callback(p *life.Payment, at time.Time) (http.Header, []byte) {
	state := p.At(at)
	axes := pair{P: "OPEN", I: "NEW"}
	if ways := pairs[state.Word]; len(ways) > 0 {
		axes = ways[p.Draw(len(ways), "axes", string(state.Word))]
	}
	v := view{p: p, state: state, axes: axes}
	payload := wire.Object{
		{Key: "paymentId", Value: p.IDs["payment_id"]}, {Key: "invoiceId", Value: p.IDs["invoice_id"]},
		{Key: "externalId", Value: p.Key}, {Key: "paymentNumber", Value: 249503},
		{Key: "cardFromMasked", Value: wire.CardMask}, {Key: "cardToMasked", Value: nil},
		{Key: "amount", Value: v.amount()}, {Key: "status", Value: axes.I}, {Key: "type", Value: "PAY"},
		{Key: "systemType", Value: "ECOM"}, {Key: "paymentStatus", Value: axes.P}, {Key: "receiptPath", Value: wire.ACSURL},
		{Key: "extraInfo", Value: `{"docId":"` + wire.Extra + `"}`}, {Key: "createDate", Value: p.Created.UTC().Format(callbackTime)},
	}
	if state.CapturedMinor > 0 {
		payload = payload.With("payDate", state.Since.UTC().Format(callbackTime))
	}
	token := sign(wire.JSON(payload.With("iat", at.Unix())), s.Secret)
	header := http.Header{"Content-Type": {"application/json"}}
	return header, wire.JSON(wire.Object{{Key: "token", Value: token}})
}
