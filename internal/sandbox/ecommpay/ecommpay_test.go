package ecommpay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/sandboxtest"
	"reconciler/internal/sandbox/wire"
)

const key = "golden-secret"

func ids(n int) map[string]string {
	return map[string]string{"payment_id": fmt.Sprintf("P-%d", n), "request_id": fmt.Sprintf("rq-%d", n)}
}

func newSimulator() *Simulator {
	return New(Config{ProjectID: 4711, Secret: key, Book: life.NewBook()})
}

func raw(path, body string, at time.Time) desk.Request {
	return desk.Request{
		Method: http.MethodPost, Path: path, Body: []byte(body), At: at,
		Header: http.Header{"Content-Type": {"application/json"}},
	}
}

// byPayment and byRequest are the two documented requests.
func byPayment(id string, at time.Time) desk.Request {
	body := fmt.Sprintf(`{"general":{"project_id":4711,"payment_id":%q}}`, id)
	d, _ := wire.ReadObject([]byte(body))
	return raw(StatusPath, fmt.Sprintf(`%s,"signature":%q}}`, strings.TrimSuffix(body, "}}"), signature(d, key, byteOrder)), at)
}

func byRequest(id string, at time.Time) desk.Request {
	body := fmt.Sprintf(`{"project_id":4711,"request_id":%q}`, id)
	d, _ := wire.ReadObject([]byte(body))
	return raw(RequestPath, fmt.Sprintf(`%s,"signature":%q}`, strings.TrimSuffix(body, "}"), signature(d, key, byteOrder)), at)
}

func TestStatus_RefusesWrongRequests(t *testing.T) {
	s := newSimulator()
	_ = s.Book.Add(sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Ecommpay, Life: "charged_at_once", Seed: 1, IDs: map[string]string{"payment_id": "gold-e1", "request_id": "rq-1"}}))
	// The request as printed in the provider's facts.
	const printed = `{"general":{"project_id":4711,"payment_id":"gold-e1","signature":"ulZ/ZdGoDPaVtVOwIvA3mpaMdT7LvYom65snrjyyNnbjkn9/M064IopHWOz8/ewiMkNtFt8LbveGlROFQYGJ2Q=="}}`
	const sig = `ulZ/ZdGoDPaVtVOwIvA3mpaMdT7LvYom65snrjyyNnbjkn9/M064IopHWOz8/ewiMkNtFt8LbveGlROFQYGJ2Q==`
	change := func(old, new string) string { return strings.Replace(printed, old, new, 1) }
	rows := []struct {
		name, path, body string
		status           int
		code             string
	}{
		{"as documented", StatusPath, printed, 200, ""},
		{"by request", RequestPath, string(byRequest("rq-1", sandboxtest.Born).Body), 200, ""},
		{"not JSON", StatusPath, "x", 400, "2003"},
		{"no general", StatusPath, `{}`, 400, "2004"},
		{"the other endpoint's form", RequestPath, printed, 400, "2004"},
		{"no project", StatusPath, change(`"project_id":4711,`, ""), 400, "2004"},
		{"the project as text", StatusPath, change("4711", `"4711"`), 400, "2004"},
		{"no payment", StatusPath, change(`"payment_id":"gold-e1",`, ""), 400, "2004"},
		{"an empty payment", StatusPath, change("gold-e1", ""), 400, "2004"},
		{"no signature", StatusPath, change(`,"signature":"`+sig+`"`, ""), 400, "2004"},
		{"an empty signature", StatusPath, change(sig, ""), 400, "3262"},
		{"another project", StatusPath, change("4711", "4712"), 400, "2442"},
		{"a wrong signature", StatusPath, change(sig, strings.ToUpper(sig)), 400, "3261"},
		{"the signature of another payment", StatusPath, change("gold-e1", "gold-e2"), 400, "3261"},
		{"a field that is not signed", StatusPath, change(`"project_id"`, `"interface_type":1,"project_id"`), 400, "3261"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			a := s.Answer(raw(row.path, row.body, sandboxtest.Born))
			if a.Status != row.status || (a.Refused == "") != (row.code == "") || (a.Told == life.Charged) != (row.code == "") {
				t.Fatalf("answered %d %s (%s)", a.Status, a.Body, a.Refused)
			}
			if row.code == "" {
				return
			}
			var got map[string]string
			if err := json.Unmarshal(a.Body, &got); err != nil || got["status"] != "error" || got["code"] != row.code {
				t.Errorf("answered %s, want %s", a.Body, row.code)
			}
			if got["signature"] != "" || bytes.Contains(a.Body, []byte("signature\":")) {
				t.Error("a 400 is never signed")
			}
		})
	}
	get := raw(StatusPath, printed, sandboxtest.Born)
	get.Method = http.MethodGet
	if a := s.Answer(get); a.Status != 405 || a.Refused == "" {
		t.Errorf("GET: %d", a.Status)
	}
	if a := s.Answer(raw("/v2/payment", printed, sandboxtest.Born)); a.Status != 404 || a.Refused == "" {
		t.Errorf("another path: %d", a.Status)
	}
	form := raw(StatusPath, printed, sandboxtest.Born)
	form.Header.Set("Content-Type", "text/plain")
	if a := s.Answer(form); a.Status != 400 || a.Refused == "" {
		t.Errorf("text/plain: %d", a.Status)
	}
}

// gate is the documented answer, with money kept as text.
type gate struct {
	Status    string
	ProjectID json.Number `json:"project_id"`
	Payment   struct {
		ID, Type, Status, Date string
		Sum, SumReal           *sum
	}
	Operations []step
	Errors     []struct{ Code string }
}

type step struct {
	Type, Status, Date        string
	Message                   string
	RequestID                 string `json:"request_id"`
	Code                      json.RawMessage
	Sum, SumInitial, SumOther *sum
}

type sum struct {
	Amount   int64
	Currency string
}

// signatureIn finds the signature at its two places.
func signatureIn(d map[string]any) string {
	if general, ok := d["general"].(map[string]any); ok {
		d = general
	}
	given, _ := d["signature"].(string)
	return given
}

// readGate reads a 200, and insists on its signature.
func readGate(t *testing.T, a desk.Answer) gate {
	t.Helper()
	d := document(t, string(a.Body))
	given := signatureIn(d)
	if a.Status != 200 || !verify(d, key, given) {
		t.Fatalf("answered %d, signature %q", a.Status, given)
	}
	// encoding/json joins sum_initial to SumInitial only by a tag; the
	// documented names are put in its way here.
	text := strings.NewReplacer(`"sum_initial"`, `"SumInitial"`, `"sum_converted"`, `"SumOther"`, `"sum_real"`, `"SumReal"`).Replace(string(a.Body))
	var g gate
	if err := json.Unmarshal([]byte(text), &g); err != nil {
		t.Fatalf("%s: %v", a.Body, err)
	}
	return g
}

func TestStatus_NotFoundIsASigned200_AsTheGoldenOne(t *testing.T) {
	s := newSimulator()
	a := s.Answer(byPayment("nobody", sandboxtest.Born))
	golden, err := os.ReadFile("testdata/E9.json")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(a.Body) + "\n"; a.Status != 200 || got != string(golden) || a.Told != life.NotKnown || a.Payment != nil {
		t.Errorf("answered %d %s\nwant %s", a.Status, got, golden)
	}
}

func TestBusy_IsSignedToo(t *testing.T) {
	s := newSimulator()
	for _, code := range []string{"2147", "3062", "2147"} {
		a, ok := s.Busy(desk.Request{})
		if g := readGate(t, a); !ok || g.Payment.Status != "error" || len(g.Errors) != 1 || g.Errors[0].Code != code {
			t.Errorf("%v %s, want %s", ok, a.Body, code)
		}
	}
	if _, refuses := newSimulator().TooSoon(desk.Request{}, time.Second); refuses {
		t.Error("by payment ID any time is allowed")
	}
}

func TestStatus_TellsEveryStageOfEveryLife(t *testing.T) {
	s := newSimulator()
	seen := map[string]bool{}
	sandboxtest.EachStage(t, life.Ecommpay, ids, func(t *testing.T, p *life.Payment, at time.Time) {
		_ = s.Book.Add(p)
		state := p.At(at)
		a := s.Answer(byPayment(p.IDs["payment_id"], at))
		g := readGate(t, a)
		if a.Told != state.Word || a.CapturedMinor != state.CapturedMinor || a.RefundedMinor != state.RefundedMinor || a.Raw == "" {
			t.Fatalf("%s: told %+v", state.Word, a)
		}
		if state.Word == life.NotKnown {
			if g.Payment.Status != "error" || g.Errors[0].Code != "3061" {
				t.Errorf("not known: %s", a.Body)
			}
			return
		}
		if g.ProjectID != "4711" || g.Payment.ID != p.IDs["payment_id"] || g.Payment.Status != a.Raw || g.Payment.Type != "purchase" {
			t.Errorf("identity: %+v", g.Payment)
		}
		if _, err := time.Parse(dateForm, g.Payment.Date); err != nil || strings.HasSuffix(g.Payment.Date, "Z") {
			t.Errorf("date %q", g.Payment.Date)
		}
		if len(g.Operations) == 0 || g.Operations[0].RequestID != p.IDs["request_id"] {
			t.Errorf("operations %+v", g.Operations)
		}
		note(seen, g)
		seen["signature in general"] = seen["signature in general"] || bytes.Contains(a.Body, []byte(`"general":`))
		checkOperations(t, p, state, g)
		other := readGate(t, s.Answer(byRequest(p.IDs["request_id"], at)))
		if other.Payment.Status != g.Payment.Status || other.Payment.ID != g.Payment.ID {
			t.Error("the request id tells another story")
		}
	})
	for _, ways := range words {
		for _, way := range ways {
			if !seen[way] {
				t.Errorf("never said %q", way)
			}
		}
	}
	for _, want := range []string{
		"sum", "sum_real", "bare capture", "code as number", "code as text", "more than ten operations", "another currency",
		"declined refund last", "declined sale first", "a commission", "an unknown operation", "no sum", "signature in general",
		"status of the request beside another", "20899", "no message", "a message in another language", "dated before its operations",
	} {
		if !seen[want] {
			t.Errorf("never showed %q", want)
		}
	}
}

// note collects the manners an answer shows.
func note(seen map[string]bool, g gate) {
	mark := func(what string, is bool) { seen[what] = seen[what] || is }
	last := g.Operations[len(g.Operations)-1]
	mark(g.Payment.Status, true)
	mark("sum", g.Payment.Sum != nil)
	mark("no sum", g.Payment.Sum == nil && g.Payment.SumReal == nil)
	mark("status of the request beside another", g.Status == "success" && g.Payment.Status == "decline")
	mark("dated before its operations", g.Payment.Date < last.Date)
	mark("sum_real", g.Payment.SumReal != nil)
	mark("more than ten operations", len(g.Operations) > 10)
	mark("declined refund last", g.Payment.Status == "success" && last.Type == "refund" && last.Status == "decline")
	mark("a commission", slices.ContainsFunc(g.Operations, func(o step) bool { return o.Type == "commission" }))
	mark("declined sale first", g.Payment.Status == "success" && g.Operations[0].Type == "sale" && g.Operations[0].Status == "decline")
	for _, o := range g.Operations {
		mark("an unknown operation", o.Type == "teleport")
		mark("20899", strings.Contains(string(o.Code), "20899"))
		mark("no message", o.Message == "")
		mark("a message in another language", strings.Contains(o.Message, "Ответ"))
		mark("code as number", o.Code[0] != '"')
		mark("code as text", o.Code[0] == '"')
		mark("bare capture", o.Type == "capture" && o.SumInitial == nil && o.Sum == nil)
		mark("another currency", o.SumOther != nil && o.SumOther.Currency != o.SumInitial.Currency)
	}
}

// checkOperations adds up the successful operations by the documented rule and
// compares them with the truth.
func checkOperations(t *testing.T, p *life.Payment, state life.State, g gate) {
	t.Helper()
	var held, captured, refunded int64
	bare := false
	for _, o := range g.Operations {
		if o.Status != "success" {
			continue
		}
		amount := int64(0)
		switch {
		case o.SumInitial != nil:
			amount = o.SumInitial.Amount
		case o.Sum != nil:
			amount = o.Sum.Amount
		default:
			bare = bare || o.Type == "capture"
		}
		switch o.Type {
		case "sale", "capture":
			captured += amount
		case "auth":
			held += amount
		case "refund", "reversal":
			refunded += amount
		}
	}
	if bare {
		captured = held
	}
	if captured != state.CapturedMinor || refunded != state.RefundedMinor {
		t.Errorf("%s: operations add up to %d captured, %d refunded, want %d and %d",
			state.Word, captured, refunded, state.CapturedMinor, state.RefundedMinor)
	}
	if wantHold := state.Held || state.Word == life.Held; wantHold != (held > 0) {
		t.Errorf("%s after a hold %v: held %d", state.Word, state.Held, held)
	}
	if shown := g.Payment.Sum; shown != nil && state.Word != life.ChargedOtherAmount && (shown.Amount != p.AmountMinor || shown.Currency != "EUR") {
		t.Errorf("%s: sum %+v", state.Word, shown)
	}
}

func TestStatus_ARefundNeverRewritesWhatWasDoneBefore(t *testing.T) {
	for seed := range uint64(40) {
		p := sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Ecommpay, Life: "refunded", Seed: seed, IDs: ids(int(seed))})
		var before []operation
		for _, at := range p.Changes()[1:] {
			state := p.At(at)
			now := operationsOf(p, state, statusOf(p, state.Word))
			for i := range before {
				if now[i] != before[i] {
					t.Fatalf("seed %d, %s: operation %d was %+v and is %+v", seed, state.Word, i, before[i], now[i])
				}
			}
			before = now
		}
	}
}

func TestSign_TakesBothOrdersInTurn(t *testing.T) {
	s := newSimulator()
	tried := false
	for seed := range uint64(40) {
		p := sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Ecommpay, Life: "part_refunded", Seed: seed, IDs: ids(int(seed))})
		_ = s.Book.Add(p)
		var orders []string
		for range 4 {
			d := document(t, string(s.Answer(byPayment(p.IDs["payment_id"], p.EndsAt())).Body))
			if len(d["operations"].([]any)) < 11 {
				break
			}
			tried = true
			orders = append(orders, map[bool]string{true: "bytes", false: "natural"}[signature(d, key, byteOrder) == signatureIn(d)])
		}
		if orders != nil && strings.Join(orders, " ") != "natural bytes natural bytes" {
			t.Errorf("orders %v", orders)
		}
	}
	if !tried {
		t.Error("no payment had eleven operations")
	}
}

func TestAnswers_HoldPersonalData(t *testing.T) {
	s := newSimulator()
	p := sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Ecommpay, Life: "stuck", Seed: 1, IDs: ids(1)})
	_ = s.Book.Add(p)
	body := string(s.Answer(byPayment("P-1", sandboxtest.Born)).Body)
	for _, m := range []string{
		wire.Email, wire.Phone, wire.IP, wire.CardNumber, wire.CardHolder, wire.Token, wire.PaReq, wire.ACSURL, wire.ApproveCode, wire.Description,
	} {
		if !strings.Contains(body, m) {
			t.Errorf("no %q in %s", m, body)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	s := newSimulator()
	_ = s.Book.Add(sandboxtest.Make(f, sandboxtest.Wish{Provider: life.Ecommpay, Life: "charged_at_once", Seed: 1, IDs: ids(1)}))
	f.Add(string(byRequest("rq-1", sandboxtest.Born).Body))
	f.Add(`{"general":{"project_id":4711,"payment_id":"P-1","signature":"x"}}`)
	f.Add(`{"general":[]}`)
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range []string{StatusPath, RequestPath} {
			a := s.Answer(raw(path, body, sandboxtest.Born))
			d, err := wire.ReadObject([]byte(body))
			if a.Refused != "" {
				continue
			}
			given, _ := d["signature"].(string)
			if general, ok := d["general"].(map[string]any); ok && path == StatusPath {
				given, _ = general["signature"].(string)
			}
			if err != nil || !verify(d, key, given) {
				t.Errorf("%q was let in", body)
			}
		}
	})
}
