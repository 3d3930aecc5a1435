// Package callback takes the HTTP requests by which providers tell of a change
// (POST /callbacks/{account}) and makes them what they are worth: a hint to look
// at a payment now.
//
// What holds:
//
//   - Nothing that a callback says is believed. It can't set a status; the worst
//     that an invented one does is a poll that the provider's floor allowed anyway.
//   - The account is the one in the path. Its adapter checks the signature where the
//     provider signs.
//   - Whether a payment was found can't be told from the answer: what can be read
//     is answered 200 and one body. Providers stop repeating at 200 (ecommpay, UAPAY;
//     Halyk's document says nothing of repeats).
//   - Strangers cause a bounded amount of work, memory and log: bodies are limited
//     in size, requests in number at a time, and those that nobody signed in rate,
//     per account.
//   - Nothing of a body, a header or an alias is logged or answered. There is one
//     line per callback, without the payment; of refusals that anybody can cause
//     there is a line a second, which counts the others.
//
// A callback that can't be carried out now (the broker is away, too many at once)
// is answered 503 or 429 with Retry-After: providers repeat, and if not, the
// payment's next poll finds what the callback meant. TLS is left to a proxy.
//
// A Handler is safe for concurrent use and starts nothing.
package callback

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"reconciler/internal/consumer"
	"reconciler/internal/providers"
)

// DefaultUnverifiedRate is how many callbacks a second an account takes that
// nobody signed.
const DefaultUnverifiedRate = 50

// Bounds of the work for callbacks.
const (
	// mostAtOnce is how many are in hand, each with a body of at most
	// providers.MaxCallback bytes.
	mostAtOnce = 64
	// hintLimit is how long the broker may take. Providers wait some seconds only.
	hintLimit = 5 * time.Second
)

// Hint makes the polls of an account's payments with these aliases due now; see
// consumer.Hinter. An error means that the same callback may be carried out later.
type Hint func(ctx context.Context, account string, aliases []string) (consumer.HintResult, error)

// Options are what New needs.
type Options struct {
	// Accounts are the providers by the names of their accounts; those that are no
	// providers.CallbackReader are answered like unknown ones.
	Accounts map[string]providers.Provider
	Hint     Hint
	// UnverifiedRate is how many callbacks a second that nobody signed are taken
	// for each account, twice as many at once; 0: DefaultUnverifiedRate.
	UnverifiedRate int
	Log            zerolog.Logger
}

// Handler answers POST /callbacks/{account}.
type Handler struct {
	mux      *http.ServeMux
	accounts map[string]*account
	places   chan struct{}
	hint     Hint
	log      zerolog.Logger
	noise    noise
}

// account is one account that takes callbacks.
type account struct {
	reader providers.CallbackReader
	// unverified is what strangers may use up.
	unverified *rate.Limiter
}

// New makes a handler. The error says which option is missing.
func New(o Options) (*Handler, error) {
	if o.Hint == nil {
		return nil, errors.New("callback: no function to hint with given")
	}
	perSecond := o.UnverifiedRate
	if perSecond <= 0 {
		perSecond = DefaultUnverifiedRate
	}
	h := &Handler{
		mux: http.NewServeMux(), accounts: map[string]*account{}, places: make(chan struct{}, mostAtOnce),
		hint: o.Hint, log: o.Log, noise: newNoise(),
	}
	for name, provider := range o.Accounts {
		if reader, ok := provider.(providers.CallbackReader); ok {
			h.accounts[name] = &account{reader: reader, unverified: rate.NewLimiter(rate.Limit(perSecond), 2*perSecond)}
		}
	}
	h.mux.HandleFunc("/callbacks/{account}", h.serve)
	h.mux.HandleFunc("/", h.nowhere)
	return h, nil
}

// Accounts is how many accounts take callbacks.
func (h *Handler) Accounts() int { return len(h.accounts) }

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// serve handles one callback from its method to its line in the log.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request) {
	e := entry{began: time.Now()}
	name := r.PathValue("account")
	a, known := h.accounts[name]
	switch {
	case r.Method != http.MethodPost:
		e.outcome = wrongMethod
	case !known:
		e.outcome = unknownAccount
	default:
		e.account = name // others are whatever somebody wrote
		e.outcome = h.take(w, r, a, &e)
	}
	e.outcome.answer(w)
	h.tell(e)
}

// nowhere answers every other path.
func (h *Handler) nowhere(w http.ResponseWriter, _ *http.Request) {
	unknownAccount.answer(w)
	h.tell(entry{began: time.Now(), outcome: unknownAccount})
}

// take does what a callback of an account is worth, as far as there is room for
// it, and notes what became of it.
func (h *Handler) take(w http.ResponseWriter, r *http.Request, a *account, e *entry) outcome {
	select {
	case h.places <- struct{}{}:
		defer func() { <-h.places }()
	default:
		return busy
	}
	body, failed := read(w, r)
	if failed != "" {
		return failed
	}
	hint, failed := h.understand(a, providers.Callback{Header: r.Header, Body: body})
	e.verified = failed == "" && hint.Verified
	// One bucket for all that is unsigned, unreadable or wrongly signed: whoever
	// sends one of them could as well send another.
	if !e.verified && !a.unverified.Allow() {
		return throttled
	}
	if failed != "" {
		return failed
	}
	// Who hangs up early has told us all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), hintLimit)
	defer cancel()
	e.result, e.err = h.hint(ctx, e.account, hint.Aliases)
	if e.err != nil {
		return unavailable
	}
	return accepted
}
