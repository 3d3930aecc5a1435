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
	// TokenRefused: the token or session that came with the request is not valid (any
	// more), so a client makes the ask anew with another. Refused says so too.
	TokenRefused bool
	// Refused says why the request was not accepted: "wrong signature"; empty: it was.
	Refused string
	// Truth is what was true of the payment when the request arrived.
	Truth life.Word
	// Told is the word the answer expresses; empty where it expresses none
	// (faults, refusals, halves of an answer that disagree). Raw is the
	// provider's own text for it: "FINISHED+PAID".
	Told life.Word
	Raw  string
	// CapturedMinor and RefundedMinor are the amounts the answer expresses, Currency
	// is what they are in where it is not the payment's own.
	CapturedMinor, RefundedMinor int64
	Currency                     string
	// HTTPStatus is the status sent; 0: no answer was sent.
	HTTPStatus int
	// TooSoon: the last accepted ask for this payment was less than the floor ago.
	TooSoon bool
	// BeforeRetryAfter: the provider had told this account to wait, and it did not.
	BeforeRetryAfter bool
}

// pageSize is how many asks lie in one piece of memory: enough that pages are few,
// and none of them is ever copied to make room.
const pageSize = 1024

// Ledger records every ask at every simulated provider. It is kept in memory, about
// 250 bytes an ask, for as long as the sandbox lives. Safe for concurrent use.
type Ledger struct {
	mu    sync.Mutex
	pages [][]Ask
	count int
	polls int
}

// Asks gives a copy in order of arrival.
func (l *Ledger) Asks() []Ask { return l.Since(0) }

// Since gives a copy of the asks from the n-th on (the first is 0), in order of
// arrival. The others are not touched.
func (l *Ledger) Since(n int) []Ask {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = max(n, 0)
	if n >= l.count {
		return nil
	}
	asks := make([]Ask, 0, l.count-n)
	for _, page := range l.pages[n/pageSize:] {
		asks = append(asks, page[n%pageSize:]...)
		n = 0
	}
	return asks
}

// Count counts the asks.
func (l *Ledger) Count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
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
	if l.count%pageSize == 0 {
		l.pages = append(l.pages, make([]Ask, 0, pageSize))
	}
	last := len(l.pages) - 1
	l.pages[last] = append(l.pages[last], a)
	l.count++
	return l.count - 1
}

// change completes an entry.
func (l *Ledger) change(place int, with func(*Ask)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	with(&l.pages[place/pageSize][place%pageSize])
}
