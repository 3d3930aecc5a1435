package uapay

import (
	"bytes"
	"net/http"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/wire"
)

// checkStatus serves payments/checkStatus: P in status, I in paymentStatus.
func (s *Simulator) checkStatus(r desk.Request, params map[string]string) desk.Answer {
	p, ok := s.Book.Refer(life.Uapay, map[string]string{"payment_id": params["paymentId"], "invoice_id": params["invoiceId"]})
	if !ok {
		return unknown(nil, "PAYMENT_NOT_FOUND")
	}
	v := s.view(r, p)
	if v.state.Word == life.NotKnown {
		return unknown(p, "PAYMENT_NOT_FOUND")
	}
	data := wire.Object{
		{Key: "id", Value: p.IDs["payment_id"]}, {Key: "status", Value: v.axes.P}, {Key: "amount", Value: v.amount()},
		{Key: "pluginId", Value: 1 + p.Draw(2, "plugin")}, {Key: "paymentStatus", Value: v.axes.I},
	}
	// The two method pages contradict each other, and so do servers now and then.
	if s.Rough && p.Sometimes(10, "swapped") {
		data = data.Set("status", v.axes.I).Set("paymentStatus", v.axes.P)
	}
	if v.state.Word == life.PayerAction {
		data = append(data, s.confirmation(p)...)
	}
	return s.tell(r, v, data)
}

// showPayment serves payments/show: I in status, P in paymentStatus, and no id
// but paymentId and invoiceId.
func (s *Simulator) showPayment(r desk.Request, params map[string]string) desk.Answer {
	p, ok := s.Book.Find(life.Uapay, "payment_id", params["paymentId"])
	if !ok {
		return unknown(nil, "PAYMENT_NOT_FOUND")
	}
	v := s.view(r, p)
	if v.state.Word == life.NotKnown {
		return unknown(p, "PAYMENT_NOT_FOUND")
	}
	return s.tell(r, v, v.shown())
}

// showInvoice serves invoices/show: the invoice with its payments. A payer who
// has not begun has none; a second try, refused, may stand before the real one.
func (s *Simulator) showInvoice(r desk.Request, params map[string]string) desk.Answer {
	p, ok := s.Book.Find(life.Uapay, "invoice_id", params["id"])
	if !ok {
		return unknown(nil, "INVOICE_NOT_FOUND")
	}
	v := s.view(r, p)
	if v.state.Word == life.NotKnown {
		return unknown(p, "INVOICE_NOT_FOUND")
	}
	return s.tell(r, v, invoice(v))
}

// invoice is an invoice with its payments, as invoices/show and show/list write it.
func invoice(v view) wire.Object {
	p, payments := v.p, []wire.Object{}
	if _, known := p.Reference["payment_id"]; known && p.Sometimes(3, "two payments") {
		payments = append(payments, v.otherTry())
	}
	if v.state.Word != life.Waiting || v.state.Strange {
		payments = append(payments, v.shown())
	}
	return wire.Object{
		{Key: "id", Value: p.IDs["invoice_id"]}, {Key: "externalId", Value: p.Key}, {Key: "invoiceStatus", Value: "ACTIVE"},
		{Key: "amount", Value: p.AmountMinor}, {Key: "description", Value: wire.Description},
		{Key: "email", Value: wire.Email}, {Key: "redirectUrl", Value: wire.ACSURL}, {Key: "callbackUrl", Value: wire.ACSURL},
		{Key: "extraInfo", Value: wire.Extra},
		{Key: "serviceData", Value: []wire.Object{{{Key: "account", Value: wire.Account}}}},
		{Key: "payments", Value: payments},
	}
}

// view is a payment as it looks at one moment.
type view struct {
	p     *life.Payment
	state life.State
	axes  pair
	// lagging: the two halves of the status disagree and tell nothing.
	lagging bool
}

func (s *Simulator) view(r desk.Request, p *life.Payment) view {
	v := view{p: p, state: r.State(p)}
	switch {
	case v.state.Word == life.NotKnown:
	case v.state.Word == life.Canceled && s.Closed:
		// Nobody can tell what it means, so it tells nothing.
		v.axes, v.lagging = pair{P: "CLOSED", I: "CANCELED"}, true
	default:
		v.axes, v.lagging = s.axes(p, v.state)
	}
	return v
}

// amount is in kopecks: the payment's, or the one really taken.
func (v view) amount() int64 {
	if v.state.Word == life.ChargedOtherAmount {
		return v.state.CapturedMinor
	}
	return v.p.AmountMinor
}

// shown is the payment as the show methods write it.
func (v view) shown() wire.Object {
	p := v.p
	return wire.Object{
		{Key: "paymentId", Value: p.IDs["payment_id"]}, {Key: "invoiceId", Value: p.IDs["invoice_id"]},
		{Key: "externalId", Value: p.Key}, {Key: "status", Value: v.axes.I}, {Key: "paymentStatus", Value: v.axes.P},
		{Key: "amount", Value: v.amount()}, {Key: "commission", Value: 0}, {Key: "currency", Value: 980},
		{Key: "type", Value: "PAY"}, {Key: "systemType", Value: "ECOM"}, {Key: "number", Value: 1},
		{Key: "createdAt", Value: p.Created.Add(v.state.Clock).UTC().Format(time.RFC3339)}, {Key: "cardFromMasked", Value: wire.CardMask},
		{Key: "cardToMasked", Value: wire.CardMask}, {Key: "cardFromId", Value: wire.CardID}, {Key: "cardToId", Value: wire.CardID},
		{Key: "receiptId", Value: wire.ApproveCode}, {Key: "chequeLink", Value: wire.ACSURL}, {Key: "email", Value: wire.Email}, {Key: "extraInfo", Value: wire.Extra},
	}
}

// otherTry is a payment of the same invoice that came to nothing.
func (v view) otherTry() wire.Object {
	p := v.p
	failed := view{p: p, state: life.State{Word: life.Declined, Clock: v.state.Clock}, axes: pair{P: "REJECTED", I: "NEW"}}
	return failed.shown().Set("paymentId", p.IDs["other_payment_id"])
}

// confirmation is what a payer has to do: a LOOKUP whose tries run out, or 3-D
// Secure. The page's table puts redirect inside of confirmation, its sample beside.
func (s *Simulator) confirmation(p *life.Payment) wire.Object {
	if p.Sometimes(2, "lookup") {
		left := max(0, 3-s.count(p, "lookup"))
		return wire.Object{{Key: "confirmation", Value: wire.Object{
			{Key: "type", Value: "LOOKUP"}, {Key: "confirmationsLeft", Value: left},
		}}}
	}
	redirect := wire.Object{
		{Key: "url", Value: "https://api.zero.uapay.ua/api/payments/ecom/confirm"},
		{Key: "params", Value: wire.Object{{Key: "id", Value: p.IDs["payment_id"]}}},
	}
	secure := wire.Object{
		{Key: "type", Value: "3DS"}, {Key: "url", Value: wire.ACSURL},
		{Key: "form", Value: wire.Object{{Key: "PaReq", Value: wire.PaReq}}},
	}
	key := wire.Field{Key: "key", Value: wire.CVVKey}
	if p.Sometimes(2, "redirect inside") {
		return wire.Object{key, {Key: "confirmation", Value: secure.With("redirect", redirect)}}
	}
	return wire.Object{key, {Key: "confirmation", Value: secure}, {Key: "redirect", Value: redirect}}
}

// tell wraps an answer about a payment. A lagging pair tells no word.
func (s *Simulator) tell(r desk.Request, v view, data wire.Object) desk.Answer {
	a := s.wrap(r, data, v.p.Sometimes(2, "status as text"))
	a.Payment, a.Raw = v.p, v.axes.String()
	if !v.lagging {
		a.Tell(v.state)
	}
	return s.forge(a, data)
}

// wrap signs an answer: {"status":1,"data":{"token":"<JWT>"}}. The envelope's
// status is documented as a number and shown as a string.
func (s *Simulator) wrap(r desk.Request, data wire.Object, asText bool) desk.Answer {
	// Slashes are escaped as PHP writes them: whoever encodes the payload anew to
	// check the signature gets another text.
	payload := bytes.ReplaceAll(wire.JSON(data.With("iat", r.At.Add(r.Clock).Unix())), []byte("/"), []byte(`\/`))
	token := sign(payload, s.Secret)
	var status any = 1
	if asText {
		status = "1"
	}
	body := wire.Object{{Key: "status", Value: status}, {Key: "data", Value: wire.Object{{Key: "token", Value: token}}}}
	return desk.Answer{Status: http.StatusOK, Body: wire.JSON(body)}
}

// unknown is the answer for an invoice or payment that does not exist (yet).
func unknown(p *life.Payment, code string) desk.Answer {
	a := failure(code, "", "")
	a.Payment, a.Told, a.Raw = p, life.NotKnown, code
	return a
}
