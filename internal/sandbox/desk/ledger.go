package desk

import (
	"sync"
	"time"

	"reconciler/internal/sandbox/life"
)

// Ask is one request that reached a simulated provider, and what became of it.
type Ask struct {
	// Arrived is when the request was there, Answered when its answer was sent
	// or the connection was dropped; zero while it is in hand.
	Arrived, Answered time.Time
	Provider          string
	// Endpoint is the path's short name: "status", "oauth2/token".
	Endpoint string
	// Payment is the key of the payment asked about; empty for tokens, refused
	// requests, numbers nobody knows and outages.
	Payment string
	// Credential marks a request for a token or session.
	Credential bool
	// Fault is what went wrong on purpose; empty: nothing.
	Fault string
	// Refused says why the request was not accepted: "wrong signature"; empty: it was.
	Refused string
	// Truth is what was true of the payment when the request arrived.
	Truth life.Word
	// Told is the word the answer expresses; empty where it expresses none
	// (faults, refusals, halves of an answer that disagree). Raw is the
	// provider's own text for it: "FINISHED+PAID".
	Told life.Word
	Raw  string
	// CapturedMinor and RefundedMinor are the amounts the answer expresses.
	CapturedMinor, RefundedMinor int64
	// HTTPStatus is the status sent; 0: no answer was sent.
	HTTPStatus int
	// TooSoon: the last accepted ask for this payment was less than the floor ago.
	TooSoon bool
	// BeforeRetryAfter: the provider had told this account to wait, and it did not.
	BeforeRetryAfter bool
}

// Ledger records every ask at every simulated provider. It is kept in memory,
// whole, for as long as the sandbox lives. Safe for concurrent use.
type Ledger struct {
	mu    sync.Mutex
	asks  []Ask
	polls int
}

// Asks gives a copy in order of arrival.
func (l *Ledger) Asks() []Ask {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Ask(nil), l.asks...)
}

// Polls counts the asks that were not for a token or session.
func (l *Ledger) Polls() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.polls
}

// open records an ask as it arrives and gives its place.
func (l *Ledger) open(a Ask) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !a.Credential {
		l.polls++
	}
	l.asks = append(l.asks, a)
	return len(l.asks) - 1
}

// change completes an entry.
func (l *Ledger) change(place int, with func(*Ask)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	with(&l.asks[place])
}
