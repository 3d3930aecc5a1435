package demo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"

	"reconciler/internal/invariant"
	"reconciler/internal/payment"
)

// outcome is a digest of what a demo came to, in hex: equal for equal seeds and
// numbers of payments, wherever the broker is and however fast anything was. For each
// payment in the order of the plan it takes in what was announced, the status it ended
// with, the money taken and given back, what of the way there can't be missed, and
// which endpoints were told of the end.
//
// What a look comes too late to see differs from run to run, so it is left out: how
// often and when anybody looked, open statuses, declines before a late success, and
// the first of two refunds. Where a charge was undone the same day even the charge may
// go unseen. Whether all that is as it must be says the verdict, not the digest.
func (r *run) outcome(h invariant.History) string {
	digest := sha256.New()
	ways, told := r.ways(h), toldOf(h)
	for i, p := range r.plan {
		ways[key{p.Merchant, p.ID}].write(digest, fmt.Sprintf("%d %s %s", i, p.Provider, p.Merchant), told)
	}
	return hex.EncodeToString(digest.Sum(nil))
}

// way is what was published of one payment.
type way struct {
	// statuses has those that were skipped, too.
	statuses []payment.Status
	last     payment.Event
	// due are the endpoints that the last event is due at.
	due []Hook
}

// ways reads the events. One that can't be read is left out: it is a violation.
func (r *run) ways(h invariant.History) map[key]way {
	all := map[key]way{}
	for _, e := range h.Events {
		event, err := payment.ParseEvent(e.Body)
		if err != nil {
			continue
		}
		at := key{event.Data.MerchantID, event.Data.PaymentID}
		w := all[at]
		w.statuses = append(append(w.statuses, event.Data.Implied...), event.Data.Status)
		w.last, w.due = event, r.interested(event)
		all[at] = w
	}
	return all
}

// delivery is an event at an endpoint.
type delivery struct{ merchant, endpoint, event string }

// toldOf is what arrived with a valid signature and was taken.
func toldOf(h invariant.History) map[delivery]bool {
	told := map[delivery]bool{}
	for _, receipt := range h.Receipts {
		if receipt.Delivered && receipt.Verified {
			told[delivery{receipt.Merchant, receipt.Endpoint, receipt.EventID}] = true
		}
	}
	return told
}

func (w way) write(to hash.Hash, announced string, told map[delivery]bool) {
	d := w.last.Data
	var endpoints []string
	for _, hook := range w.due {
		if told[delivery{hook.Merchant, hook.ID, w.last.ID()}] {
			endpoints = append(endpoints, hook.ID)
		}
	}
	slices.Sort(endpoints)
	captured, refunded := w.money()
	// No token holds a space, and nothing is published where statuses are none.
	_, _ = fmt.Fprintf(to, "%s %s | %s %s %s | %s\n", announced, d.Expected, strings.Join(w.certain(), ","), captured, refunded, strings.Join(endpoints, ","))
}

// certain are the statuses that each way to this end goes through: the charge before
// money went back, and the end.
func (w way) certain() []string {
	if len(w.statuses) == 0 {
		return []string{"none"}
	}
	end := w.last.Data.Status
	var all []string
	for _, s := range w.statuses {
		if s == payment.Succeeded && s != end && end != payment.Voided && !slices.Contains(all, string(s)) {
			all = append(all, string(s))
		}
	}
	return append(all, string(end))
}

// money is what the last event says, where its status says anything of money.
func (w way) money() (captured, refunded payment.Money) {
	if d := w.last.Data; d.Status.Paid() || d.Status == payment.Refunded || d.Status == payment.ChargedBack {
		return d.Captured, d.Refunded
	}
	return payment.Money{}, payment.Money{}
}
