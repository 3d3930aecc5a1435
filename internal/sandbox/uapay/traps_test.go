package uapay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/sandboxtest"
)

// charged is a simulator with traps and one payment that is charged.
func charged(t *testing.T, traps Traps) (*Simulator, *life.Payment) {
	t.Helper()
	s := newSimulator(false)
	s.Traps = traps
	p := sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Uapay, Life: "charged_at_once", Seed: 1, IDs: ids(1)})
	if err := s.Book.Add(p); err != nil {
		t.Fatal(err)
	}
	return s, p
}

func TestTraps_AClockThatIsWrong_RefusesWhatIsFresh(t *testing.T) {
	at := sandboxtest.Born
	for skew, code := range map[time.Duration]string{
		0: "", 20 * time.Second: "", 20*time.Second + 1: "TIMELIMIT_ERROR", -20 * time.Second: "", -20*time.Second - 1: "TIMELIMIT_ERROR",
	} {
		s, _ := charged(t, Traps{Skew: skew})
		if got := openAnswer(t, s.Answer(signed(SessionPath, fmt.Sprintf(`{"clientId":%q}`, client), at))); got.code != code {
			t.Errorf("%s ahead: %q, want %q", skew, got.code, code)
		}
	}
}

func TestTraps_ANewSessionEndsTheOneBefore(t *testing.T) {
	for only, code := range map[bool]string{false: "", true: "SESSION_EXPIRED"} {
		s, p := charged(t, Traps{OneSession: only})
		first := newSession(t, s, sandboxtest.Born)
		second := newSession(t, s, sandboxtest.Born)
		show := func(session string) string {
			r := signed(PaymentShowPath, fmt.Sprintf(`{"sessionId":%q,"paymentId":%q}`, session, p.IDs["payment_id"]), sandboxtest.Born)
			return openAnswer(t, s.Answer(r)).code
		}
		if got := show(first); got != code {
			t.Errorf("only one %t: the first session gives %q", only, got)
		}
		if got := show(second); got != "" {
			t.Errorf("only one %t: the second session gives %q", only, got)
		}
	}
}

func TestErrors_ComeWithAStatusAndWithout_AndUnderTheWishedHTTPStatus(t *testing.T) {
	s, _ := charged(t, Traps{ErrorStatus: 400})
	seen := map[bool]int{}
	for n := range 20 {
		a := s.Answer(signed(SessionPath, fmt.Sprintf(`{"clientId":%q}`, ids(n)["payment_id"]), sandboxtest.Born))
		var body map[string]json.RawMessage
		if json.Unmarshal(a.Body, &body) != nil || body["error"] == nil || a.Status != 400 {
			t.Fatalf("answered %d %s", a.Status, a.Body)
		}
		_, with := body["status"]
		seen[with]++
	}
	if seen[true] == 0 || seen[false] == 0 {
		t.Errorf("with a status and without: %v", seen)
	}
	if got := s.Answer(signed(SessionPath, fmt.Sprintf(`{"clientId":%q}`, client), sandboxtest.Born)); got.Status != 200 {
		t.Errorf("a good answer comes under %d", got.Status)
	}
}

// forged asks a simulator that forges, at each endpoint in turn.
func forged(t *testing.T, s *Simulator, p *life.Payment, path string) desk.Answer {
	t.Helper()
	session := newSession(t, s, sandboxtest.Born)
	params := fmt.Sprintf(`{"sessionId":%q,"id":%q,"paymentId":%q,"invoiceId":%[2]q}`, session, p.IDs["invoice_id"], p.IDs["payment_id"])
	return s.Answer(signed(path, params, sandboxtest.Born))
}

func TestTraps_ForgedTokensAreNotToBeBelieved(t *testing.T) {
	for _, forgery := range Forgeries() {
		for _, path := range []string{CheckStatusPath, PaymentShowPath, InvoiceShowPath} {
			s, p := charged(t, Traps{Forge: forgery})
			a := forged(t, s, p, path)
			if a.Told != "" || a.CapturedMinor != 0 || a.Refused != "" {
				t.Errorf("%s: told %q", forgery, a.Told)
			}
			var body struct{ Data struct{ Token string } }
			if err := json.Unmarshal(a.Body, &body); err != nil {
				t.Fatal(err)
			}
			payload, err := open(body.Data.Token, secret)
			switch forgery {
			case AnotherPayment:
				if err != nil || strings.Contains(fmt.Sprint(payload), p.IDs["payment_id"]) || !strings.Contains(fmt.Sprint(payload), p.IDs["other_payment_id"]) {
					t.Errorf("%s: %v, %v", forgery, payload, err)
				}
			case Unsigned:
				if body.Data.Token != "" || !bytes.Contains(a.Body, []byte(p.IDs["payment_id"])) {
					t.Errorf("%s: %s", forgery, a.Body)
				}
			default:
				if err == nil || body.Data.Token == "" {
					t.Errorf("%s: the token %q opens", forgery, body.Data.Token)
				}
			}
		}
	}
}

func TestTraps_ClosedIsAWordThatTellsNothing(t *testing.T) {
	s := newSimulator(false)
	s.Closed = true
	p := sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Uapay, Life: "canceled", Seed: 1, IDs: ids(1)})
	_ = s.Book.Add(p)
	if got := ask(t, s, PaymentShowPath, p, p.EndsAt()); got.axes != (pair{P: "CLOSED", I: "CANCELED"}) || got.a.Told != "" {
		t.Errorf("%s, told %q", got.axes, got.a.Told)
	}
}

func TestTraps_AReleaseIsWrittenDownByBothInTheEnd(t *testing.T) {
	s := newSimulator(false)
	s.BothCanceled = true
	p := sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Uapay, Life: "hold_released", Seed: 1, IDs: ids(1)})
	_ = s.Book.Add(p)
	for _, want := range []pair{{"CANCELED", "PAID"}, {"CANCELED", "CANCELED"}, {"CANCELED", "CANCELED"}} {
		if got := ask(t, s, CheckStatusPath, p, p.EndsAt()); got.axes != want || got.a.Told != life.HoldReleased {
			t.Errorf("%s, told %q; want %s", got.axes, got.a.Told, want)
		}
	}
}

func TestListInvoices_LeavesOutWhatItDoesNotKnow(t *testing.T) {
	rows := []struct {
		name  string
		traps Traps
		ids   string
		want  []string
		field string
	}{
		{"all known", Traps{}, `[%q,%q]`, []string{ids(1)["invoice_id"], ids(2)["invoice_id"]}, ""},
		{"one of them left out", Traps{ListGap: true}, `[%q,%q]`, []string{ids(1)["invoice_id"]}, ""},
		{"one unknown", Traps{}, `[%q,%q,"` + ids(9)["invoice_id"] + `"]`, []string{ids(1)["invoice_id"], ids(2)["invoice_id"]}, ""},
		{"none", Traps{}, `[]`, nil, "ids"},
		{"no list", Traps{}, `"x"`, nil, "ids"},
		{"no UUID", Traps{}, `["x"]`, nil, "ids"},
		{"more than 100", Traps{}, `["` + strings.Repeat(ids(3)["invoice_id"]+`","`, 100) + ids(3)["invoice_id"] + `"]`, nil, "ids"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s, _ := charged(t, row.traps)
			_ = s.Book.Add(sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Uapay, Life: "charged_at_once", Seed: 2, IDs: ids(2)}))
			list := row.ids
			if strings.Contains(list, "%q") {
				list = fmt.Sprintf(list, ids(1)["invoice_id"], ids(2)["invoice_id"])
			}
			session := newSession(t, s, sandboxtest.Born)
			got := openAnswer(t, s.Answer(signed(InvoiceListPath, fmt.Sprintf(`{"sessionId":%q,"ids":%s}`, session, list), sandboxtest.Born)))
			if row.field != "" {
				if got.code != "FORMAT_ERROR" || got.fields[row.field] == nil {
					t.Errorf("answered %+v", got)
				}
				return
			}
			var found []string
			for _, one := range got.payload["invoices"].([]any) {
				found = append(found, one.(map[string]any)["id"].(string))
			}
			if strings.Join(found, " ") != strings.Join(row.want, " ") {
				t.Errorf("listed %v, want %v", found, row.want)
			}
		})
	}
}
