// Package finipay simulates the status API of finipay.kg by its public page
// "Status" (API v1.1.0), the wallets' pages and the QR page, written from those
// documents alone.
//
// What the documents leave open is chosen once and kept: a declined payment
// answers in the shape of a successful one, a refund as the refund call does,
// an unknown order HTTP 404 with the same envelope, a wrong login 401; a wallet
// (a payment whose reference has the kind mbank or megapay) answers in the shape
// of a card, with its own fields and no currency. GET with a body and POST are
// both served, since the page says both. Its quirks (the provider's own Fp
// number for the merchant's, letter case of Charge and Reject, decimal places, a
// numeric code) differ between payments and stay the same for one. What would
// keep a payment's truth from coming through is a Trap, and off. No page says
// what finipay sends to a callback URL, so it calls nobody. Pure of I/O; safe for
// concurrent use.
package finipay

import (
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/wire"
)

// The paths served.
const (
	StatusPath   = "/api/v1.1.0/status"
	QRStatusPath = "/gen/qr/transaction/status"
	createPath   = "/api/payment"
)

// Config is the one account that exists here.
type Config struct {
	Login, Password string
	Book            *life.Book
	// Trap is what goes wrong with every answer; empty: nothing.
	Trap Trap
	// Floor is the least time between two asks for one payment; for Stale only.
	Floor time.Duration
}

// Simulator answers as finipay.
type Simulator struct{ Config }

// New makes the simulator.
func New(c Config) *Simulator { return &Simulator{Config: c} }

// Answer answers one request.
func (s *Simulator) Answer(r desk.Request) desk.Answer {
	if a, over := s.onTheWay(&r); over {
		return a
	}
	if !s.authorized(r.Header.Get("Authorization")) || r.LoginRefused() {
		a := refuse(http.StatusUnauthorized, "UNAUTHORIZED", "wrong login")
		a.Header = map[string]string{"WWW-Authenticate": `Basic realm="finipay"`}
		return a
	}
	switch r.Path {
	case StatusPath:
		return s.status(r)
	case QRStatusPath:
		return s.qrStatus(r)
	case createPath:
		// The page's code sample sends status requests here; it is the call that
		// creates payments, and this is no such request.
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "the path that creates payments")
	}
	a := refuse(http.StatusNotFound, "NOT_FOUND", "unknown path")
	a.Type, a.Body = "text/html", []byte("<html><body>404 Not Found</body></html>")
	return a
}

// Busy: no page of finipay shows such an answer.
func (s *Simulator) Busy(desk.Request) (desk.Answer, bool) { return desk.Answer{}, false }

// TooSoon refuses asks below one in ten seconds (here: the sandbox's floor).
func (s *Simulator) TooSoon(r desk.Request, left time.Duration) (desk.Answer, bool) {
	if s.Trap == Stale {
		r.At = r.At.Add(left - s.Floor)
		return s.Answer(r), true
	}
	a := refuse(http.StatusTooManyRequests, "TOO_MANY_REQUESTS", "below the floor")
	seconds := int((left + time.Second - 1) / time.Second)
	a.Header = map[string]string{"Retry-After": strconv.Itoa(seconds)}
	return a, true
}

// authorized checks HTTP Basic; both halves in constant time.
func (s *Simulator) authorized(header string) bool {
	scheme, text, _ := strings.Cut(header, " ")
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !strings.EqualFold(scheme, "Basic") {
		return false
	}
	return subtle.ConstantTimeCompare(raw, []byte(s.Login+":"+s.Password)) == 1
}

// status serves /api/v1.1.0/status.
func (s *Simulator) status(r desk.Request) desk.Answer {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		return refuse(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "wrong method")
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		return refuse(http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", "wrong content type")
	}
	question, err := wire.ReadObject(r.Body)
	if err != nil {
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "the body is not the documented JSON")
	}
	number, ok := wire.Text(question, "orderNumber")
	if !ok {
		return refuse(http.StatusBadRequest, "ORDER_NUMBER_REQUIRED", "orderNumber is missing")
	}
	language, _ := wire.Text(question, "language")
	english := strings.EqualFold(language, "en")
	p, known := s.find(number)
	if !known {
		return notFound(nil, english)
	}
	state := r.State(p)
	if state.Word == life.NotKnown {
		return notFound(p, english)
	}
	return s.render(p, s.hidden(state), asked{english, r.At.Add(r.Clock)})
}

// find looks for the merchant's order number, then for finipay's own: the page
// calls the parameter both.
func (s *Simulator) find(number string) (*life.Payment, bool) {
	if p, ok := s.Book.Find(life.Finipay, "order_number", number); ok {
		return p, true
	}
	return s.Book.Find(life.Finipay, "provider_number", number)
}

// refuse answers a request that is not accepted, in the documented envelope.
func refuse(status int, message, why string) desk.Answer {
	body := wire.Object{{Key: "code", Value: strconv.Itoa(status)}, {Key: "message", Value: message}, {Key: "data", Value: nil}}
	return desk.Answer{Status: status, Body: wire.JSON(body), Endpoint: "status", Refused: why}
}

// notFound is the answer for an order that does not exist (yet).
func notFound(p *life.Payment, english bool) desk.Answer {
	message := "ORDER_NOT_FOUND"
	if !english {
		message = foreign(p, message)
	}
	a := refuse(http.StatusNotFound, message, "")
	a.Payment, a.Told, a.Raw = p, life.NotKnown, "404"
	return a
}
