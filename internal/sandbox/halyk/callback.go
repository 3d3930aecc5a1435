package halyk

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/dice"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/wire"
)

var _ desk.Caller = (*Simulator)(nil)

// Callback is what the bank posts to the order's postLink where money is held or
// was taken ("code": "ok"), and to its failurePostLink otherwise. Its fields are
// those that public clients read. It is JSON; for one payment in four the same
// fields come as a form. The bank itself calls when the payer is done; what it
// would say of an undecided payment, which nobody saw, is a failure here.
func (s *Simulator) Callback(p *life.Payment, at time.Time) (http.Header, []byte) {
	fields := s.called(p, p.At(at))
	if !p.Sometimes(4, "callback as a form") {
		return http.Header{"Content-Type": {"application/json"}}, wire.JSON(fields)
	}
	form := url.Values{}
	for _, f := range fields {
		form.Set(f.Key, fmt.Sprint(f.Value))
	}
	return http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte(form.Encode())
}

// called writes a callback's fields.
func (s *Simulator) called(p *life.Payment, state life.State) wire.Object {
	code, reason, reasonCode := "error", "Операция отклонена банком", 484
	switch state.Word {
	case life.Held, life.Charged, life.ChargedOtherAmount, life.PartCharged, life.PartRefunded, life.Refunded, life.HoldReleased:
		code, reason, reasonCode = "ok", "success", 0
	}
	key := "invoiceId"
	if p.Sometimes(5, "callback's spelling") {
		key = "invoiceID"
	}
	return wire.Object{
		{Key: "accountId", Value: wire.Account}, {Key: "amount", Value: wire.Number(p.AmountMinor, p.Exponent, 1)},
		{Key: "approvalCode", Value: wire.ApproveCode}, {Key: "cardId", Value: wire.CardID}, {Key: "cardMask", Value: wire.CardMask},
		{Key: "cardType", Value: "VISA"}, {Key: "code", Value: code}, {Key: "currency", Value: p.Currency},
		{Key: "dateTime", Value: state.Since.In(zone(p)).Format("2006-01-02T15:04:05.000000-07:00")},
		{Key: "description", Value: wire.Description}, {Key: "email", Value: wire.Email},
		{Key: "id", Value: dice.UUID(p.Seed, p.Key, "transaction", "1")}, {Key: key, Value: p.IDs["invoice_id"]},
		{Key: "ip", Value: wire.IP}, {Key: "ipCity", Value: ""}, {Key: "ipCountry", Value: "Kazakhstan"}, {Key: "ipDistrict", Value: ""},
		{Key: "ipLatitude", Value: 55.7386}, {Key: "ipLongitude", Value: 37.6068}, {Key: "ipRegion", Value: ""},
		{Key: "issuer", Value: issuer(p)}, {Key: "language", Value: "rus"}, {Key: "name", Value: wire.Name}, {Key: "phone", Value: wire.Phone},
		{Key: "reason", Value: reason}, {Key: "reasonCode", Value: reasonCode}, {Key: "reference", Value: reference(p)},
		// What the shop sent with the order, given back.
		{Key: "secret_hash", Value: dice.Hex(16, p.Seed, p.Key, "secret_hash")},
		{Key: "secure", Value: "no"}, {Key: "secureDetails", Value: "F"}, {Key: "terminal", Value: s.Terminal},
	}
}
