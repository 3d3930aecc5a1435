package invariant

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"reconciler/internal/payment"
)

// route is one event's way to one endpoint.
type route struct{ merchant, endpoint, event string }

// deliveries is what became of the webhooks.
type deliveries struct {
	endpoints map[string][]Endpoint // by merchant
	first     map[route]arrival     // of delivered receipts that were no replays
	taken     map[route]bool        // by the merchants' ledgers or, Without them, the log
	givenUp   map[route]bool
	skipped   map[route]bool
	replayed  map[route]bool // by the webhook log
}

// arrival orders receipts: by time, then as the ledger has them.
type arrival struct {
	at    time.Time
	index int
}

func (a arrival) before(b arrival) bool {
	return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.index, b.index)) < 0
}

// judgeWebhooks judges rule 5.
func (j *judge) judgeWebhooks() {
	w := deliveries{
		endpoints: map[string][]Endpoint{}, first: map[route]arrival{},
		taken: map[route]bool{}, givenUp: map[route]bool{}, skipped: map[route]bool{}, replayed: map[route]bool{},
	}
	for _, p := range j.h.Endpoints {
		w.endpoints[p.Merchant] = append(w.endpoints[p.Merchant], p)
	}
	for i, receipt := range j.h.Receipts {
		j.judgeReceipt(&w, receipt, i)
	}
	for _, d := range j.h.Dead {
		if d.Endpoint != "" && d.Reason != "" && d.Reason != ReasonForged {
			w.givenUp[route{d.Merchant, d.Endpoint, payment.EventID(d.Merchant, d.Payment, d.Version)}] = true
		}
	}
	for _, a := range j.h.Attempts {
		j.judgeAttempt(&w, a)
	}
	j.judgeReplays(&w)
	for _, r := range j.records {
		for _, p := range w.endpoints[r.merchant] {
			j.judgeDeliveries(&w, r, p)
		}
	}
}

func (w *deliveries) endpoint(merchant, id string) (Endpoint, bool) {
	for _, p := range w.endpoints[merchant] {
		if p.ID == id {
			return p, true
		}
	}
	return Endpoint{}, false
}

func (j *judge) judgeReceipt(w *deliveries, receipt Receipt, index int) {
	e, known := j.events[receipt.EventID]
	if !known {
		j.fault(5, key{}, "endpoint %q got a webhook %q that is no event", receipt.Endpoint, receipt.EventID)
		return
	}
	if e == nil {
		return // an unreadable event, named by rule 2
	}
	k := key{e.data.MerchantID, e.data.PaymentID}
	if !receipt.Verified {
		j.fault(5, k, "version %d: endpoint %q got it with a wrong signature", e.data.Version, receipt.Endpoint)
	}
	if !bytes.Equal(receipt.Body, e.Body) {
		j.fault(5, k, "version %d: endpoint %q got another body", e.data.Version, receipt.Endpoint)
	}
	p, ok := w.endpoint(receipt.Merchant, receipt.Endpoint)
	switch {
	case e.data.MerchantID != receipt.Merchant:
		j.fault(5, k, "version %d: is at endpoint %q of merchant %q", e.data.Version, receipt.Endpoint, receipt.Merchant)
	case !ok:
		j.fault(5, k, "version %d: is at endpoint %q, which nobody configured", e.data.Version, receipt.Endpoint)
	case !wants(p, e.data.Status):
		j.fault(5, k, "version %d: %s is at endpoint %q, which does not want it", e.data.Version, e.data.Status, receipt.Endpoint)
	}
	if receipt.Verified && receipt.Delivered {
		way, now := route{receipt.Merchant, receipt.Endpoint, receipt.EventID}, arrival{receipt.Time, index}
		w.taken[way] = true
		if first, ok := w.first[way]; !receipt.Replay && (!ok || now.before(first)) {
			w.first[way] = now
		}
	}
}

// judgeReplays judges that what was called a replay is one by the log: else a
// worker could free itself of the order by a header.
func (j *judge) judgeReplays(w *deliveries) {
	if !j.h.Quiet {
		return // its record may be on its way
	}
	for _, receipt := range j.h.Receipts {
		e := j.events[receipt.EventID]
		if e == nil || !receipt.Replay || w.replayed[route{receipt.Merchant, receipt.Endpoint, receipt.EventID}] {
			continue
		}
		j.fault(5, key{e.data.MerchantID, e.data.PaymentID}, "version %d: endpoint %q got a replay that the webhook log does not hold", e.data.Version, receipt.Endpoint)
	}
}

func (j *judge) judgeAttempt(w *deliveries, a Attempt) {
	k, way := key{a.Merchant, a.Payment}, route{a.Merchant, a.Endpoint, a.EventID}
	e, known := j.events[a.EventID]
	if !known || (e != nil && (e.data.MerchantID != a.Merchant || e.data.PaymentID != a.Payment || e.data.Version != a.Version)) {
		j.fault(5, k, "the webhook log holds an attempt for event %q that is none of its events", a.EventID)
		return
	}
	w.replayed[way] = w.replayed[way] || a.Replay
	switch a.Outcome {
	case OutcomeDelivered:
		if j.h.Without.Receipts {
			w.taken[way] = true
		} else if e != nil && !w.taken[way] {
			j.fault(5, k, "version %d: recorded as delivered, but endpoint %q did not take it", a.Version, a.Endpoint)
		}
	case OutcomeExhausted: // a dead letter has to hold it
	case OutcomeSkipped:
		w.skipped[way] = true
	case OutcomeFailed:
	default:
		j.fault(5, k, "version %d: the webhook log holds the outcome %q", a.Version, a.Outcome)
	}
}

// judgeDeliveries judges one payment's events at one endpoint: all that it is owed
// are there, first deliveries in order. What was given up may come later, by hand.
func (j *judge) judgeDeliveries(w *deliveries, r *record, p Endpoint) {
	var latest arrival
	newest := 0
	for _, e := range byVersion(r.entries) {
		if !wants(p, e.data.Status) {
			continue
		}
		way := route{p.Merchant, p.ID, e.ID}
		gone := w.givenUp[way] || (p.Disabled && w.skipped[way])
		owed := !e.Time.Before(p.Since)
		if !w.taken[way] && !gone && owed && j.h.Quiet {
			j.fault(5, r.key, "version %d: did not reach endpoint %q and is no dead letter", e.data.Version, p.ID)
		}
		first, ok := w.first[way]
		if !ok || gone {
			continue
		}
		if newest > 0 && first.before(latest) {
			j.fault(5, r.key, "version %d: reached endpoint %q before version %d", e.data.Version, p.ID, newest)
			continue
		}
		latest, newest = first, e.data.Version
	}
}

func byVersion(entries []*entry) []*entry {
	ordered := func(a, b *entry) int { return cmp.Compare(a.data.Version, b.data.Version) }
	if slices.IsSortedFunc(entries, ordered) {
		return entries
	}
	entries = slices.Clone(entries)
	slices.SortStableFunc(entries, ordered)
	return entries
}

func wants(p Endpoint, s payment.Status) bool {
	return p.Interested == nil || p.Interested(payment.TypeOf(s))
}
