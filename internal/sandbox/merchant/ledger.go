package merchant

import (
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
	// Delivered: a 2xx was answered, and written whole.
	Delivered bool
	// TraceParent: the delivery carried a W3C trace context.
	TraceParent bool
}

// ledger keeps every receipt in memory, in order of arrival.
type ledger struct {
	mu       sync.Mutex
	receipts []Receipt
	// arrived counts the verified and delivered receipts of each webhook.
	arrived map[webhook]int
}

// webhook is one event for one hook, however often it is sent.
type webhook struct{ hook, id string }

// Receipts gives a copy in order of arrival. The bodies are shared; do not
// change them.
func (l *ledger) Receipts() []Receipt {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Receipt(nil), l.receipts...)
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
	l.receipts = append(l.receipts, r)
	l.count(r, 1)
	return len(l.receipts) - 1
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
