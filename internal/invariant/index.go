package invariant

import (
	"cmp"
	"fmt"
	"slices"

	"reconciler/internal/payment"
)

// key is a payment's identity.
type key struct{ merchant, payment string }

func (k key) String() string {
	if k == (key{}) {
		return ""
	}
	return k.merchant + "/" + k.payment
}

// entry is one event that could be read.
type entry struct {
	Event
	data payment.Data
	id   string // what the id has to be
}

// record is what belongs to one payment.
type record struct {
	key
	entries []*entry // in stream order, at least one
	looks   []Look
	polls   []Pending
}

func (r *record) last() payment.Data { return r.entries[len(r.entries)-1].data }

// judge is one run of Check: the history, indexed, and what was found.
type judge struct {
	h        History
	records  []*record // in order of first appearance
	payments map[key]*record
	// events finds events by their stored id; broken ones are nil.
	events map[string]*entry
	found  []Violation
}

func newJudge(h History) *judge {
	j := &judge{h: h, payments: map[key]*record{}, events: make(map[string]*entry, len(h.Events))}
	events := slices.Clone(h.Events)
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.Seq, b.Seq) })
	for _, e := range events {
		j.addEvent(e)
	}
	for _, l := range h.Looks {
		if r := j.payments[key{l.Merchant, l.Payment}]; r != nil {
			r.looks = append(r.looks, l)
		}
	}
	for _, p := range h.Pending {
		if r := j.payments[key{p.Merchant, p.Payment}]; r != nil && p.Kind == KindPoll {
			r.polls = append(r.polls, p)
		}
	}
	return j
}

// addEvent reads an event. One that can't be read is a violation of its own and
// takes no part in the other rules.
func (j *judge) addEvent(e Event) {
	parsed, err := payment.ParseEvent(e.Body)
	if err != nil {
		if _, ok := j.events[e.ID]; !ok {
			j.events[e.ID] = nil
		}
		j.fault(2, key{e.Merchant, e.Payment}, "event at sequence %d can't be read: %v", e.Seq, err)
		return
	}
	d := parsed.Data
	n := &entry{Event: e, data: d, id: parsed.ID()}
	if j.events[e.ID] == nil {
		j.events[e.ID] = n
	}
	k := key{d.MerchantID, d.PaymentID}
	r := j.payments[k]
	if r == nil {
		r = &record{key: k}
		j.payments[k] = r
		j.records = append(j.records, r)
	}
	r.entries = append(r.entries, n)
}

func (j *judge) fault(rule int, k key, format string, args ...any) {
	j.found = append(j.found, Violation{Rule: rule, Payment: k.String(), Detail: fmt.Sprintf(format, args...)})
}
