// Package desk is what stands between the wire and a simulated provider: it
// reads a request, has the simulator answer it, lets the planned fault happen,
// keeps the floor between two asks, and writes the ledger.
//
// Simulators are pure of I/O: bytes in, bytes out, so each can be tried without
// a server. The ledger's entry is complete before the first byte of an answer
// leaves, so whoever has read an answer finds it there. Safe for concurrent
// use; no lock is held while reading, writing or waiting.
package desk

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"reconciler/internal/sandbox/fault"
	"reconciler/internal/sandbox/life"
)

// maxBody is the most a simulated provider reads of a request; the documented
// ones are under 2 KiB.
const maxBody = 64 << 10

// grace is how long after telling an account to wait its requests still count
// as sent before the news arrived.
const grace = 250 * time.Millisecond

// Request is an HTTP request, read whole.
type Request struct {
	Method, Path string
	Query        url.Values
	Header       http.Header
	Body         []byte
	// At is when it arrived.
	At time.Time
	// Clock is how far the provider's own clock is ahead when it writes its answer.
	Clock time.Duration
	// mood is what is not as usual; nil: nothing.
	mood *mood
}

// Answer is what a simulator says, with what the ledger needs to know about it.
type Answer struct {
	// Status is the HTTP status, Body the whole body, JSON unless Type says else.
	Status int
	Body   []byte
	Type   string
	Header map[string]string
	// Endpoint, Credential, TokenRefused, Refused, Told, Raw, the amounts and their
	// currency: see Ask.
	Endpoint                     string
	Credential, TokenRefused     bool
	Refused                      string
	Told                         life.Word
	Raw                          string
	CapturedMinor, RefundedMinor int64
	Currency                     string
	// Payment is the payment the request named, nil where it named none that exists.
	Payment *life.Payment
}

// Simulator is one provider's behaviour. Its methods are called concurrently.
type Simulator interface {
	// Answer answers a request as the provider's documents say, refusals included.
	Answer(Request) Answer
	// Busy is the provider's own "try again later" under HTTP 200; false where
	// its documents have none.
	Busy(Request) (Answer, bool)
	// TooSoon is the answer to an ask below the floor, with the time left; false
	// where the provider answers all the same.
	TooSoon(Request, time.Duration) (Answer, bool)
}

// Caller is a Simulator whose provider tells shops by itself of what happened.
type Caller interface {
	// Callback is the header and body of the HTTP request (POST) that the provider
	// sends about a payment as it is at that instant.
	Callback(p *life.Payment, at time.Time) (http.Header, []byte)
}

// Options say whose desk it is.
type Options struct {
	Provider  string
	Simulator Simulator
	Plan      *fault.Plan
	Ledger    *Ledger
	// Floor is the least time between two accepted asks for one payment; Step
	// is the unit of slow and hanging answers.
	Floor, Step time.Duration
	// Elsewhere is the URL that a hostile answer sends clients to.
	Elsewhere string
}

// Desk is the http.Handler of one simulated provider.
type Desk struct {
	Options
	mu sync.Mutex
	// last is when the last ask for each payment was accepted.
	last map[string]time.Time
	// waits are those that the account was told, each longer than the one before it.
	waits []wait
	// kept are right answers by endpoint: the last two payments'.
	kept map[string][2]Answer
	// lied counts the answers that a trouble was told in, by payment.
	lied map[lie]int
}

// New makes a desk.
func New(o Options) *Desk {
	return &Desk{Options: o, last: map[string]time.Time{}, kept: map[string][2]Answer{}, lied: map[lie]int{}}
}

// ServeHTTP handles one request from arrival to ledger.
func (d *Desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	ask := Ask{Arrived: at, Provider: d.Provider, BeforeRetryAfter: d.early(at)}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		ask.Refused = "the body is too large or broke off"
		c := call{desk: d, w: w, r: r, place: d.Ledger.open(ask), answer: plainText(http.StatusRequestEntityTooLarge, "body too large")}
		c.send()
		return
	}
	if outage := d.Plan.Outage(d.Provider, at); outage.Kind != fault.OK {
		ask.Fault = string(outage.Kind)
		c := call{desk: d, w: w, r: r, place: d.Ledger.open(ask)}
		c.play(outage)
		return
	}
	mood := d.mood(at)
	req := Request{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Header: r.Header, Body: body, At: at, Clock: mood.Clock, mood: mood,
	}
	answer, met := d.decide(req, &ask)
	c := call{desk: d, w: w, r: r, answer: answer, clock: mood.Clock}
	c.place = d.Ledger.open(ask)
	c.play(met)
}

// decide has the simulator answer, and says what comes between.
func (d *Desk) decide(req Request, ask *Ask) (Answer, fault.Trouble) {
	answer := d.Simulator.Answer(req)
	ask.Endpoint, ask.Credential, ask.Refused = answer.Endpoint, answer.Credential, answer.Refused
	ask.TokenRefused = answer.TokenRefused
	faultKey := answer.Endpoint
	if p := answer.Payment; p != nil {
		ask.Payment, ask.Truth, faultKey = p.Key, p.At(req.At).Word, p.Key
	}
	if answer.Refused != "" {
		ask.Fault = string(req.mood.refused)
		return answer, fault.Trouble{}
	}
	if left := d.pace(ask.Payment, req.At); left > 0 {
		ask.TooSoon = true
		if refusal, ok := d.Simulator.TooSoon(req, left); ok {
			ask.Refused = refusal.Refused
			return refusal, fault.Trouble{}
		}
		d.accept(ask.Payment, req.At)
	}
	met := d.Plan.Meets(d.Provider, faultKey, answer.Credential, req.At)
	if met.Kind == fault.Busy {
		busy, ok := d.Simulator.Busy(req)
		if !ok || answer.Credential {
			met.Kind = fault.Throttle
		} else {
			answer = busy
		}
	}
	if ask.Fault = string(met.Kind); met.Kind == fault.OK {
		ask.Fault = string(d.lieTold(req.mood, answer))
	}
	d.keep(answer)
	return answer, met
}

// pace gives how long the floor still runs for a payment; 0: this ask is accepted.
func (d *Desk) pace(key string, at time.Time) time.Duration {
	if key == "" || d.Floor <= 0 { // two at once may arrive in either order
		return 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if last, asked := d.last[key]; asked && at.Sub(last) < d.Floor {
		return d.Floor - at.Sub(last)
	}
	d.last[key] = at
	return 0
}

// accept makes the floor run from an ask that came too soon and is answered all the same.
func (d *Desk) accept(key string, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last[key] = at
}

// wait is when an account was told to wait, and until when it has to.
type wait struct{ told, until time.Time }

// early reports whether the account was told to wait and has not.
func (d *Desk) early(at time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waits) == 0 {
		return false
	}
	last := d.waits[len(d.waits)-1]
	return at.After(last.told.Add(grace)) && at.Before(last.until)
}

// tellToWait remembers until when an account was told to wait.
func (d *Desk) tellToWait(until time.Time) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waits = slices.DeleteFunc(d.waits, func(w wait) bool { return !w.until.After(now) })
	if n := len(d.waits); until.After(now) && (n == 0 || until.After(d.waits[n-1].until)) {
		d.waits = append(d.waits, wait{now, until})
	}
}

// Unheard takes back the wait that the account is told at this moment: whoever
// carries the answer has lost it.
func (d *Desk) Unheard() {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.waits); n > 0 && d.waits[n-1].told.Equal(now) {
		d.waits = d.waits[:n-1]
	}
}

// Tell writes into an answer what a state expresses, for the ledger.
func (a *Answer) Tell(state life.State) {
	a.Told, a.CapturedMinor, a.RefundedMinor = state.Told()
	if a.CapturedMinor > 0 {
		a.Currency = state.Currency
	}
}

func plainText(status int, text string) Answer {
	return Answer{Status: status, Body: []byte(text + "\n"), Type: "text/plain; charset=utf-8"}
}
