package finipay

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/wire"
)

// Trap is something that the documents leave possible and that no payment of a
// sandbox meets by itself, because its truth would never come through. A
// simulator is set up with one at most.
type Trap string

// The traps.
const (
	// DropBody: a proxy on the way drops the body of a GET.
	DropBody Trap = "drop_body"
	// RefuseGet and RefusePost: the page says both methods, and one is meant.
	RefuseGet  Trap = "refuse_get"
	RefusePost Trap = "refuse_post"
	// LoginPage: HTML under HTTP 200. Redirect: to another host.
	LoginPage Trap = "login_page"
	Redirect  Trap = "redirect"
	// Stale: below the floor the answer is what it was at the ask before, where
	// HTTP 429 is usual.
	Stale Trap = "stale"
	// ChangedNumber: finipay's own number is another one at every instant.
	// SharedNumber: it is the same one for all payments.
	ChangedNumber Trap = "changed_number"
	SharedNumber  Trap = "shared_number"
	// OtherCode: a charge under a code of no charge.
	OtherCode Trap = "other_code"
	// AmountText, AmountExponent, AmountPrecise: "500.00", 50000e-2, 500.005.
	AmountText     Trap = "amount_text"
	AmountExponent Trap = "amount_exponent"
	AmountPrecise  Trap = "amount_precise"
	// MinorUnits: a hundred times too much. OtherCurrency: not the payment's.
	MinorUnits    Trap = "minor_units"
	OtherCurrency Trap = "other_currency"
	// RefundHidden: the status stays at the charge, whatever went back.
	RefundHidden Trap = "refund_hidden"
	// NumericStatus: the gateway's own status in the place of the word.
	NumericStatus Trap = "numeric_status"
)

// Traps lists the closed set.
func Traps() []Trap {
	return []Trap{
		DropBody, RefuseGet, RefusePost, LoginPage, Redirect, Stale, ChangedNumber, SharedNumber, OtherCode, AmountText,
		AmountExponent, AmountPrecise, MinorUnits, OtherCurrency, RefundHidden, NumericStatus,
	}
}

// sharedNumber is everybody's number under SharedNumber.
const sharedNumber = "Fp99999999999999"

// onTheWay is what happens to a request before the provider sees it; true: it
// never does.
func (s *Simulator) onTheWay(r *desk.Request) (desk.Answer, bool) {
	switch {
	case s.Trap == LoginPage:
		return desk.Answer{
			Status: http.StatusOK, Type: "text/html", Endpoint: "status", Refused: "a firewall's page",
			Body: []byte("<!DOCTYPE html><html><body>Please sign in</body></html>"),
		}, true
	case s.Trap == Redirect:
		a := refuse(http.StatusFound, "MOVED", "sent to another host")
		a.Header = map[string]string{"Location": "https://elsewhere.example/login"}
		return a, true
	case r.Path != StatusPath: // whose method is in no doubt
	case s.Trap == RefuseGet && r.Method == http.MethodGet, s.Trap == RefusePost && r.Method == http.MethodPost:
		return refuse(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "wrong method"), true
	case s.Trap == DropBody && r.Method == http.MethodGet:
		r.Body = nil
	}
	return desk.Answer{}, false
}

// twist makes of an answer's envelope what the trap makes of it. An answer that
// is in no documented form any more tells nothing.
func (s *Simulator) twist(a desk.Answer, body wire.Object, at time.Time) desk.Answer {
	data, isObject := body[2].Value.(wire.Object)
	if !isObject || s.Trap == "" {
		return a
	}
	amount, told := fmt.Sprint(value(data, "amount")), a.Told
	switch s.Trap {
	case ChangedNumber:
		data = data.Set("orderNumber", fmt.Sprintf("Fp%014d", at.UnixNano()%1e14))
	case SharedNumber:
		data = data.Set("orderNumber", sharedNumber)
	case OtherCode:
		body, told = body.Set("code", "110"), ""
	case AmountText:
		data, told = data.Set("amount", amount), ""
	case AmountExponent:
		data, told = data.Set("amount", json.Number(minor(a.Payment, amount)+fmt.Sprintf("e-%d", a.Payment.Exponent))), ""
	case AmountPrecise:
		data, told = data.Set("amount", json.Number(wire.Major(a.Payment.AmountMinor, a.Payment.Exponent)+"5")), ""
	case MinorUnits:
		data, told = data.Set("amount", json.Number(minor(a.Payment, amount))), ""
	case OtherCurrency:
		data, told = data.Set("currency", "GBP"), ""
	case NumericStatus:
		data, told = data.Set("status", 2), ""
	default:
		return a
	}
	a.Body = wire.JSON(body.Set("data", data))
	if a.Told = told; told == "" {
		a.CapturedMinor, a.RefundedMinor = 0, 0
	}
	return a
}

// hidden is the state that an answer shows of a payment under RefundHidden.
func (s *Simulator) hidden(state life.State) life.State {
	if s.Trap == RefundHidden && state.RefundedMinor > 0 {
		state.Word, state.RefundedMinor = life.Charged, 0
	}
	return state
}

func value(o wire.Object, key string) any {
	for _, f := range o {
		if f.Key == key {
			return f.Value
		}
	}
	return nil
}

// minor is an amount in minor units, as text.
func minor(p *life.Payment, amount string) string {
	whole, places, _ := strings.Cut(amount, ".")
	return whole + places + strings.Repeat("0", p.Exponent-len(places))
}
