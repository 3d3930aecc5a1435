package invariant

import (
	"slices"
	"time"

	"reconciler/internal/payment"
)

// GiveUp is when an account gives a payment up that is not decided. Accounts that
// are not named are not judged by it.
type GiveUp struct {
	Account string
	// After is the least time for which the provider must have been watched while it
	// answered. Longest is the most that lies between two looks: what is more was
	// an outage or a closed tap, and counts for nothing.
	After, Longest time.Duration
	// AbsenceFinal says that the provider's "not found" ends a payment: at the end of
	// its watch or, AfterExpiry, once the payer's time is over and Grace is past.
	AbsenceFinal, AfterExpiry bool
	Grace                     time.Duration
}

// WebhookLimits are how merchants are waited for.
type WebhookLimits struct {
	// Attempts is how many there are before a webhook is given up.
	Attempts int
	// RetryAfter is the longest Retry-After that is kept to.
	RetryAfter time.Duration
	// InFlight is how long an attempt may be under way: what was sent before an
	// answer was known is nobody's fault.
	InFlight time.Duration
}

// judgeGiveUps judges that nobody was given up too early: neither by time that
// passed while the provider did not answer, nor by an absence that says nothing.
func (j *judge) judgeGiveUps(r *record) {
	of := slices.IndexFunc(j.h.GiveUps, func(g GiveUp) bool { return g.Account == r.last().Account })
	if of < 0 || j.h.Without.Looks {
		return
	}
	g := j.h.GiveUps[of]
	for _, e := range r.entries {
		d := e.data
		if d.Trigger != payment.TriggerGiveUp {
			continue
		}
		switch {
		case d.Status == payment.Expired && !g.AbsenceFinal:
			j.fault(3, r.key, "version %d: expired, though the absence of a payment says nothing at account %q", d.Version, g.Account)
		case d.Status == payment.Expired && g.AfterExpiry:
			if ends, ok := j.expires(r.key); !ok || d.ObservedAt.Before(ends.Add(g.Grace)) {
				j.fault(3, r.key, "version %d: expired before the payer's time and %s were over", d.Version, g.Grace)
			}
		case d.Status == payment.Expired, d.Status == payment.Unknown:
			if watched := r.watched(d.ObservedAt, g.Longest); watched < g.After {
				j.fault(8, r.key, "version %d: given up after its provider was watched for %s, not %s", d.Version, watched.Round(time.Second), g.After)
			}
		}
	}
}

// expires is when the payer's time runs out, by the created event.
func (j *judge) expires(k key) (time.Time, bool) {
	for _, in := range j.h.Created {
		c, err := payment.ParseCreated(in.Body, in.Time)
		if err == nil && c.MerchantID == k.merchant && c.PaymentID == k.payment && !c.ExpiresAt.IsZero() {
			return c.ExpiresAt, true
		}
	}
	return time.Time{}, false
}

// watched is the time that passed up to looks that were answered, as far as a gap
// between two looks is one of the cadence. It is counted from the payment's
// beginning, for a give-up clock does not begin again with a change.
func (r *record) watched(until time.Time, longest time.Duration) time.Duration {
	var sum time.Duration
	last := r.entries[0].Time
	for _, l := range r.looks {
		if l.AskedAt.After(until) {
			break
		}
		if !l.Faulty {
			sum += min(l.AskedAt.Sub(last), longest)
		}
		last = l.AskedAt
	}
	return sum
}

// judgePatience judges how merchants were waited for, as far as it was known: that
// an attempt was recorded, and ended before the next one began.
func (j *judge) judgePatience() {
	if j.h.Webhooks.Attempts == 0 || j.h.Without.Receipts {
		return
	}
	recorded := map[route][]Attempt{}
	tried := map[route]bool{} // given up for that reason
	for _, d := range j.h.Dead {
		if d.Endpoint != "" && d.Reason == ReasonExhausted {
			tried[route{d.Merchant, d.Endpoint, payment.EventID(d.Merchant, d.Payment, d.Version)}] = true
		}
	}
	for _, a := range j.h.Attempts {
		way := route{a.Merchant, a.Endpoint, a.EventID}
		recorded[way] = append(recorded[way], a)
		if a.Outcome == OutcomeFailed && !a.Replay && len(recorded[way]) == j.h.Webhooks.Attempts {
			j.fault(5, key{a.Merchant, a.Payment}, "version %d: still not given up at endpoint %q after %d attempts", a.Version, a.Endpoint, len(recorded[way]))
		}
		if a.Outcome == OutcomeExhausted && !a.Replay && tried[way] {
			j.judgeExhausted(recorded[way])
		}
	}
	byRoute := map[route][]Receipt{}
	gone := map[route]Receipt{}
	for _, r := range j.h.Receipts {
		if r.Replay {
			continue
		}
		way := route{r.Merchant, r.Endpoint, r.EventID}
		j.judgeWait(byRoute[way], r, recorded[way])
		byRoute[way] = append(byRoute[way], r)
		to := route{merchant: r.Merchant, endpoint: r.Endpoint}
		if g, ok := gone[to]; ok && r.Time.After(g.Time.Add(j.h.Webhooks.InFlight)) {
			j.fault(5, j.keyOf(r.EventID), "endpoint %q was asked at %s, though it had said at %s that it is gone", r.Endpoint, stamp(r.Time), stamp(g.Time))
		}
		if _, ok := gone[to]; !ok && r.Gone && slices.ContainsFunc(recorded[way], func(a Attempt) bool { return !a.Time.Before(r.Time) }) {
			gone[to] = r
		}
	}
}

// judgeExhausted judges that a webhook was tried as often as it has to be.
func (j *judge) judgeExhausted(attempts []Attempt) {
	a := attempts[len(attempts)-1]
	tried := 0
	for _, other := range attempts {
		if other.Outcome == OutcomeFailed || other.Outcome == OutcomeExhausted {
			tried++
		}
	}
	if tried < j.h.Webhooks.Attempts {
		j.fault(5, key{a.Merchant, a.Payment}, "version %d: given up at endpoint %q after %d attempts, not %d", a.Version, a.Endpoint, tried, j.h.Webhooks.Attempts)
	}
}

// judgeWait judges one request by the answers that the ones before it got.
func (j *judge) judgeWait(before []Receipt, r Receipt, recorded []Attempt) {
	if len(before) == 0 {
		return
	}
	last := before[len(before)-1]
	wait := min(last.RetryAfter, j.h.Webhooks.RetryAfter)
	known := slices.ContainsFunc(recorded, func(a Attempt) bool { return !a.Time.Before(last.Time) && a.Time.Before(r.Time) })
	if wait > 0 && known && r.Time.Before(last.Time.Add(wait-time.Second)) {
		j.fault(5, j.keyOf(r.EventID), "endpoint %q was asked again at %s, %s before its Retry-After was over", r.Endpoint, stamp(r.Time), last.Time.Add(wait).Sub(r.Time).Round(time.Second))
	}
}

// keyOf is the payment of an event.
func (j *judge) keyOf(event string) key {
	if e := j.events[event]; e != nil {
		return key{e.data.MerchantID, e.data.PaymentID}
	}
	return key{}
}
