package ecommpay

import (
	"strings"
	"testing"

	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/sandboxtest"
)

func TestTraps_AreAnsweredAsTheirNamesSay(t *testing.T) {
	rows := map[string]struct {
		status int
		signed bool
		holds  string
	}{
		"trap-unsigned":              {200, false, `"status":"success"`},
		"trap-another-key":           {200, false, `"signature":"`},
		"trap-changed-after-signing": {200, false, `"status":"success","date"`},
		"trap-another-payment":       {200, true, `"id":"trap-another-payment-of-others"`},
		"trap-another-project":       {200, true, `"project_id":4712`},
		"trap-unknown-status":        {200, true, `"status":"awaiting teleport"`},
		"trap-payout":                {200, true, `"type":"payout"`},
		"trap-amount-as-text":        {200, true, `"amount":"150050"`},
		"trap-two-currencies":        {200, true, `"currency":"USD"`},
		"trap-partial-authorisation": {200, true, `"amount":100000`},
		"trap-reversal-undone":       {200, true, `"refund reverse"`},
		"trap-declined-and-charged":  {200, true, `"status":"decline"`},
		"trap-not-found-unsigned":    {400, false, `"code":"3061"`},
		"trap-forbidden":             {403, false, "<html>"},
		"trap-rotated-key":           {400, false, `"code":"3261"`},
		"trap-too-large":             {200, true, strings.Repeat("x", 1<<20)},
		"20260203":                   {200, true, `"id":20260203`},
	}
	s := newSimulator()
	for id := range traps {
		row, ok := rows[id]
		if !ok {
			t.Errorf("nothing is expected of %s", id)
		}
		a := s.Answer(byPayment(id, sandboxtest.Born))
		if a.Status != row.status || !strings.Contains(string(a.Body), row.holds) || a.Payment != nil {
			t.Errorf("%s: %d %.300s", id, a.Status, a.Body)
		}
		if !strings.HasPrefix(string(a.Body), "{") {
			continue
		}
		d := document(t, string(a.Body))
		if verify(d, key, signatureIn(d)) != row.signed {
			t.Errorf("%s: signed %v", id, !row.signed)
		}
	}
	if len(traps) != len(rows) {
		t.Errorf("%d traps", len(traps))
	}
	// Whoever is not the project is not let in even here.
	request := byPayment("trap-unsigned", sandboxtest.Born)
	request.Body = []byte(strings.Replace(string(request.Body), "4711", "4712", 1))
	if a := s.Answer(request); a.Status != 400 {
		t.Errorf("another project: %d %s", a.Status, a.Body)
	}
	if a := s.Answer(byRequest("trap-unsigned", sandboxtest.Born)); a.Told != life.NotKnown {
		t.Errorf("by request: %s", a.Body)
	}
}
