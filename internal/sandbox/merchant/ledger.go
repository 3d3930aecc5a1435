package merchant

import (
	"bytes"
	"sync"
	"time"
)

// Receipt is one delivery that reached the shop, and how it was answered.
type Receipt struct {
	At time.Time
	// Hook is the name in the path; "redirected" where a redirect was followed.
	Hook string
	// ID and Timestamp are the headers webhook-id and webhook-timestamp as they came.
	ID, Timestamp string
	Body          []byte
	// Verified: the signature is right and the timestamp within five minutes.
	Verified bool
	// Problem says why the delivery was refused; empty where it was not.
	Problem string
	// Fault is what went wrong on purpose; empty: nothing.
	Fault string
	// HTTPStatus is the status answered; 0: no answer was sent.
	HTTPStatus int
	// Answered is when that was; zero: no answer was sent.
	Answered time.Time
	// Unheard: the answer was lost on the way, whatever it said.
	Unheard bool
	// Delivered: a 2xx was answered, its status line and header written; the body,
	// which says nothing, may have broken off or never ended.
	Delivered bool
	// Taken: the shop acted upon it, whatever it answered. Where it is not Delivered
	// a sender comes again, and rightly.
	Taken bool
	// RetryAfter is how long the sender was told to wait; 0: it was not.
	RetryAfter time.Duration
	// Replay: the delivery carried the header that marks one somebody asked for again.
	Replay bool
	// TraceParent: the delivery carried a W3C trace context.
	TraceParent bool
}

// ledger keeps every receipt in memory, in order of arrival.
type ledger struct {
	mu       sync.Mutex
	receipts []Receipt
	// bodies are the last ones verified, so that attempts at one webhook share one.
	bodies map[webhook][]byte
	// refused counts the connections that were closed before a byte was read.
	refused int
	// arrived counts the verified and delivered receipts of each webhook.
	arrived map[webhook]int
}

// webhook is one event for one hook, however often it is sent.
type webhook struct{ hook, id string }

// Receipts gives a copy in order of arrival. The bodies are shared; do not
// change them.
func (l *ledger) Receipts() []Receipt { return l.Since(0) }

// Since gives a copy of the receipts from the n-th on; the first is 0.
func (l *ledger) Since(n int) []Receipt {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Receipt(nil), l.receipts[min(max(n, 0), len(l.receipts)):]...)
}

// Refused counts the connections that were refused.
func (l *ledger) Refused() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused
}

func (l *ledger) refuseConnection() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused++
}

// Delivered counts the webhooks that were verified and answered with 2xx, each
// once however often it came.
func (l *ledger) Delivered() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.arrived)
}

func (l *ledger) open(r Receipt) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Body = l.share(r)
	l.receipts = append(l.receipts, r)
	l.count(r, 1)
	return len(l.receipts) - 1
}

// Unheard marks what is answered at this moment: whoever carries the answers has
// lost them.
func (l *ledger) Unheard() {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.receipts {
		if l.receipts[i].Answered.Equal(now) {
			l.receipts[i].Unheard = true
		}
	}
}

// share gives the body of the last attempt at the same webhook if it is the same.
func (l *ledger) share(r Receipt) []byte {
	if !r.Verified {
		return r.Body
	}
	which := webhook{r.Hook, r.ID}
	if last, ok := l.bodies[which]; ok && bytes.Equal(last, r.Body) {
		return last
	}
	if l.bodies == nil {
		l.bodies = map[webhook][]byte{}
	}
	l.bodies[which] = bytes.Clone(r.Body)
	return l.bodies[which]
}

func (l *ledger) change(place int, with func(*Receipt)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count(l.receipts[place], -1)
	with(&l.receipts[place])
	l.count(l.receipts[place], 1)
}

// count adds a receipt to those arrived, or takes it back.
func (l *ledger) count(r Receipt, by int) {
	if !r.Verified || !r.Delivered {
		return
	}
	if l.arrived == nil {
		l.arrived = map[webhook]int{}
	}
	which := webhook{r.Hook, r.ID}
	if l.arrived[which] += by; l.arrived[which] == 0 {
		delete(l.arrived, which)
	}
}
