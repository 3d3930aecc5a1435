package ecommpay

import (
	"encoding/json"
	"net/http"
	"strings"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/wire"
)

// traps are payments of reserved numbers, as test projects have card numbers of
// which each ends in its own way: answers that a broken, changed or hostile Gate
// might give. They exist for whoever asks by such a payment_id; no payment that
// was made here has such a number.
var traps = map[string]func(s *Simulator, id string) desk.Answer{
	"trap-unsigned": func(_ *Simulator, id string) desk.Answer {
		return trapped(wire.JSON(told(id, "success", done("sale"))))
	},
	"trap-another-key": func(s *Simulator, id string) desk.Answer {
		other := Simulator{Config: Config{Secret: s.Secret + "-rotated"}, signed: map[string]int{}}
		return trapped(other.sign(s.ours(told(id, "success", done("sale"))), ""))
	},
	"trap-changed-after-signing": func(s *Simulator, id string) desk.Answer {
		return trapped([]byte(strings.Replace(string(s.sign(s.ours(told(id, "decline", done("sale"))), "")), `"decline"`, `"success"`, 1)))
	},
	"trap-another-payment": func(s *Simulator, id string) desk.Answer {
		return s.tell(told(id+"-of-others", "success", done("sale")))
	},
	"trap-another-project": func(s *Simulator, id string) desk.Answer {
		return trapped(s.sign(told(id, "success", done("sale")).Set("project_id", s.ProjectID+1), ""))
	},
	"trap-unknown-status": func(s *Simulator, id string) desk.Answer {
		return s.tell(told(id, "awaiting teleport", done("teleport")))
	},
	"trap-payout": func(s *Simulator, id string) desk.Answer {
		body := told(id, "success", done("payout"))
		payment, _ := body[0].Value.(wire.Object)
		return s.tell(body.Set("payment", payment.Set("type", "payout")))
	},
	"trap-amount-as-text": func(s *Simulator, id string) desk.Answer {
		sale := done("sale").Set("sum_initial", wire.Object{{Key: "amount", Value: "150050"}, {Key: "currency", Value: "EUR"}})
		return s.tell(told(id, "success", sale))
	},
	"trap-two-currencies": func(s *Simulator, id string) desk.Answer {
		return s.tell(told(id, "success", done("sale"), done("sale").Set("sum_initial", amount(150_050, "USD"))))
	},
	"trap-partial-authorisation": func(s *Simulator, id string) desk.Answer {
		part := amount(100_000, "EUR")
		return s.tell(told(id, "success", done("auth").Set("sum_initial", part), done("capture").Set("sum_initial", part)))
	},
	"trap-reversal-undone": func(s *Simulator, id string) desk.Answer {
		return s.tell(told(id, "success", done("sale"), done("reversal"), done("refund reverse")))
	},
	"trap-declined-and-charged": func(s *Simulator, id string) desk.Answer {
		return s.tell(told(id, "decline", done("sale")))
	},
	"trap-not-found-unsigned": func(*Simulator, string) desk.Answer {
		return refuse(http.StatusBadRequest, "3061", "Transaction not found", "a trap")
	},
	"trap-forbidden": func(*Simulator, string) desk.Answer {
		return desk.Answer{Status: http.StatusForbidden, Type: "text/html", Body: []byte("<html>403 Forbidden</html>"), Refused: "a trap"}
	},
	"trap-rotated-key": func(*Simulator, string) desk.Answer {
		return refuse(http.StatusBadRequest, "3261", "Invalid signature", "a trap")
	},
	"trap-too-large": func(s *Simulator, id string) desk.Answer {
		return s.tell(told(id, "success", done("sale")).With("provider_extra_fields", strings.Repeat("x", 1<<20)))
	},
	"20260203": func(s *Simulator, id string) desk.Answer {
		// A number in the place of a text.
		body := told(id, "success", done("sale"))
		payment, _ := body[0].Value.(wire.Object)
		return s.tell(body.Set("payment", payment.Set("id", json.Number(id))))
	},
}

// tell signs an answer as this project's.
func (s *Simulator) tell(body wire.Object) desk.Answer { return trapped(s.sign(s.ours(body), "")) }

func (s *Simulator) ours(body wire.Object) wire.Object { return body.With("project_id", s.ProjectID) }

func trapped(body []byte) desk.Answer { return desk.Answer{Status: http.StatusOK, Body: body} }

// told is what an answer says about a payment of 1500.50 EUR.
func told(id, status string, steps ...wire.Object) wire.Object {
	return wire.Object{
		{Key: "payment", Value: wire.Object{
			{Key: "id", Value: id}, {Key: "type", Value: "purchase"}, {Key: "status", Value: status},
			{Key: "date", Value: "2026-02-03T10:05:00+0000"}, {Key: "method", Value: "card"}, {Key: "sum", Value: amount(150_050, "EUR")},
		}},
		{Key: "operations", Value: steps},
	}
}

// done is a successful operation of the whole sum.
func done(kind string) wire.Object {
	return wire.Object{
		{Key: "id", Value: 9_435_000_000_000}, {Key: "type", Value: kind}, {Key: "status", Value: "success"},
		{Key: "created_date", Value: "2026-02-03T10:00:00+0000"}, {Key: "request_id", Value: "rq-trap"},
		{Key: "sum_initial", Value: amount(150_050, "EUR")}, {Key: "code", Value: "0"}, {Key: "message", Value: "Success"},
	}
}
