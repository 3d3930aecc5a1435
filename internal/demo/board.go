package demo

import (
	"maps"
	"sync"
	"time"

	"reconciler/internal/history/peers"
	"reconciler/internal/payment"
	"reconciler/internal/sandbox"
)

// board is where each payment stands while a demo runs: told by the announcer
// and the follower, read by the screen and for the end. It is kept up to date
// change by change, so that looking at it is as cheap for 5,000 payments as for
// 50: it must not compete with the worker for the machine. The verdict does not
// rest on it.
type board struct {
	mu     sync.Mutex
	byID   map[key]*standing
	undone []*standing
	counts boardCounts
}

// boardCounts is what a board counts to.
type boardCounts struct {
	announced, done int
	byStatus        map[payment.Status]int
	byProvider      map[string]share
	// events were published, due are the webhooks they call for.
	events, due int
}

// share is how many of a provider's payments are done.
type share struct{ done, announced int }

// standing is one payment's place on the board.
type standing struct {
	planned
	status payment.Status // last published
	want   payment.Status // what it has to be; empty until its life has ended
	done   bool
}

func newBoard() *board {
	return &board{
		byID:   map[key]*standing{},
		counts: boardCounts{byStatus: map[payment.Status]int{}, byProvider: map[string]share{}},
	}
}

// announce puts a payment on the board, before anybody hears of it.
func (b *board) announce(p planned) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &standing{planned: p}
	b.byID[key{p.Merchant, p.ID}] = s
	b.undone = append(b.undone, s)
	b.counts.announced++
	b.count(s, 1, 0)
}

// count adds to the shares of the payment's provider.
func (b *board) count(s *standing, announced, done int) {
	part := b.counts.byProvider[s.Provider]
	part.announced += announced
	part.done += done
	b.counts.byProvider[s.Provider] = part
	b.counts.done += done
}

// published notes an event for which so many webhooks are due.
func (b *board) published(d payment.Data, due int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts.events++
	b.counts.due += due
	s := b.byID[key{d.MerchantID, d.PaymentID}]
	if s == nil {
		return // nobody announced it: the verdict names it
	}
	if s.status != "" {
		b.counts.byStatus[s.status]--
	}
	s.status = d.Status
	b.counts.byStatus[s.status]++
	if s.done && s.status != s.want {
		s.done = false
		b.undone = append(b.undone, s)
		b.count(s, 0, -1)
	}
}

// settle looks who has come to the end of its life, and whether that was published.
func (b *board) settle(now time.Time, truth func(planned) sandbox.Truth) {
	b.mu.Lock()
	defer b.mu.Unlock()
	still := b.undone[:0]
	for _, s := range b.undone {
		if s.want == "" && !now.Before(s.ends) {
			if t := truth(s.planned); t.Ended {
				s.want = peers.Ending(s.Payment, t)
			}
		}
		if s.want == "" || s.status != s.want {
			still = append(still, s)
			continue
		}
		s.done = true
		b.count(s, 0, 1)
	}
	clear(b.undone[len(still):]) // else they would be kept alive
	b.undone = still
}

// read copies the counts.
func (b *board) read() boardCounts {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.counts
	c.byStatus, c.byProvider = maps.Clone(c.byStatus), maps.Clone(c.byProvider)
	return c
}
