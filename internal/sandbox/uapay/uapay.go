// Package uapay simulates the invoicer API of uapay.ua by its public pages
// (quick start, sessions/create, payments/checkStatus, payments/show,
// invoices/show, invoices/show/list, callback), written from those documents
// alone. Traps are what it does on request only.
//
// Every request must hold {"params", "iat", "token"}: a JWT under HS256 whose
// payload is the rest of the body, made within 20 seconds of its arrival.
// Refusals come under HTTP 200 with an error object, with a status beside it or
// without, as the documents show them; every good answer is wrapped in a signed token. The method pages put
// the two vocabularies of a status into opposite fields and so does this
// simulator: checkStatus has the processing word in status, the show methods
// in paymentStatus. Pure of I/O; safe for concurrent use.
package uapay

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/wire"
)

// The paths served.
const (
	SessionPath     = "/api/sessions/create"
	CheckStatusPath = "/api/invoicer/payments/checkStatus"
	PaymentShowPath = "/api/invoicer/payments/show"
	InvoiceShowPath = "/api/invoicer/invoices/show"
	InvoiceListPath = "/api/invoicer/invoices/show/list"
)

// iatWindow is how far a request's iat may be from its arrival; the page says 20 s.
const iatWindow = 20 * time.Second

// Config is the one account that exists here.
type Config struct {
	ClientID, Secret string
	Book             *life.Book
	// Seed fixes sessions. Rough lets sessions die young and the two halves of a
	// status lag behind each other.
	Seed  uint64
	Rough bool
	Traps
}

// Simulator answers as UAPAY.
type Simulator struct {
	Config
	mu       sync.Mutex
	issued   int
	sessions map[string]*session
	// told counts the answers given for each payment: confirmations run out, and
	// a lag shows once.
	told map[string]int
}

// New makes the simulator.
func New(c Config) *Simulator {
	return &Simulator{Config: c, sessions: map[string]*session{}, told: map[string]int{}}
}

// method is one method of the API: its short name, the params it demands (a
// list's name ends in "[]"), and what it does once they are there.
type method struct {
	name   string
	params []string
	do     func(*Simulator, desk.Request, map[string]string) desk.Answer
}

// methods by path. sessions/create alone needs no session.
var methods = map[string]method{
	SessionPath:     {"sessions/create", []string{"clientId"}, (*Simulator).createSession},
	CheckStatusPath: {"payments/checkStatus", []string{"sessionId", "paymentId", "invoiceId"}, (*Simulator).checkStatus},
	PaymentShowPath: {"payments/show", []string{"sessionId", "paymentId"}, (*Simulator).showPayment},
	InvoiceShowPath: {"invoices/show", []string{"sessionId", "id"}, (*Simulator).showInvoice},
	InvoiceListPath: {"invoices/show/list", []string{"sessionId", "ids[]"}, (*Simulator).listInvoices},
}

// Answer answers one request.
func (s *Simulator) Answer(r desk.Request) desk.Answer {
	m, ok := methods[r.Path]
	switch {
	case !ok:
		return desk.Answer{
			Status: http.StatusNotFound, Type: "text/html", Body: []byte("<html><body>Not Found</body></html>"),
			Endpoint: "unknown", Refused: "unknown path",
		}
	case r.Method != http.MethodPost:
		return desk.Answer{Status: http.StatusMethodNotAllowed, Body: []byte(`{}`), Endpoint: m.name, Refused: "wrong method"}
	}
	a := s.dress(r, s.serve(m, r))
	a.Endpoint = m.name
	return a
}

// Busy: no page shows such an answer.
func (s *Simulator) Busy(desk.Request) (desk.Answer, bool) { return desk.Answer{}, false }

// TooSoon: the documents name no floor.
func (s *Simulator) TooSoon(desk.Request, time.Duration) (desk.Answer, bool) {
	return desk.Answer{}, false
}

// serve checks the request in the order in which each check can be made: form,
// signature, age, params, session.
func (s *Simulator) serve(m method, r desk.Request) desk.Answer {
	params, refusal, ok := s.admit(r)
	if !ok {
		return refusal
	}
	values := map[string]string{}
	for _, name := range m.params {
		name, value, wrong := readParam(params, name)
		if wrong != "" {
			return fieldError(name, wrong)
		}
		values[name] = value
	}
	if id, needed := values["sessionId"]; needed && !s.use(id, r) {
		a := failure("SESSION_EXPIRED", "the session is not valid", "session refused")
		a.TokenRefused = true
		return a
	}
	return m.do(s, r, values)
}

// readParam reads one param; a list's members are joined by commas.
func readParam(params map[string]any, wanted string) (name, value, wrong string) {
	if name, list := strings.CutSuffix(wanted, "[]"); list {
		ids, wrong := readIDs(params[name])
		return name, strings.Join(ids, ","), wrong
	}
	value, ok := wire.Text(params, wanted)
	switch {
	case !ok:
		return wanted, "", "REQUIRED"
	case !isUUID(value):
		return wanted, "", "UUID"
	}
	return wanted, value, ""
}

// admit checks form, signature and age of a request and gives its params.
func (s *Simulator) admit(r desk.Request) (map[string]any, desk.Answer, bool) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return nil, formatError("the content type is not application/json"), false
	}
	body, err := wire.ReadObject(r.Body)
	if err != nil {
		return nil, formatError("the body is not a JSON object"), false
	}
	text, ok := wire.Text(body, "token")
	if !ok {
		return nil, failure("TOKEN_REQUIRED", "", "no token"), false
	}
	payload, err := open(text, s.Secret)
	if err != nil || r.LoginRefused() {
		return nil, failure("SIGNATURE_ERROR", "", "wrong signature"), false
	}
	delete(body, "token")
	if !reflect.DeepEqual(body, payload) {
		return nil, failure("SIGNATURE_ERROR", "", "the token holds something else than the body"), false
	}
	iat, ok := body["iat"].(json.Number)
	seconds, err := iat.Int64()
	if !ok || err != nil {
		return nil, formatError("iat is not a whole number of seconds"), false
	}
	if age := r.At.Add(s.Skew).Sub(time.Unix(seconds, 0)); age > iatWindow || age < -iatWindow {
		return nil, timeLimit(), false
	}
	params, ok := body["params"].(map[string]any)
	if !ok {
		return nil, formatError("params is missing"), false
	}
	return params, desk.Answer{}, true
}

// timeLimit is shown in the quick start without a status beside it.
func timeLimit() desk.Answer {
	body := wire.Object{{Key: "error", Value: wire.Object{{Key: "code", Value: "TIMELIMIT_ERROR"}}}}
	return desk.Answer{Status: http.StatusOK, Body: wire.JSON(body), Refused: "iat is too far from now"}
}

// failure is an error object under HTTP 200.
func failure(code, message, why string) desk.Answer {
	e := wire.Object{{Key: "code", Value: code}}
	if message != "" {
		e = e.With("message", message)
	}
	body := wire.Object{{Key: "status", Value: 0}, {Key: "error", Value: e}}
	return desk.Answer{Status: http.StatusOK, Body: wire.JSON(body), Refused: why}
}

func formatError(why string) desk.Answer { return failure("FORMAT_ERROR", "", why) }

// fieldError names the parameter, as the documented FORMAT_ERROR does.
func fieldError(name, problem string) desk.Answer {
	fields := wire.Object{{Key: "params", Value: wire.Object{{Key: name, Value: problem}}}}
	body := wire.Object{{Key: "status", Value: 0}, {Key: "error", Value: wire.Object{
		{Key: "code", Value: "FORMAT_ERROR"}, {Key: "fields", Value: fields},
	}}}
	return desk.Answer{Status: http.StatusOK, Body: wire.JSON(body), Refused: "param " + name + ": " + problem}
}

func isUUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i, c := range []byte(text) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
		if dash != (c == '-') || !dash && !hex {
			return false
		}
	}
	return true
}
