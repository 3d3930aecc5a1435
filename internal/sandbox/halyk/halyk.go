// Package halyk simulates the payment status API of Halyk ePay (epayment.kz)
// by its public pages "Transaction Status" and "Token", written from those
// documents alone.
//
// A status is told only to a bearer token that was made for the invoice's
// terminal: none in the token is resultCode 104, another one 109, no valid
// token HTTP 401. Production and test addresses are both served, under their own
// paths; a token of one is none at the other. An invoice that does not exist
// (yet) is 102. The documents print two status words; the others are those that
// public clients know. Quirks (resultCode as number, a good answer under HTTP
// 400, missing orgAmount, bonus points, payoutAmount filled late, older
// spellings, a cancelled hold called CANCEL_OLD) differ between payments. What no
// payment's life comes across is told of the invoices in Traps. Callbacks are
// those of postLink and failurePostLink. Pure of I/O; safe for concurrent use.
package halyk

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/wire"
)

// The paths served, in production and, where pages differ, for tests.
const (
	TokenPath     = "/oauth2/token"
	TestTokenPath = "/epay2/oauth2/token"
	// TestAPIPath stands before the paths of the api for tests.
	TestAPIPath = "/api"
	statusPath  = "/check-status/payment/transaction/"
)

// environment is one of the two sets of addresses.
type environment string

const (
	production environment = "production"
	tests      environment = "tests"
)

// Config is the one account that exists here.
type Config struct {
	ClientID, ClientSecret, Terminal string
	Book                             *life.Book
	// Seed fixes tokens. Rough lets tokens die before their time.
	Seed  uint64
	Rough bool
}

// Simulator answers as Halyk ePay.
type Simulator struct {
	Config
	mu     sync.Mutex
	issued int
	tokens map[string]*token
	// looks counts how often each trap was asked for.
	looks map[string]int
}

// New makes the simulator.
func New(c Config) *Simulator {
	return &Simulator{Config: c, tokens: map[string]*token{}, looks: map[string]int{}}
}

// Answer answers one request.
func (s *Simulator) Answer(r desk.Request) desk.Answer {
	invoice, live := strings.CutPrefix(r.Path, statusPath)
	tested, test := strings.CutPrefix(r.Path, TestAPIPath+statusPath)
	switch {
	case r.Path == TokenPath:
		return s.token(r, production)
	case r.Path == TestTokenPath:
		return s.token(r, tests)
	case live:
		return s.status(r, invoice, production)
	case test:
		return s.status(r, tested, tests)
	case strings.HasPrefix(r.Path, TestAPIPath+"/"), strings.HasPrefix(r.Path, "/epay2/"):
		// What the test hosts show where nothing is served.
		return desk.Answer{Status: http.StatusOK, Type: "text/html", Body: []byte(loginPage), Endpoint: "unknown", Refused: "unknown path"}
	}
	// The host's own page, as a wrong base URL shows it.
	return desk.Answer{
		Status: http.StatusNotFound, Type: "text/html", Body: []byte("<html><body>404 page not found</body></html>"),
		Endpoint: "unknown", Refused: "unknown path",
	}
}

const loginPage = "<!DOCTYPE html>\n<html><body><form action=\"/login\"><input name=\"email\"></form></body></html>"

// Busy is resultCode 107, "Try again later".
func (s *Simulator) Busy(desk.Request) (desk.Answer, bool) {
	return envelope("107", "Try again later", ""), true
}

// TooSoon: the documents name no floor, so the bank answers.
func (s *Simulator) TooSoon(desk.Request, time.Duration) (desk.Answer, bool) {
	return desk.Answer{}, false
}

// status serves GET /check-status/payment/transaction/:invoiceid.
func (s *Simulator) status(r desk.Request, invoice string, at environment) desk.Answer {
	if r.Method != http.MethodGet {
		return refused(http.StatusMethodNotAllowed, "method_not_allowed", "wrong method")
	}
	terminal, ok := s.bearer(r, at)
	switch {
	case !ok:
		a := refused(http.StatusUnauthorized, "invalid_token", "no valid token")
		a.TokenRefused = true
		return a
	case terminal == "":
		return envelope("104", "Field terminal absent in token", "no terminal in the token")
	case terminal != s.Terminal, r.AccountRefused():
		return envelope("109", "Terminal does not belong to the client, check provided request", "another terminal")
	}
	p, known := s.Book.Find(life.Halyk, "invoice_id", invoice)
	if !known {
		return s.trapped(invoice)
	}
	state := r.State(p)
	if state.Word == life.NotKnown {
		return notFound(p)
	}
	return render(p, state, s.Terminal)
}

// envelope is an answer without a transaction.
func envelope(code any, message, why string) desk.Answer {
	body := wire.Object{{Key: "resultCode", Value: code}, {Key: "resultMessage", Value: message}, {Key: "transaction", Value: nil}}
	return desk.Answer{Status: http.StatusOK, Body: wire.JSON(body), Endpoint: "status", Refused: why}
}

func notFound(p *life.Payment) desk.Answer {
	var code any = "102"
	if p != nil && p.Sometimes(4, "code as number") {
		code = 102
	}
	a := envelope(code, "Invoice not found, try again later or check transaction type (payment/p2p)", "")
	a.Payment, a.Told, a.Raw = p, life.NotKnown, "102"
	return a
}

// refused is an answer in the form of RFC 6749 section 5.2.
func refused(status int, code, why string) desk.Answer {
	return desk.Answer{Status: status, Body: wire.JSON(wire.Object{{Key: "error", Value: code}}), Endpoint: "status", Refused: why}
}
