package uapay

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/dice"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/sandboxtest"
	"reconciler/internal/sandbox/wire"
)

const (
	client = "7a0c1d2e-3f40-4512-8697-a8b9cadbecfd"
	secret = "c2VjcmV0LXRleHQ="
)

func ids(n int) map[string]string {
	return map[string]string{
		"invoice_id": dice.UUID(uint64(n), "invoice"), "payment_id": dice.UUID(uint64(n), "payment"),
		"other_payment_id": dice.UUID(uint64(n), "other"),
	}
}

func newSimulator(rough bool) *Simulator {
	return New(Config{ClientID: client, Secret: secret, Book: life.NewBook(), Seed: 1, Rough: rough})
}

// signed is the documented request: params, iat, and the token over both.
func signed(path, params string, at time.Time) desk.Request {
	payload := fmt.Sprintf(`{"params":%s,"iat":%d}`, params, at.Unix())
	return raw(path, fmt.Sprintf(`%s,"token":%q}`, strings.TrimSuffix(payload, "}"), sign([]byte(payload), secret)), at)
}

func raw(path, body string, at time.Time) desk.Request {
	return desk.Request{
		Method: http.MethodPost, Path: path, Body: []byte(body), At: at,
		Header: http.Header{"Content-Type": {"application/json"}},
	}
}

// envelope is an answer, opened: a signed payload, or an error.
type envelope struct {
	status  json.RawMessage
	payload map[string]any
	code    string
	fields  map[string]any
}

// openAnswer reads an answer and insists on its signature.
func openAnswer(t *testing.T, a desk.Answer) envelope {
	t.Helper()
	var got struct {
		Status json.RawMessage
		Data   *struct{ Token string }
		Error  *struct {
			Code   string
			Fields struct{ Params map[string]any }
		}
	}
	if err := json.Unmarshal(a.Body, &got); err != nil || a.Status != 200 {
		t.Fatalf("answered %d %s: %v", a.Status, a.Body, err)
	}
	e := envelope{status: got.Status}
	if got.Error != nil {
		e.code, e.fields = got.Error.Code, got.Error.Fields.Params
		return e
	}
	if s := strings.Trim(string(got.Status), `"`); s != "1" || got.Data == nil {
		t.Fatalf("envelope %s", a.Body)
	}
	payload, err := open(got.Data.Token, secret)
	if err != nil {
		t.Fatalf("the answer's token does not open: %v", err)
	}
	e.payload = payload
	return e
}

func newSession(t *testing.T, s *Simulator, at time.Time) string {
	t.Helper()
	a := s.Answer(signed(SessionPath, fmt.Sprintf(`{"clientId":%q}`, client), at))
	id, ok := openAnswer(t, a).payload["id"].(string)
	if !ok || !isUUID(id) || !a.Credential {
		t.Fatalf("session: %s", a.Body)
	}
	return id
}

func TestAdmission_RefusesWrongRequestsUnderHTTP200(t *testing.T) {
	s := newSimulator(false)
	_ = s.Book.Add(sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Uapay, Life: "charged_at_once", Seed: 1, IDs: ids(1)}))
	at := sandboxtest.Born
	session := newSession(t, s, at)
	its := ids(1)
	params := fmt.Sprintf(`{"sessionId":%q,"paymentId":%q,"invoiceId":%q}`, session, its["payment_id"], its["invoice_id"])
	good := signed(CheckStatusPath, params, at)
	change := func(old, new string) desk.Request {
		return raw(CheckStatusPath, strings.Replace(string(good.Body), old, new, 1), at)
	}
	later := func(d time.Duration) desk.Request {
		r := good
		r.At = at.Add(d)
		return r
	}
	form := good
	form.Header = http.Header{"Content-Type": {"text/plain"}}
	rows := []struct {
		name  string
		r     desk.Request
		code  string
		field string
	}{
		{"as documented", good, "", ""},
		{"20 s old", later(20 * time.Second), "", ""},
		{"20 s and a nanosecond old", later(20*time.Second + 1), "TIMELIMIT_ERROR", ""},
		{"20 s from the future", later(-20 * time.Second), "", ""},
		{"more than 20 s from the future", later(-20*time.Second - 1), "TIMELIMIT_ERROR", ""},
		{"no JSON", raw(CheckStatusPath, "x", at), "FORMAT_ERROR", ""},
		{"another content type", form, "FORMAT_ERROR", ""},
		{"unsigned, as on the method page", raw(CheckStatusPath, `{"params":`+params+`}`, at), "TOKEN_REQUIRED", ""},
		{"the token of another body", change(its["payment_id"], its["invoice_id"]), "SIGNATURE_ERROR", ""},
		{"a wrong signature", change(`"token":"ey`, `"token":"ex`), "SIGNATURE_ERROR", ""},
		{"iat outside the token differs", change(fmt.Sprintf(`"iat":%d`, at.Unix()), fmt.Sprintf(`"iat":%d`, at.Unix()+1)), "SIGNATURE_ERROR", ""},
		{"a param is missing", signed(CheckStatusPath, fmt.Sprintf(`{"sessionId":%q,"paymentId":%q}`, session, its["payment_id"]), at), "FORMAT_ERROR", "invoiceId"},
		{"a param is no uuid", signed(CheckStatusPath, strings.Replace(params, its["payment_id"], "12345", 1), at), "FORMAT_ERROR", "paymentId"},
		{"no session", signed(CheckStatusPath, strings.Replace(params, "sessionId", "session", 1), at), "FORMAT_ERROR", "sessionId"},
		{"a made-up session", signed(CheckStatusPath, strings.Replace(params, session, its["invoice_id"], 1), at), "SESSION_EXPIRED", ""},
		{"params is no object", signed(CheckStatusPath, `"x"`, at), "FORMAT_ERROR", ""},
		{"another client", signed(SessionPath, fmt.Sprintf(`{"clientId":%q}`, its["invoice_id"]), at), "FORMAT_ERROR", "clientId"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			a := s.Answer(row.r)
			got := openAnswer(t, a)
			if got.code != row.code || row.field != "" && got.fields[row.field] == nil {
				t.Errorf("answered %s, want %s %s", a.Body, row.code, row.field)
			}
			if (a.Refused == "") != (row.code == "") || (a.Told == life.Charged) != (row.code == "") {
				t.Errorf("refused %q, told %q", a.Refused, a.Told)
			}
		})
	}
	if a := s.Answer(raw("/api/elsewhere", "", at)); a.Status != 404 || a.Refused == "" {
		t.Errorf("another path: %d", a.Status)
	}
	good.Method = http.MethodGet
	if a := s.Answer(good); a.Status != 405 || a.Refused == "" {
		t.Errorf("GET: %d", a.Status)
	}
}

func TestAdmission_IatMustBeWholeSeconds(t *testing.T) {
	s := newSimulator(false)
	for _, iat := range []string{`"1770112800"`, "1770112800.5", "null", "1e9"} {
		payload := fmt.Sprintf(`{"params":{"clientId":%q},"iat":%s}`, client, iat)
		body := fmt.Sprintf(`%s,"token":%q}`, strings.TrimSuffix(payload, "}"), sign([]byte(payload), secret))
		if got := openAnswer(t, s.Answer(raw(SessionPath, body, sandboxtest.Born))); got.code != "FORMAT_ERROR" {
			t.Errorf("iat %s: %q", iat, got.code)
		}
	}
}

func TestSession_DiesOfAgeAndWhereThingsGoWrongOfUse(t *testing.T) {
	its := ids(1)
	show := func(session string, at time.Time) desk.Request {
		return signed(PaymentShowPath, fmt.Sprintf(`{"sessionId":%q,"paymentId":%q}`, session, its["payment_id"]), at)
	}
	calm := newSimulator(false)
	_ = calm.Book.Add(sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Uapay, Life: "charged_at_once", Seed: 1, IDs: its}))
	session := newSession(t, calm, sandboxtest.Born)
	if got := openAnswer(t, calm.Answer(show(session, sandboxtest.Born.Add(sessionLife-1)))); got.code != "" {
		t.Errorf("a nanosecond before its end: %s", got.code)
	}
	if got := openAnswer(t, calm.Answer(show(session, sandboxtest.Born.Add(sessionLife)))); got.code != "SESSION_EXPIRED" {
		t.Errorf("at its end: %q", got.code)
	}
	rough := newSimulator(true)
	_ = rough.Book.Add(sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Uapay, Life: "charged_at_once", Seed: 1, IDs: its}))
	for range 3 {
		session, served := newSession(t, rough, sandboxtest.Born), 0
		for openAnswer(t, rough.Answer(show(session, sandboxtest.Born))).code == "" {
			if served++; served > 1000 {
				t.Fatal("a session of a rough sandbox never dies")
			}
		}
		if served < 40 || served > 120 {
			t.Errorf("a session served %d requests", served)
		}
	}
}

// look is a status as one endpoint tells it.
type look struct {
	axes pair
	data map[string]any
	a    desk.Answer
	code string
}

// ask asks one of the three endpoints, each with its own orientation.
func ask(t *testing.T, s *Simulator, path string, p *life.Payment, at time.Time) look {
	t.Helper()
	session := newSession(t, s, at)
	params := map[string]string{
		CheckStatusPath: fmt.Sprintf(`{"sessionId":%q,"paymentId":%q,"invoiceId":%q}`, session, p.IDs["payment_id"], p.IDs["invoice_id"]),
		PaymentShowPath: fmt.Sprintf(`{"sessionId":%q,"paymentId":%q}`, session, p.IDs["payment_id"]),
		InvoiceShowPath: fmt.Sprintf(`{"sessionId":%q,"id":%q}`, session, p.IDs["invoice_id"]),
	}[path]
	a := s.Answer(signed(path, params, at))
	e := openAnswer(t, a)
	if e.code != "" {
		return look{a: a, code: e.code}
	}
	data := e.payload
	if path == InvoiceShowPath {
		if data["id"] != p.IDs["invoice_id"] {
			t.Errorf("invoice id %v", data["id"])
		}
		data = its(t, data["payments"].([]any), p)
		if data == nil {
			return look{a: a}
		}
	}
	status, _ := data["status"].(string)
	payment, _ := data["paymentStatus"].(string)
	if path == CheckStatusPath {
		return look{axes: pair{P: status, I: payment}, data: data, a: a}
	}
	return look{axes: pair{P: payment, I: status}, data: data, a: a}
}

// its finds the payment among an invoice's payments; nil where it is not there.
func its(t *testing.T, payments []any, p *life.Payment) map[string]any {
	t.Helper()
	for i, one := range payments {
		if data := one.(map[string]any); data["paymentId"] == p.IDs["payment_id"] {
			if i != len(payments)-1 {
				t.Error("the real payment must stand last")
			}
			return data
		}
	}
	return nil
}

func TestStatus_TellsEveryStageOfEveryLife_AtEveryEndpoint(t *testing.T) {
	s := newSimulator(false)
	seen := map[string]bool{}
	sandboxtest.EachStage(t, life.Uapay, ids, func(t *testing.T, p *life.Payment, at time.Time) {
		_ = s.Book.Add(p)
		state := p.At(at)
		for _, path := range []string{CheckStatusPath, PaymentShowPath, InvoiceShowPath} {
			got := ask(t, s, path, p, at)
			if got.a.Told != state.Word || got.a.CapturedMinor != state.CapturedMinor || got.a.RefundedMinor != state.RefundedMinor {
				t.Fatalf("%s: told %+v", state.Word, got.a)
			}
			if state.Word == life.NotKnown {
				if !strings.Contains(got.code, "NOT_FOUND") {
					t.Errorf("not known: %s", got.a.Body)
				}
				continue
			}
			if path == InvoiceShowPath && state.Word == life.Waiting {
				if got.data != nil {
					t.Error("a payer who has not begun has a payment")
				}
				continue
			}
			seen[string(state.Word)+" "+got.axes.String()] = true
			want := p.AmountMinor
			if state.Word == life.ChargedOtherAmount {
				want = state.CapturedMinor
			}
			if got.data["amount"] != json.Number(fmt.Sprint(want)) {
				t.Errorf("%s: amount %v, want %d", state.Word, got.data["amount"], want)
			}
			if path == CheckStatusPath && got.data["id"] != p.IDs["payment_id"] {
				t.Errorf("id %v", got.data["id"])
			}
		}
	})
	for word, ways := range pairs {
		for _, way := range ways {
			if !seen[string(word)+" "+way.String()] {
				t.Errorf("%s was never told as %s", word, way)
			}
		}
	}
	for told := range seen {
		word, axes, _ := strings.Cut(told, " ")
		p, i, _ := strings.Cut(axes, "+")
		if !onAxis(p, "OPEN PAYED FINISHED REVERSED RETURNED CLOSED PENDING REJECTED HOLDED CANCELED NEEDS_CONFIRMATION") ||
			!onAxis(i, "NEW PAID FINISHED REVERSED CANCELED") {
			t.Errorf("%s: %s is on the wrong axes", word, axes)
		}
	}
}

func onAxis(word, axis string) bool { return strings.Contains(" "+axis+" ", " "+word+" ") }

func TestCheckStatus_ConfirmationLooksAsDocumented(t *testing.T) {
	s := newSimulator(false)
	kinds, places := map[string]bool{}, map[bool]bool{}
	for seed := range uint64(20) {
		p := sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Uapay, Life: "stuck", Seed: seed, IDs: ids(int(seed))})
		_ = s.Book.Add(p)
		var left []string
		for range 5 {
			got := ask(t, s, CheckStatusPath, p, p.EndsAt())
			c := got.data["confirmation"].(map[string]any)
			kinds[c["type"].(string)] = true
			if c["type"] == "LOOKUP" {
				left = append(left, c["confirmationsLeft"].(json.Number).String())
				continue
			}
			form := c["form"].(map[string]any)
			if form["PaReq"] != wire.PaReq || c["url"] != wire.ACSURL || got.data["key"] != wire.CVVKey || (got.data["redirect"] == nil) == (c["redirect"] == nil) {
				t.Errorf("3DS: %v", got.data)
			}
			places[c["redirect"] != nil] = true
		}
		if left != nil && strings.Join(left, "") != "32100" {
			t.Errorf("tries left: %v", left)
		}
	}
	if !kinds["LOOKUP"] || !kinds["3DS"] || len(places) != 2 {
		t.Errorf("only %v was seen, redirect inside %v", kinds, places)
	}
}

func TestStatus_WhereThingsGoWrong_HalvesLagOnceAndAxesSwap(t *testing.T) {
	s := newSimulator(true)
	lagged, swapped := map[string]bool{}, 0
	n := 0
	for seed := range uint64(40) {
		for _, name := range []string{"held_then_captured", "hold_released", "refunded", "charged"} {
			n++
			p := sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Uapay, Life: name, Seed: seed, IDs: ids(n)})
			_ = s.Book.Add(p)
			end := p.EndsAt()
			first, second := ask(t, s, PaymentShowPath, p, end), ask(t, s, PaymentShowPath, p, end)
			if first.a.Told == "" {
				lagged[first.axes.String()] = true
				if first.a.CapturedMinor != 0 {
					t.Error("a lagging answer tells money")
				}
			}
			if second.a.Told != p.At(end).Word {
				t.Errorf("%s still lags at the second look: %s", name, second.axes)
			}
			third := ask(t, s, CheckStatusPath, p, end)
			if third.axes != second.axes {
				swapped++
				if third.axes != (pair{P: second.axes.I, I: second.axes.P}) {
					t.Errorf("%s is no swap of %s", third.axes, second.axes)
				}
			}
		}
	}
	for _, want := range lags {
		if !lagged[want.String()] {
			t.Errorf("%s was never seen", want)
		}
	}
	if swapped == 0 || swapped > n/4 {
		t.Errorf("%d of %d answers had their axes swapped", swapped, n)
	}
}

func TestShowInvoice_AnEarlierTryStandsFirst(t *testing.T) {
	s := newSimulator(false)
	two := 0
	for n := range 30 {
		p := sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Uapay, Life: "charged_at_once", Seed: uint64(n), IDs: ids(n)})
		_ = s.Book.Add(p)
		session := newSession(t, s, sandboxtest.Born)
		r := signed(InvoiceShowPath, fmt.Sprintf(`{"sessionId":%q,"id":%q}`, session, p.IDs["invoice_id"]), sandboxtest.Born)
		payments := openAnswer(t, s.Answer(r)).payload["payments"].([]any)
		if len(payments) == 2 {
			two++
			if first := payments[0].(map[string]any); first["paymentStatus"] != "REJECTED" || first["paymentId"] == p.IDs["payment_id"] {
				t.Errorf("first payment %v", first)
			}
		}
		if its(t, payments, p) == nil {
			t.Error("the payment is missing")
		}
	}
	if two == 0 || two == 30 {
		t.Errorf("%d of 30 invoices had two payments", two)
	}
}

// An invoice without any payment would be a plain answer, and no strange one.
func TestShowInvoice_TellsAStrangeWord_BeforeAnybodyPays(t *testing.T) {
	p := sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Uapay, Life: "charged_at_once", IDs: ids(0)})
	for _, strange := range []bool{false, true} {
		state := life.State{Word: life.Waiting, Strange: strange}
		at, _ := newSimulator(false).axes(p, state)
		told := strings.Contains(fmt.Sprint(invoice(view{p: p, state: state, axes: at})), strangeWord)
		if told != strange {
			t.Errorf("strange %t: told %t", strange, told)
		}
	}
}

func TestCheckStatus_APaymentOfAnotherInvoiceIsNotFound(t *testing.T) {
	s := newSimulator(false)
	_ = s.Book.Add(sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Uapay, Life: "charged_at_once", Seed: 1, IDs: ids(1)}))
	_ = s.Book.Add(sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Uapay, Life: "charged_at_once", Seed: 1, IDs: ids(2)}))
	mixed := &life.Payment{Script: life.Script{IDs: map[string]string{"payment_id": ids(1)["payment_id"], "invoice_id": ids(2)["invoice_id"]}}}
	if got := ask(t, s, CheckStatusPath, mixed, sandboxtest.Born); got.code != "PAYMENT_NOT_FOUND" || got.a.Payment != nil {
		t.Errorf("answered %s", got.a.Body)
	}
}

func TestAnswers_HoldPersonalData(t *testing.T) {
	s := newSimulator(false)
	found := map[string]bool{}
	sandboxtest.EachStage(t, life.Uapay, ids, func(t *testing.T, p *life.Payment, at time.Time) {
		_ = s.Book.Add(p)
		for _, path := range []string{CheckStatusPath, InvoiceShowPath} {
			text := wire.JSON(openAnswer(t, ask(t, s, path, p, at).a).payload)
			for _, m := range wire.Markers() {
				found[m] = found[m] || strings.Contains(string(text), m)
			}
		}
	})
	for _, m := range []string{wire.CVVKey, wire.PaReq, wire.ACSURL, wire.Email, wire.CardMask, wire.CardID, wire.ApproveCode, wire.Description, wire.Extra, wire.Account} {
		if !found[m] {
			t.Errorf("no answer holds %q", m)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	s := newSimulator(false)
	_ = s.Book.Add(sandboxtest.Make(f, sandboxtest.Wish{Provider: life.Uapay, Life: "charged_at_once", Seed: 1, IDs: ids(1)}))
	f.Add(string(signed(SessionPath, `{"clientId":"`+client+`"}`, sandboxtest.Born).Body))
	f.Add(`{"params":{},"iat":1,"token":"a.b.c"}`)
	f.Add(`{"token":""}`)
	own := string(signed(SessionPath, `{"clientId":"`+client+`"}`, sandboxtest.Born).Body)
	f.Fuzz(func(t *testing.T, body string) {
		for path := range methods {
			a := s.Answer(raw(path, body, sandboxtest.Born))
			if a.Status != 200 || a.Told != "" && a.Told != life.NotKnown {
				t.Errorf("%s answered %d, told %s", path, a.Status, a.Told)
			}
			if a.Refused == "" && !strings.Contains(body, own[strings.Index(own, "token"):len(own)-2]) {
				t.Errorf("%q was let in at %s", body, path)
			}
		}
	})
}
