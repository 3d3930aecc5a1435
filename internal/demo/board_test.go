package demo

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"reconciler/internal/history/peers"
	"reconciler/internal/payment"
	"reconciler/internal/sandbox"
)

func event(id string, s payment.Status) payment.Data {
	return payment.Data{MerchantID: "shop", PaymentID: id, Status: s}
}

// charged is a provider's ledger that says that all lives ended with a charge.
func charged(planned) sandbox.Truth { return sandbox.Truth{Word: sandbox.Charged, Ended: true} }

func TestBoard_CountsWhoIsAtTheEndAsItsProviderSays(t *testing.T) {
	start := time.Date(2026, 2, 3, 10, 0, 0, 0, time.UTC)
	b := newBoard()
	for i, provider := range []string{sandbox.Halyk, sandbox.Uapay, sandbox.Uapay} {
		b.announce(planned{Payment: peers.Payment{ID: fmt.Sprint(i), Merchant: "shop", Provider: provider}, ends: start.Add(time.Duration(i) * time.Second)})
	}
	b.published(event("0", payment.Pending), 2)
	b.published(event("0", payment.Succeeded), 2)
	b.published(event("1", payment.Failed), 1)
	b.published(event("2", payment.Succeeded), 1)
	b.settle(start.Add(time.Second), charged)

	got := b.read()
	if got.announced != 3 || got.done != 1 || got.events != 4 || got.due != 6 {
		t.Errorf("the counts are %+v, want payment 0 done: 1 failed, 2 is not at its end", got)
	}
	if got.byStatus[payment.Succeeded] != 2 || got.byStatus[payment.Failed] != 1 || got.byStatus[payment.Pending] != 0 {
		t.Errorf("by status: %v", got.byStatus)
	}
	if got.byProvider[sandbox.Halyk] != (share{1, 1}) || got.byProvider[sandbox.Uapay] != (share{0, 2}) {
		t.Errorf("by provider: %v", got.byProvider)
	}

	b.published(event("1", payment.Succeeded), 1)
	b.settle(start.Add(2*time.Second), charged)
	if got := b.read(); got.done != 3 || got.byProvider[sandbox.Uapay] != (share{2, 2}) {
		t.Errorf("the counts are %+v, want all done", got)
	}
}

func TestBoard_TakesBackWhoLeavesTheEnd(t *testing.T) {
	b := newBoard()
	b.announce(planned{Payment: peers.Payment{ID: "p", Merchant: "shop", Provider: sandbox.Halyk}})
	for _, c := range []struct {
		status payment.Status
		done   int
	}{{payment.Succeeded, 1}, {payment.Review, 0}, {payment.Succeeded, 1}} {
		b.published(event("p", c.status), 0)
		b.settle(time.Now(), charged)
		if got := b.read(); got.done != c.done || got.byProvider[sandbox.Halyk].done != c.done {
			t.Errorf("after %s: %d done, want %d", c.status, got.done, c.done)
		}
	}
}

func TestBoard_CountsEventsOfPaymentsThatNobodyAnnounced(t *testing.T) {
	b := newBoard()
	b.published(event("stranger", payment.Succeeded), 3)
	if got := b.read(); got.events != 1 || got.due != 3 || got.byStatus[payment.Succeeded] != 0 {
		t.Errorf("the counts are %+v", got)
	}
}

func TestBoard_IsSafeForAnnouncerFollowerAndScreen(t *testing.T) {
	const payments = 200
	b := newBoard()
	var all sync.WaitGroup
	heard := make(chan string, payments)
	all.Go(func() {
		defer close(heard)
		for i := range payments {
			id := fmt.Sprint(i)
			b.announce(planned{Payment: peers.Payment{ID: id, Merchant: "shop", Provider: sandbox.Halyk}})
			heard <- id
		}
	})
	all.Go(func() {
		for id := range heard {
			b.published(event(id, payment.Succeeded), 1)
			b.settle(time.Now(), charged)
		}
	})
	for range payments {
		c := b.read()
		c.byStatus[payment.Failed]++ // a copy
	}
	all.Wait()
	b.settle(time.Now(), charged)
	if got := b.read(); got.done != payments || got.byStatus[payment.Failed] != 0 {
		t.Errorf("the counts are %+v", got)
	}
}
