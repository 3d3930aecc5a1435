package finipay

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/sandboxtest"
)

// trapped is a simulator with a payment that is charged at once, and the answer
// about it.
func trapped(t *testing.T, trap Trap, change func(*desk.Request)) (*Simulator, desk.Answer) {
	t.Helper()
	s := newSimulator()
	s.Trap, s.Floor = trap, 10*time.Second
	if err := s.Book.Add(sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Finipay, Life: "charged_at_once", Seed: 1, IDs: ids(1)})); err != nil {
		t.Fatal(err)
	}
	r := request("ORD-000001", sandboxtest.Born)
	if change != nil {
		change(&r)
	}
	return s, s.Answer(r)
}

func TestTraps_SpoilTheAnswer_EachInItsOwnWay(t *testing.T) {
	post := func(r *desk.Request) { r.Method = http.MethodPost }
	rows := []struct {
		trap   Trap
		change func(*desk.Request)
		status int
		body   string
		told   life.Word
	}{
		{"", nil, 200, `"status":"(CHARGE|Charge)"`, life.Charged},
		{DropBody, nil, 400, `"code":"400"`, ""},
		{DropBody, post, 200, `"status":"C`, life.Charged},
		{RefuseGet, nil, 405, `"code":"405"`, ""},
		{RefuseGet, post, 200, `"status":"C`, life.Charged},
		{RefusePost, nil, 200, `"status":"C`, life.Charged},
		{RefusePost, post, 405, `"code":"405"`, ""},
		{LoginPage, nil, 200, `^<!DOCTYPE html>`, ""},
		{Redirect, nil, 302, ``, ""},
		{Stale, nil, 200, `"status":"C`, life.Charged},
		{ChangedNumber, nil, 200, `"orderNumber":"Fp\d{14}"`, life.Charged},
		{SharedNumber, nil, 200, `"orderNumber":"Fp99999999999999"`, life.Charged},
		{OtherCode, nil, 200, `^{"code":"110".*"status":"C`, ""},
		{AmountText, nil, 200, `"amount":"1500.5`, ""},
		{AmountExponent, nil, 200, `"amount":150050e-2`, ""},
		{AmountPrecise, nil, 200, `"amount":1500.505`, ""},
		{MinorUnits, nil, 200, `"amount":150050,`, ""},
		{OtherCurrency, nil, 200, `"currency":"GBP"`, ""},
		{RefundHidden, nil, 200, `"status":"C`, life.Charged},
		{NumericStatus, nil, 200, `"status":2`, ""},
	}
	tried := map[Trap]bool{}
	for _, row := range rows {
		tried[row.trap] = true
		t.Run(string(row.trap), func(t *testing.T) {
			_, a := trapped(t, row.trap, row.change)
			if a.Status != row.status || !regexp.MustCompile(row.body).Match(a.Body) || a.Told != row.told {
				t.Errorf("HTTP %d, told %q: %s", a.Status, a.Told, a.Body)
			}
			if (a.CapturedMinor > 0) != (row.told != "") || (a.Refused != "") != (row.status != 200 || row.trap == LoginPage) {
				t.Errorf("captured %d, refused %q", a.CapturedMinor, a.Refused)
			}
			if row.trap == Redirect && !strings.Contains(a.Header["Location"], "elsewhere") {
				t.Errorf("redirected to %q", a.Header["Location"])
			}
		})
	}
	for _, trap := range Traps() {
		if !tried[trap] {
			t.Errorf("%s was not tried", trap)
		}
	}
}

func TestTraps_ChangedNumber_IsAnotherAtEveryAsk(t *testing.T) {
	s, first := trapped(t, ChangedNumber, nil)
	again := s.Answer(request("ORD-000001", sandboxtest.Born.Add(time.Second)))
	if read(t, first).Data.OrderNumber == read(t, again).Data.OrderNumber {
		t.Error("the number is the same")
	}
}

func TestTraps_RefundHidden_StaysAtTheCharge(t *testing.T) {
	s := newSimulator()
	s.Trap = RefundHidden
	p := sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Finipay, Life: "refunded", Seed: 1, IDs: ids(1)})
	if err := s.Book.Add(p); err != nil {
		t.Fatal(err)
	}
	at := p.EndsAt()
	if p.At(at).Word != life.Refunded {
		t.Fatal("nothing was refunded, so nothing is hidden")
	}
	if a := s.Answer(request("ORD-000001", at)); a.Told != life.Charged || !strings.EqualFold(read(t, a).Data.Status, "charge") || a.RefundedMinor != 0 {
		t.Errorf("told %+v: %s", a, a.Body)
	}
}

func TestTooSoon_TellsWhatWasToldBefore_WhenStale(t *testing.T) {
	s := newSimulator()
	s.Trap, s.Floor = Stale, 10*time.Second
	p := sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Finipay, Life: "late_success", Seed: 1, IDs: ids(1)})
	if err := s.Book.Add(p); err != nil {
		t.Fatal(err)
	}
	charged := p.EndsAt()
	r := request("ORD-000001", charged.Add(time.Second))
	// Asked 9 s ago, when the payment was not charged yet.
	a, answered := s.TooSoon(r, time.Second)
	if before := p.At(charged.Add(-8 * time.Second)).Word; !answered || a.Status != 200 || a.Told != before || before == life.Charged {
		t.Errorf("told %q, want %q: %s", a.Told, before, a.Body)
	}
	if now := s.Answer(r); now.Told != life.Charged {
		t.Errorf("asked in time, told %q", now.Told)
	}
}
