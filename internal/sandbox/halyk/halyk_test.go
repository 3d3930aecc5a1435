package halyk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/sandboxtest"
	"reconciler/internal/sandbox/wire"
)

const terminal = "67e34d63-102f-4bd1-898e-370781d0074d"

func ids(n int) map[string]string { return map[string]string{"invoice_id": fmt.Sprintf("%09d", n)} }

func newSimulator(rough bool) *Simulator {
	return New(Config{
		ClientID: "shop", ClientSecret: "s3cret", Terminal: terminal, Book: life.NewBook(), Seed: 1, Rough: rough,
	})
}

// form is the documented token request.
func form() url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "scope": {scopes}, "client_id": {"shop"}, "client_secret": {"s3cret"},
		"terminal": {terminal},
	}
}

func tokenRequest(f url.Values, at time.Time) desk.Request {
	return desk.Request{
		Method: http.MethodPost, Path: TokenPath, At: at, Body: []byte(f.Encode()),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
	}
}

// fetch gets a token with the given fields.
func fetch(t *testing.T, s *Simulator, f url.Values, at time.Time) string {
	t.Helper()
	a := s.Answer(tokenRequest(f, at))
	var got struct {
		AccessToken  string `json:"access_token"`
		TokenType    string `json:"token_type"`
		RefreshToken string `json:"refresh_token"`
		Scope        string
		ExpiresIn    json.RawMessage `json:"expires_in"`
	}
	if err := json.Unmarshal(a.Body, &got); err != nil || a.Status != 200 || !a.Credential {
		t.Fatalf("token: %d %s", a.Status, a.Body)
	}
	if got.TokenType != "Bearer" || got.Scope != f.Get("scope") || strings.Trim(string(got.ExpiresIn), `"`) != "1200" {
		t.Errorf("token answer %s", a.Body)
	}
	return got.AccessToken
}

func statusRequest(token, invoice string, at time.Time) desk.Request {
	return desk.Request{
		Method: http.MethodGet, Path: "/check-status/payment/transaction/" + invoice, At: at,
		Header: http.Header{"Authorization": {"Bearer " + token}},
	}
}

func TestToken_RefusesWrongRequests(t *testing.T) {
	rows := []struct {
		name string
		// set changes one field of the form, "" takes it away; change the request.
		set    [2]string
		change func(*desk.Request)
		status int
		code   string
	}{
		{name: "as documented", status: 200},
		{name: "scope payment alone", set: [2]string{"scope", "payment"}, status: 200},
		{name: "without a terminal it is made all the same", set: [2]string{"terminal", ""}, status: 200},
		{name: "wrong secret", set: [2]string{"client_secret", "guess"}, status: 401, code: "invalid_client"},
		{name: "wrong client", set: [2]string{"client_id", "other"}, status: 401, code: "invalid_client"},
		{name: "wrong grant", set: [2]string{"grant_type", "password"}, status: 400, code: "unsupported_grant_type"},
		{name: "no scope", set: [2]string{"scope", ""}, status: 400, code: "invalid_scope"},
		{name: "a scope without payment", set: [2]string{"scope", "webapi"}, status: 400, code: "invalid_scope"},
		{name: "an unknown scope", set: [2]string{"scope", "payment admin"}, status: 400, code: "invalid_scope"},
		{name: "GET", change: func(r *desk.Request) { r.Method = http.MethodGet }, status: 405, code: "invalid_request"},
		{name: "JSON", change: func(r *desk.Request) { r.Header.Set("Content-Type", "application/json") }, status: 400, code: "invalid_request"},
		{name: "no content type", change: func(r *desk.Request) { r.Header.Del("Content-Type") }, status: 400, code: "invalid_request"},
		{name: "a broken form", change: func(r *desk.Request) { r.Body = []byte("scope=%zz") }, status: 400, code: "invalid_request"},
		{name: "form-data that breaks off", change: func(r *desk.Request) {
			r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
			r.Body = []byte("--x\r\nContent-Disposition: form-data; name=\"scope\"\r\n\r\npay")
		}, status: 400, code: "invalid_request"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			f := form()
			if f.Del(row.set[0]); row.set[1] != "" {
				f.Set(row.set[0], row.set[1])
			}
			r := tokenRequest(f, sandboxtest.Born)
			if row.change != nil {
				row.change(&r)
			}
			a := newSimulator(false).Answer(r)
			if a.Status != row.status || !bytes.Contains(a.Body, []byte(row.code)) || (a.Refused != "") != (row.status != 200) {
				t.Errorf("answered %d %s (%s)", a.Status, a.Body, a.Refused)
			}
		})
	}
}

func TestToken_TakesFormDataAsThePageSays(t *testing.T) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for key, values := range form() {
		if err := w.WriteField(key, values[0]); err != nil {
			t.Fatal(err)
		}
	}
	_ = w.Close()
	r := tokenRequest(nil, sandboxtest.Born)
	r.Body = body.Bytes()
	r.Header.Set("Content-Type", w.FormDataContentType())
	if a := newSimulator(false).Answer(r); a.Status != 200 {
		t.Errorf("answered %d %s", a.Status, a.Body)
	}
}

func TestToken_ExpiresInComesAsNumberAndAsText(t *testing.T) {
	s := newSimulator(false)
	seen := map[bool]bool{}
	for range 20 {
		a := s.Answer(tokenRequest(form(), sandboxtest.Born))
		seen[bytes.Contains(a.Body, []byte(`"expires_in":"1200"`))] = true
	}
	if !seen[true] || !seen[false] {
		t.Errorf("only one form was seen: %v", seen)
	}
}

func TestStatus_AnswersOnlyATokenMadeForTheTerminal(t *testing.T) {
	s := newSimulator(false)
	if err := s.Book.Add(sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Halyk, Life: "charged_at_once", Seed: 3, IDs: map[string]string{"invoice_id": "000205218"}})); err != nil {
		t.Fatal(err)
	}
	at := sandboxtest.Born
	good := fetch(t, s, form(), at)
	bare, foreign := form(), form()
	bare.Del("terminal")
	foreign.Set("terminal", "00000000-0000-4000-8000-000000000000")
	rows := []struct {
		name   string
		r      desk.Request
		status int
		want   string
		told   life.Word
	}{
		{"no terminal in the token", statusRequest(fetch(t, s, bare, at), "000205218", at), 200, `"resultCode":"104"`, ""},
		{"another terminal", statusRequest(fetch(t, s, foreign, at), "000205218", at), 200, `"resultCode":"109"`, ""},
		{"a made-up token", statusRequest("guess", "000205218", at), 401, `"error":"invalid_token"`, ""},
		{"no token", statusRequest("", "000205218", at), 401, `"error":"invalid_token"`, ""},
		{"an expired token", statusRequest(good, "000205218", at.Add(tokenLife)), 401, `"error":"invalid_token"`, ""},
		{"a token a nanosecond before its end", statusRequest(good, "000205218", at.Add(tokenLife-1)), 0, `"statusName":"CHARGE"`, life.Charged},
		{"an unknown invoice", statusRequest(good, "000205219", at), 200, `"resultCode":"102"`, life.NotKnown},
		{"an invoice without its leading zeros", statusRequest(good, "205218", at), 200, `"resultCode":"102"`, life.NotKnown},
		{"no invoice", statusRequest(good, "", at), 200, `"resultCode":"102"`, life.NotKnown},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			a := s.Answer(row.r)
			if row.status != 0 && a.Status != row.status || !bytes.Contains(a.Body, []byte(row.want)) || a.Told != row.told {
				t.Errorf("answered %d %s, told %q", a.Status, a.Body, a.Told)
			}
			if (a.Refused == "") != (row.told != "") {
				t.Errorf("refused %q", a.Refused)
			}
		})
	}
	post := statusRequest(good, "000205218", at)
	post.Method = http.MethodPost
	if a := s.Answer(post); a.Status != 405 || a.Refused == "" {
		t.Errorf("POST was answered %d", a.Status)
	}
	post.Path = "/elsewhere"
	if a := s.Answer(post); a.Status != 404 || a.Type != "text/html" {
		t.Errorf("another path was answered %d", a.Status)
	}
}

func TestToken_DiesYoungWhereThingsGoWrong_AndANewOneWorks(t *testing.T) {
	s := newSimulator(true)
	_ = s.Book.Add(sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Halyk, Life: "charged_at_once", Seed: 3, IDs: ids(1)}))
	for range 3 {
		served := 0
		for text := fetch(t, s, form(), sandboxtest.Born); s.Answer(statusRequest(text, "000000001", sandboxtest.Born)).Status != 401; served++ {
			if served > 1000 {
				t.Fatal("a token of a rough sandbox never dies")
			}
		}
		if served < 40 || served > 120 {
			t.Errorf("a token served %d requests", served)
		}
	}
}

func TestBusy_Is107(t *testing.T) {
	a, ok := newSimulator(false).Busy(desk.Request{})
	const want = `{"resultCode":"107","resultMessage":"Try again later","transaction":null}`
	if !ok || a.Status != 200 || string(a.Body) != want {
		t.Errorf("%v %d %s", ok, a.Status, a.Body)
	}
	if _, refuses := newSimulator(false).TooSoon(desk.Request{}, time.Second); refuses {
		t.Error("halyk documents no floor")
	}
}

// answer is the documented envelope, with money kept as text.
type answer struct {
	ResultCode  json.RawMessage `json:"resultCode"`
	Transaction *struct {
		ID, InvoiceID, TerminalID, Currency, StatusName, CreatedDate, Data string
		Amount, AmountBonus, PayoutAmount, OrgAmount                       *json.Number
		ReasonCode, Secure                                                 any
	}
}

func TestStatus_TellsEveryStageOfEveryLife(t *testing.T) {
	s := newSimulator(false)
	seen := map[string]bool{}
	sandboxtest.EachStage(t, life.Halyk, ids, func(t *testing.T, p *life.Payment, at time.Time) {
		_ = s.Book.Add(p)
		state := p.At(at)
		// Lives last seconds, a token twenty minutes; each look takes a new one.
		a := s.Answer(statusRequest(fetch(t, s, form(), at), p.IDs["invoice_id"], at))
		if a.Told != state.Word || a.CapturedMinor != state.CapturedMinor || a.RefundedMinor != state.RefundedMinor {
			t.Fatalf("%s: told %+v", state.Word, a)
		}
		var got answer
		if err := json.Unmarshal(a.Body, &got); err != nil {
			t.Fatalf("%s: %v", a.Body, err)
		}
		code := strings.Trim(string(got.ResultCode), `"`)
		if state.Word == life.NotKnown {
			if code != "102" || got.Transaction != nil {
				t.Errorf("not known: %s", a.Body)
			}
			seen["102 as number"] = seen["102 as number"] || got.ResultCode[0] != '"'
			return
		}
		if code != "100" || a.Status != 200 && a.Status != 400 {
			t.Errorf("answered %d, resultCode %s", a.Status, got.ResultCode)
		}
		tx := got.Transaction
		if tx.InvoiceID != p.IDs["invoice_id"] || tx.TerminalID != terminal || tx.Currency != "KZT" {
			t.Errorf("identity: %+v", tx)
		}
		note(seen, a, got)
		checkAmounts(t, p, state, got)
		if _, err := time.Parse("2006-01-02T15:04:05.999999-07:00", tx.CreatedDate); err != nil {
			t.Errorf("createdDate %q", tx.CreatedDate)
		}
	})
	for _, want := range []string{
		"NEW", "FAILED 454", "3D", "FINGERPRINT", "AUTH", "CHARGE", "FAILED 484", "FAILED 455", "REJECT 490", "DECLINED 488",
		"FAILED 460", "REFUND", "REFUND, payoutAmount not filled", "CANCEL", "CANCEL_OLD", "invoiceId", "cardid", "Kazakh", "102 as number", "code as number", "code as text", "HTTP 200", "HTTP 400", "no orgAmount", "bonus",
		"a zero too many", "reason as number", "secure as text", "+05:00", "+06:00",
	} {
		if !seen[want] {
			t.Errorf("never showed %q", want)
		}
	}
}

// note collects the manners an answer shows.
func note(seen map[string]bool, a desk.Answer, got answer) {
	tx := got.Transaction
	word := tx.StatusName
	if reason, ok := tx.ReasonCode.(string); ok && reason != "" && reason != "00" {
		word += " " + reason
	}
	seen[word] = true
	seen[fmt.Sprintf("HTTP %d", a.Status)] = true
	for name, text := range map[string]string{"invoiceId": `"invoiceId":`, "cardid": `"cardid":`, "Kazakh": "Қазақстан"} {
		seen[name] = seen[name] || bytes.Contains(a.Body, []byte(text))
	}
	if tx.StatusName == "REFUND" && minor(*tx.PayoutAmount) == 0 {
		seen["REFUND, payoutAmount not filled"] = true
	}
	seen["code as number"] = seen["code as number"] || got.ResultCode[0] != '"'
	seen["code as text"] = seen["code as text"] || got.ResultCode[0] == '"'
	seen["no orgAmount"] = seen["no orgAmount"] || tx.OrgAmount == nil
	whole, places, _ := strings.Cut(tx.Amount.String(), ".")
	seen["a zero too many"] = seen["a zero too many"] || whole != "0" && len(places) == 3
	seen["bonus"] = seen["bonus"] || minor(*tx.AmountBonus) > 0
	_, number := tx.ReasonCode.(float64)
	seen["reason as number"] = seen["reason as number"] || number
	_, text := tx.Secure.(string)
	seen["secure as text"] = seen["secure as text"] || text
	seen[tx.CreatedDate[len(tx.CreatedDate)-6:]] = true
}

// minor reads an amount in major units; -1 where it is none.
func minor(n json.Number) int64 {
	// A third place is a zero: 12.220 is 12.22.
	text := n.String()
	if dot := strings.IndexByte(text, '.'); dot >= 0 && len(text) == dot+4 {
		text = strings.TrimSuffix(text, "0")
	}
	got, err := wire.ParseMajor(text, 2)
	if err != nil {
		return -1
	}
	return got
}

// checkAmounts checks the four amounts against each other and the truth.
func checkAmounts(t *testing.T, p *life.Payment, state life.State, got answer) {
	t.Helper()
	tx := got.Transaction
	left, bonus, paid := minor(*tx.Amount), minor(*tx.AmountBonus), minor(*tx.PayoutAmount)
	original := left + paid
	if tx.OrgAmount != nil {
		original = minor(*tx.OrgAmount)
	}
	want := p.AmountMinor
	if state.Word == life.ChargedOtherAmount {
		want = state.CapturedMinor
	}
	back := paid
	if state.Word == life.PartRefunded && paid == 0 {
		back = original - left // payoutAmount is not filled yet
	}
	if state.Word == life.PartCharged {
		// Nothing went back: it was never taken.
		if left != state.CapturedMinor || paid != 0 || original != want || bonus != 0 {
			t.Errorf("part charged: amount %s, bonus %s, payout %s, org %v, want %d of %d", tx.Amount, tx.AmountBonus, tx.PayoutAmount, tx.OrgAmount, state.CapturedMinor, want)
		}
		return
	}
	if original+bonus != want || left+back != original || back != state.RefundedMinor {
		t.Errorf("%s: amount %s, bonus %s, payout %s, org %v, want %d in all and %d back",
			state.Word, tx.Amount, tx.AmountBonus, tx.PayoutAmount, tx.OrgAmount, want, state.RefundedMinor)
	}
}

func TestStatus_ASecondTryIsAnotherTransaction(t *testing.T) {
	s := newSimulator(false)
	p := sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Halyk, Life: "late_success", Seed: 5, IDs: ids(1)})
	_ = s.Book.Add(p)
	var seen []string
	for _, at := range p.Changes() {
		var got answer
		a := s.Answer(statusRequest(fetch(t, s, form(), at), "000000001", at))
		if err := json.Unmarshal(a.Body, &got); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, got.Transaction.ID)
	}
	if len(seen) != 3 || seen[0] != seen[1] || seen[1] == seen[2] {
		t.Errorf("transactions %v", seen)
	}
}

func TestStatus_AnswersHoldPersonalData(t *testing.T) {
	s := newSimulator(false)
	_ = s.Book.Add(sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Halyk, Life: "charged_at_once", Seed: 3, IDs: ids(1)}))
	body := string(s.Answer(statusRequest(fetch(t, s, form(), sandboxtest.Born), "000000001", sandboxtest.Born)).Body)
	for _, want := range []string{
		wire.Name, wire.Email, wire.Phone, wire.CardMask, wire.CardID, wire.IP, wire.ApproveCode, wire.Account, wire.Description,
		"Казкоммерцбанк", `\"email\":\"` + wire.Email,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in %s", want, body)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	s := newSimulator(false)
	_ = s.Book.Add(sandboxtest.Make(f, sandboxtest.Wish{Provider: life.Halyk, Life: "charged_at_once", Seed: 3, IDs: ids(1)}))
	f.Add("application/x-www-form-urlencoded", form().Encode(), "Bearer x")
	f.Add("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"scope\"\r\n\r\npayment\r\n--b--", "")
	f.Add("multipart/form-data", "--", "Bearer")
	f.Fuzz(func(t *testing.T, kind, body, authorization string) {
		r := tokenRequest(nil, sandboxtest.Born)
		r.Header.Set("Content-Type", kind)
		r.Body = []byte(body)
		if a := s.Answer(r); a.Status == 200 && !strings.Contains(body, "s3cret") && !strings.Contains(body, "%") {
			t.Errorf("%q was given a token", body)
		}
		r = statusRequest("", "000000001", sandboxtest.Born)
		r.Header.Set("Authorization", authorization)
		// Tokens are 128 bits of hash; none is in the corpus.
		if a := s.Answer(r); a.Status != 401 && len(authorization) < 39 {
			t.Errorf("%q was let in: %d", authorization, a.Status)
		}
	})
}
