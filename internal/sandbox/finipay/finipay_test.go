package finipay

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
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

func ids(n int) map[string]string {
	return map[string]string{"order_number": fmt.Sprintf("ORD-%06d", n), "provider_number": fmt.Sprintf("Fp%014d", n)}
}

func newSimulator() *Simulator {
	return New(Config{Login: "shop", Password: "p:w", Book: life.NewBook()})
}

// request is the documented request for an order.
func request(number string, at time.Time) desk.Request {
	return desk.Request{
		Method: http.MethodGet, Path: StatusPath, At: at,
		Header: http.Header{
			"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("shop:p:w"))},
			"Content-Type":  {"application/json"},
		},
		Body: []byte(`{"orderNumber":"` + number + `","language":"en"}`),
	}
}

// card is the documented envelope, with money kept as text.
type card struct {
	Code    json.RawMessage
	Message string
	Data    *struct {
		OrderNumber, Status, Currency string
		Amount                        json.Number
		Refunded, Refundable          json.Number
	}
}

func read(t *testing.T, a desk.Answer) card {
	t.Helper()
	var c card
	if err := json.Unmarshal(a.Body, &c); err != nil {
		t.Fatalf("%s: %v", a.Body, err)
	}
	return c
}

func TestStatus_RefusesWrongRequests(t *testing.T) {
	s := newSimulator()
	if err := s.Book.Add(sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Finipay, Life: "charged_at_once", Seed: 1, IDs: ids(1)})); err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		name   string
		change func(*desk.Request)
		status int
	}{
		{"as documented", func(*desk.Request) {}, 200},
		{"POST, as the page's text says", func(r *desk.Request) { r.Method = http.MethodPost }, 200},
		{"a charset behind the content type", func(r *desk.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-8") }, 200},
		{"the provider's own number", func(r *desk.Request) { r.Body = []byte(`{"orderNumber":"Fp00000000000001"}`) }, 200},
		{"no login", func(r *desk.Request) { r.Header.Del("Authorization") }, 401},
		{"wrong password", func(r *desk.Request) { r.Header.Set("Authorization", "Basic c2hvcDp3cm9uZw==") }, 401},
		{"Bearer instead of Basic", func(r *desk.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Basic", "Bearer", 1))
		}, 401},
		{"Basic with no base64", func(r *desk.Request) { r.Header.Set("Authorization", "Basic shop:p:w") }, 401},
		{"PUT", func(r *desk.Request) { r.Method = http.MethodPut }, 405},
		{"a form", func(r *desk.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, 415},
		{"no content type, as in the page's sample", func(r *desk.Request) { r.Header.Del("Content-Type") }, 415},
		{"a body that a proxy dropped", func(r *desk.Request) { r.Body = nil }, 400},
		{"orderId, as in the page's sample", func(r *desk.Request) { r.Body = []byte(`{"orderId":"ORD-000001"}`) }, 400},
		{"the key in another case", func(r *desk.Request) { r.Body = []byte(`{"ordernumber":"ORD-000001"}`) }, 400},
		{"an empty number", func(r *desk.Request) { r.Body = []byte(`{"orderNumber":""}`) }, 400},
		{"a number as number", func(r *desk.Request) { r.Body = []byte(`{"orderNumber":1}`) }, 400},
		{"the path of the page's sample", func(r *desk.Request) { r.Path = "/api/payment" }, 400},
		{"another path", func(r *desk.Request) { r.Path = "/api/v1/status" }, 404},
		{"an unknown order", func(r *desk.Request) { r.Body = []byte(`{"orderNumber":"ORD-9","language":"en"}`) }, 404},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			r := request("ORD-000001", sandboxtest.Born)
			row.change(&r)
			a := s.Answer(r)
			if a.Status != row.status {
				t.Errorf("answered %d %s, want %d", a.Status, a.Body, row.status)
			}
			notFound := row.name == "an unknown order"
			if (a.Refused != "") != (row.status != 200 && !notFound) {
				t.Errorf("refused: %q", a.Refused)
			}
			if (a.Told == life.Charged) != (row.status == 200) || (a.Told == life.NotKnown) != notFound {
				t.Errorf("told %q", a.Told)
			}
		})
	}
}

func TestStatus_TellsEveryStageOfEveryLife(t *testing.T) {
	s := newSimulator()
	echoes, seen, forms := map[bool]int{}, map[string]bool{}, map[string]bool{}
	sandboxtest.EachStage(t, life.Finipay, ids, func(t *testing.T, p *life.Payment, at time.Time) {
		_ = s.Book.Add(p)
		state := p.At(at)
		a := s.Answer(request(p.IDs["order_number"], at))
		if a.Told != state.Word || a.CapturedMinor != state.CapturedMinor || a.RefundedMinor != state.RefundedMinor || a.Payment != p {
			t.Fatalf("%s: told %+v", state.Word, a)
		}
		if state.Word == life.NotKnown {
			if a.Status != 404 || string(a.Body) != `{"code":"404","message":"ORDER_NOT_FOUND","data":null}` {
				t.Errorf("not known: %d %s", a.Status, a.Body)
			}
			return
		}
		c := read(t, a)
		forms[map[bool]string{true: "text", false: "number"}[c.Code[0] == '"']] = true
		seen[strings.Trim(string(c.Code), `"`)+" "+c.Message+" "+c.Data.Status] = true
		checkCard(t, p, state, c)
		if state.Word != life.PartRefunded && state.Word != life.Refunded {
			echoes[c.Data.OrderNumber == p.IDs["order_number"]]++
			again := read(t, s.Answer(request(p.IDs["order_number"], at.Add(time.Millisecond))))
			if again.Data.OrderNumber != c.Data.OrderNumber || again.Data.Status != c.Data.Status {
				t.Error("the same payment answers in another manner")
			}
		}
	})
	for _, want := range []string{
		"110 CREATED CREATED", "120 CONFIRMED CONFIRMED", "200 PAYMENT_SUCCESS CHARGE", "200 PAYMENT_SUCCESS Charge",
		"200 OK Reject", "200 OK REJECT", "200 OK reject", "200 PAYMENT_SUCCESS Reject", "204 REFUND ",
	} {
		if !seen[want] {
			t.Errorf("never answered %q", want)
		}
	}
	if !forms["text"] || !forms["number"] {
		t.Errorf("the code must come as text and as a number: %v", forms)
	}
	if echoes[true] == 0 || echoes[false] <= echoes[true] {
		t.Errorf("the Fp number must be the usual one and the merchant's must happen: %v", echoes)
	}
}

// checkCard checks an answer's money against the truth, as text.
func checkCard(t *testing.T, p *life.Payment, state life.State, c card) {
	t.Helper()
	want := map[life.Word]int64{life.ChargedOtherAmount: state.CapturedMinor}[state.Word]
	if want == 0 {
		want = p.AmountMinor
	}
	if got, err := wire.ParseMajor(c.Data.Amount.String(), 2); err != nil || got != want || c.Data.Currency != "KGS" {
		t.Errorf("%s: amount %s %s, want %d minor units KGS", state.Word, c.Data.Amount, c.Data.Currency, want)
	}
	if state.Word != life.PartRefunded && state.Word != life.Refunded {
		return
	}
	refunded, err1 := wire.ParseMajor(c.Data.Refunded.String(), 2)
	refundable, err2 := wire.ParseMajor(c.Data.Refundable.String(), 2)
	if err1 != nil || err2 != nil || refunded != state.RefundedMinor || refunded+refundable != want {
		t.Errorf("%s: refunded %s, refundable %s of %s", state.Word, c.Data.Refunded, c.Data.Refundable, c.Data.Amount)
	}
	if c.Data.OrderNumber != "" || c.Data.Status != "" {
		t.Error("the refund answer holds no order number and no status")
	}
}

func TestStatus_WithoutALanguageTheMessageIsNotEnglish(t *testing.T) {
	s := newSimulator()
	if err := s.Book.Add(sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Finipay, Life: "charged_at_once", Seed: 1, IDs: ids(1)})); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{`{"orderNumber":"ORD-000001"}`, `{"orderNumber":"ORD-000001","language":"ru"}`, `{"orderNumber":"none"}`} {
		r := request("", sandboxtest.Born)
		r.Body = []byte(body)
		c := read(t, s.Answer(r))
		if strings.Trim(c.Message, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_ ") == "" {
			t.Errorf("%s: message %q", body, c.Message)
		}
	}
}

func TestStatus_TheLanguageOfAnAccountIsRussianOrKyrgyz(t *testing.T) {
	s, messages := newSimulator(), map[string]bool{}
	for n := range 12 {
		wish := sandboxtest.Wish{Provider: life.Finipay, Life: "charged_at_once", Seed: uint64(n), IDs: ids(n)}
		if err := s.Book.Add(sandboxtest.Make(t, wish)); err != nil {
			t.Fatal(err)
		}
		r := request("", sandboxtest.Born)
		r.Body = []byte(`{"orderNumber":"` + wish.IDs["order_number"] + `"}`)
		messages[read(t, s.Answer(r)).Message] = true
	}
	if want := map[string]bool{"ПЛАТЕЖ УСПЕШЕН": true, "ТӨЛӨМ ИЙГИЛИКТҮҮ": true}; !maps.Equal(messages, want) {
		t.Errorf("messages %v, want %v", messages, want)
	}
}

func TestStatus_AnswersHoldPersonalData(t *testing.T) {
	s := newSimulator()
	found := map[string]bool{}
	sandboxtest.EachStage(t, life.Finipay, ids, func(_ *testing.T, p *life.Payment, at time.Time) {
		_ = s.Book.Add(p)
		body := s.Answer(request(p.IDs["order_number"], at)).Body
		for _, m := range wire.Markers() {
			if bytes.Contains(body, []byte(m)) {
				found[m] = true
			}
		}
	})
	for _, m := range []string{wire.CardMask, wire.CardHolder, wire.IP, wire.Email, wire.Phone, wire.PaReq} {
		if !found[m] {
			t.Errorf("no answer holds %q", m)
		}
	}
}

func TestTooSoon_SaysHowManyWholeSecondsToWait(t *testing.T) {
	for left, want := range map[time.Duration]string{1: "1", time.Second: "1", time.Second + 1: "2", 10 * time.Second: "10"} {
		a, refused := newSimulator().TooSoon(desk.Request{}, left)
		if !refused || a.Status != 429 || a.Header["Retry-After"] != want || a.Refused == "" {
			t.Errorf("%v left: %+v", left, a)
		}
	}
	if _, busy := newSimulator().Busy(desk.Request{}); busy {
		t.Error("finipay documents no busy answer")
	}
}

// An answer without any status would be a plain one, and no strange one.
func TestStatus_TellsAStrangeWord_OfARefundToo(t *testing.T) {
	p := sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Finipay, Life: "charged_at_once", Seed: 1, IDs: ids(1)})
	for _, word := range []life.Word{life.Charged, life.PartRefunded, life.Refunded} {
		got := newSimulator().render(p, life.State{Word: word, Strange: true}, asked{english: true})
		if !strings.Contains(string(got.Body), strangeWord) || got.Told != "" || got.Raw != strangeWord {
			t.Errorf("%s: told %q, raw %q: %s", word, got.Told, got.Raw, got.Body)
		}
	}
}

func TestQRStatus(t *testing.T) {
	s := newSimulator()
	words := map[string]bool{}
	for seed := range uint64(20) {
		for _, name := range []string{"charged", "appears_late", "stuck"} {
			id := fmt.Sprintf("QPF%s%d", name, seed)
			p := sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Finipay, Life: name, Seed: seed, IDs: map[string]string{"transaction_id": id}})
			if err := s.Book.Add(p); err != nil {
				t.Fatal(err)
			}
			for _, at := range p.Changes() {
				r := request("", at)
				r.Path, r.Body, r.Query = QRStatusPath, nil, url.Values{"transaction_id": {id}}
				a := s.Answer(r)
				var got struct{ Code, Message, Data string }
				if err := json.Unmarshal(a.Body, &got); err != nil {
					if p.At(at).Word == life.NotKnown && a.Status == 404 {
						continue
					}
					t.Fatalf("%s: %v", a.Body, err)
				}
				words[got.Message], words[got.Data] = true, true
				if (got.Data == "SUCCESSFUL") != (p.At(at).Word == life.Charged) || a.CapturedMinor != 0 {
					t.Errorf("%s: %s told as %+v", p.At(at).Word, a.Body, a)
				}
			}
		}
	}
	for _, want := range []string{"Success", "SUCCESS", "CREATED", "\u0421REATED", "SUCCESSFUL"} {
		if !words[want] {
			t.Errorf("never said %q", want)
		}
	}
}

func TestQRStatus_RefusesWrongRequests(t *testing.T) {
	s := newSimulator()
	_ = s.Book.Add(sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Finipay, Life: "declined", Seed: 1, IDs: map[string]string{"transaction_id": "QPF1"}}))
	rows := []struct {
		name, method, id string
		status           int
	}{
		{"POST", http.MethodPost, "QPF1", 405}, {"no id", http.MethodGet, "", 400}, {"unknown id", http.MethodGet, "QPF2", 404},
		{"a word no page shows", http.MethodGet, "QPF1", 500},
	}
	for _, row := range rows {
		r := request("", sandboxtest.Born.Add(time.Hour))
		r.Method, r.Path, r.Query = row.method, QRStatusPath, url.Values{"transaction_id": {row.id}}
		if a := s.Answer(r); a.Status != row.status || a.Endpoint != "qr/status" {
			t.Errorf("%s: %+v", row.name, a)
		}
	}
}

func FuzzStatus(f *testing.F) {
	s := newSimulator()
	_ = s.Book.Add(sandboxtest.Make(f, sandboxtest.Wish{Provider: life.Finipay, Life: "charged_at_once", Seed: 1, IDs: ids(1)}))
	f.Add("Basic c2hvcDpwOnc=", []byte(`{"orderNumber":"ORD-000001"}`))
	f.Add("Basic c2hvcDpwOnc=", []byte(`{"orderNumber":["ORD-000001"]}`))
	f.Add("Bearer x", []byte("{"))
	f.Fuzz(func(t *testing.T, authorization string, body []byte) {
		r := request("", sandboxtest.Born)
		r.Header.Set("Authorization", authorization)
		r.Body = body
		a := s.Answer(r)
		_, secret, _ := strings.Cut(authorization, " ")
		raw, _ := base64.StdEncoding.DecodeString(secret)
		if a.Status != 401 && string(raw) != "shop:p:w" {
			t.Errorf("%q was let in: %d", authorization, a.Status)
		}
		if a.Told == life.Charged && !bytes.Contains(body, []byte("orderNumber")) && !bytes.Contains(body, []byte(`\u`)) {
			t.Errorf("%q was told %s", body, a.Told)
		}
	})
}
