// Package ecommpay simulates the status requests of ecommpay's Gate API by the
// public pages "Checking current payment information" and "Signature
// generation and verification", written from those documents and the signature
// vectors of the provider's SDKs alone.
//
// A request is accepted only for the one project, signed with its key; what is
// wrong with it comes unsigned under HTTP 400 with a flat code. Every HTTP 200
// is signed, a payment that does not exist (3061) included. Payments of more
// than ten operations are signed in the two sort orders of the SDKs in turn.
// Payments of some reserved numbers are answered as the Gate never should: see
// traps. Pure of I/O; safe for concurrent use.
package ecommpay

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/wire"
)

// The paths served.
const (
	StatusPath  = "/v2/payment/status"
	RequestPath = "/v2/payment/status/request"
)

// Config is the one project that exists here.
type Config struct {
	ProjectID int64
	Secret    string
	Book      *life.Book
}

// Simulator answers as the Gate.
type Simulator struct {
	Config
	mu sync.Mutex
	// signed counts the answers signed, for the sort order of the next one.
	signed map[string]int
	// busy counts the answers of Busy.
	busy int
}

// New makes the simulator.
func New(c Config) *Simulator { return &Simulator{Config: c, signed: map[string]int{}} }

// Answer answers one request.
func (s *Simulator) Answer(r desk.Request) desk.Answer {
	var a desk.Answer
	switch {
	case r.Path != StatusPath && r.Path != RequestPath:
		return desk.Answer{
			Status: http.StatusNotFound, Type: "text/html", Body: []byte("<html><body>Not Found</body></html>"),
			Endpoint: "unknown", Refused: "unknown path",
		}
	case r.Method != http.MethodPost:
		a = refuse(http.StatusMethodNotAllowed, "100", "Method not allowed", "wrong method")
	case r.Path == StatusPath:
		a = s.byPayment(r)
	default:
		a = s.byRequest(r)
	}
	a.Endpoint = strings.TrimPrefix(r.Path, "/v2/")
	return a
}

// Busy is 2147 or 3062, "resend later" both, in turn: an error of the request
// under a signed 200.
func (s *Simulator) Busy(desk.Request) (desk.Answer, bool) {
	s.mu.Lock()
	s.busy++
	odd := s.busy%2 == 1
	s.mu.Unlock()
	a := s.failure("3062", "Payment details not received")
	if odd {
		a = s.failure("2147", "Lock Error")
	}
	a.Endpoint = "payment/status"
	return a, true
}

// TooSoon: by payment ID the page allows "any time".
func (s *Simulator) TooSoon(desk.Request, time.Duration) (desk.Answer, bool) {
	return desk.Answer{}, false
}

// byPayment serves /v2/payment/status: everything is inside general.
func (s *Simulator) byPayment(r desk.Request) desk.Answer {
	document, refusal, ok := readBody(r)
	if !ok {
		return refusal
	}
	general, ok := document["general"].(map[string]any)
	if !ok {
		return missing("general")
	}
	id, refusal, ok := s.admit(r, admission{document, general, "payment_id"})
	if !ok {
		return refusal
	}
	return s.look(r, "payment_id", id)
}

// byRequest serves /v2/payment/status/request: the fields stand at the top.
func (s *Simulator) byRequest(r desk.Request) desk.Answer {
	document, refusal, ok := readBody(r)
	if !ok {
		return refusal
	}
	id, refusal, ok := s.admit(r, admission{document, document, "request_id"})
	if !ok {
		return refusal
	}
	return s.look(r, "request_id", id)
}

func readBody(r desk.Request) (map[string]any, desk.Answer, bool) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return nil, refuse(http.StatusBadRequest, "2003", "Invalid JSON", "the content type is not application/json"), false
	}
	document, err := wire.ReadObject(r.Body)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "2003", "Invalid JSON", err.Error()), false
	}
	return document, desk.Answer{}, true
}

// admission is what decides whether a request is let in: its document, the object in
// it that holds the fields, and the field that names what is asked for.
type admission struct {
	document, at map[string]any
	field        string
}

// admit checks the required fields, the project and the signature, in this
// order: the project decides which key the signature is checked with.
func (s *Simulator) admit(r desk.Request, q admission) (id string, refusal desk.Answer, ok bool) {
	project, given := q.at["project_id"].(json.Number)
	if !given {
		return "", missing("project_id"), false
	}
	if id, ok = wire.Text(q.at, q.field); !ok {
		return "", missing(q.field), false
	}
	sig, given := q.at["signature"].(string)
	switch {
	case !given:
		return "", missing("signature"), false
	case project.String() != strconv.FormatInt(s.ProjectID, 10), r.AccountRefused():
		return "", refuse(http.StatusBadRequest, "2442", "Project not found", "another project"), false
	case sig == "":
		return "", refuse(http.StatusBadRequest, "3262", "Empty signature", "no signature"), false
	case !verify(q.document, s.Secret, sig), r.LoginRefused():
		return "", refuse(http.StatusBadRequest, "3261", "Invalid signature", "wrong signature"), false
	}
	return id, desk.Answer{}, true
}

// look finds the payment and tells about it.
func (s *Simulator) look(r desk.Request, field, id string) desk.Answer {
	if answer, is := traps[id]; is && field == "payment_id" {
		return answer(s, id)
	}
	p, ok := s.Book.Find(life.Ecommpay, field, id)
	if !ok {
		return s.notFound(nil)
	}
	state := r.State(p)
	if state.Word == life.NotKnown {
		return s.notFound(p)
	}
	body, raw := render(p, state, s.ProjectID)
	a := desk.Answer{Status: http.StatusOK, Body: s.signPayment(body, p), Payment: p, Raw: raw}
	a.Tell(state)
	return a
}

func (s *Simulator) notFound(p *life.Payment) desk.Answer {
	a := s.failure("3061", "Transaction not found")
	a.Payment, a.Told, a.Raw = p, life.NotKnown, "3061"
	return a
}

// failure is a signed 200 without a payment.
func (s *Simulator) failure(code, message string) desk.Answer {
	body := wire.Object{
		{Key: "payment", Value: wire.Object{{Key: "status", Value: "error"}}},
		{Key: "errors", Value: []wire.Object{{{Key: "code", Value: code}, {Key: "message", Value: message}}}},
	}
	return desk.Answer{Status: http.StatusOK, Body: s.sign(body, "")}
}

// sign adds the signature at the end, in the two orders in turn per key.
func (s *Simulator) sign(body wire.Object, key string) []byte {
	return wire.JSON(body.With("signature", s.signatureOf(body, key)))
}

// signPayment signs what is said about a payment; here and there the signature
// stands inside of general, as the SDKs know it too.
func (s *Simulator) signPayment(body wire.Object, p *life.Payment) []byte {
	if p.Sometimes(8, "signature in general") {
		return wire.JSON(body.With("general", wire.Object{{Key: "signature", Value: s.signatureOf(body, p.Key)}}))
	}
	return s.sign(body, p.Key)
}

func (s *Simulator) signatureOf(body wire.Object, key string) string {
	s.mu.Lock()
	s.signed[key]++
	odd := s.signed[key]%2 == 1
	s.mu.Unlock()
	sorted := byteOrder
	if odd {
		sorted = naturalOrder
	}
	// Signed is what is sent, so the written form is read back first.
	document, err := wire.ReadObject(wire.JSON(body))
	if err != nil {
		return ""
	}
	return signature(document, s.Secret, sorted)
}

func missing(field string) desk.Answer {
	return refuse(http.StatusBadRequest, "2004", "Required field not provided", field+" is missing")
}

// refuse is the flat, unsigned form of an error.
func refuse(status int, code, message, why string) desk.Answer {
	body := wire.Object{{Key: "status", Value: "error"}, {Key: "code", Value: code}, {Key: "message", Value: message}}
	return desk.Answer{Status: status, Body: wire.JSON(body), Refused: why}
}
