package invariant

import (
	"slices"
	"time"
)

// AskOutcome is what an ask means for the breaker of an account.
type AskOutcome int

// The outcomes.
const (
	// AskSaysNothing: refused, throttled or unreadable.
	AskSaysNothing AskOutcome = iota
	// AskSucceeded: the provider spoke, be it to say that it knows nothing.
	AskSucceeded
	// AskFailed: no answer at all, or an error of the provider's own (5xx).
	AskFailed
)

// Ask is one request in a provider's ledger, whatever it was for: what a limit
// counts. An ask made anew because its token or session was refused has the
// first one's permit: leave one of the two out.
type Ask struct {
	Account string
	Arrived time.Time
	// Ended is when it was answered or the client had gone; zero: still in hand.
	Ended time.Time
	// Credential marks requests for a token or session, one of which serves many
	// calls: rate and concurrency do not count them. Those that waited for one come
	// together, so the rate does not count them either, as far as they may be in hand.
	Credential bool
	Outcome    AskOutcome
}

// Limits are what the workers of a fleet keep to together at one account. A zero
// limit is not judged.
type Limits struct {
	Account string
	// Rate is asks a second, Burst how many may come at once.
	Rate  float64
	Burst int
	// Concurrency is how many asks may be in hand at a time.
	Concurrency int
	// Failures in a row open one worker's breaker, and with it all of them.
	Failures int
	// Reopen is how long it stays open: after the first opening, after the first
	// failed probe and so on, the last one again and again.
	Reopen []time.Duration
	// Workers is the most that ran at a time; 0: one. Each counts failures of its
	// own, and has a place and a token however small its part is.
	Workers int
	// Notice is how far apart two sides may see the same thing: the way of a
	// request, and of news from worker to worker. 0: 250 ms.
	Notice time.Duration
}

func (l Limits) withDefaults() Limits {
	l.Workers = max(l.Workers, 1)
	if l.Notice == 0 {
		l.Notice = 250 * time.Millisecond
	}
	return l
}

// judgeAsks judges the part of rule 7 that needs the limits: rate, concurrency,
// and single probes while a breaker must be open.
func (j *judge) judgeAsks() {
	for _, limits := range j.h.Limits {
		var asks []Ask
		for _, a := range j.h.Asks {
			if a.Account == limits.Account {
				asks = append(asks, a)
			}
		}
		slices.SortStableFunc(asks, func(a, b Ask) int { return a.Arrived.Compare(b.Arrived) })
		l := limits.withDefaults()
		j.judgeRate(l, asks)
		j.judgeConcurrency(l, asks)
		j.judgeProbes(l, asks)
	}
}

// judgeRate is a bucket that asks fill and the rate empties.
func (j *judge) judgeRate(l Limits, asks []Ask) {
	if l.Rate <= 0 {
		return
	}
	most := float64(max(l.Burst, l.Workers)) + l.Rate*l.Notice.Seconds()
	level, last := 0.0, time.Time{}
	waiting := newWaiting(l, asks)
	for _, a := range asks {
		if a.Credential || waiting.had(a) {
			continue
		}
		level = max(0, level-l.Rate*a.Arrived.Sub(last).Seconds()) + 1
		last = a.Arrived
		if level > most+1e-6 {
			j.fault(7, key{}, "account %q was asked above its rate at %s", l.Account, stamp(a.Arrived))
			level = most // one ask too many is one violation
		}
	}
}

// waiting finds the looks that a token or session held up. Each was let through
// at its time while that was fetched, and asks as soon as it is there, together
// with the others that waited: as many as may be in hand.
type waiting struct {
	limits Limits
	// fetched is when tokens and sessions came, ascending; only the first can still
	// be somebody's, and asked is how many it let ask.
	fetched []time.Time
	asked   int
}

func newWaiting(l Limits, asks []Ask) *waiting {
	w := &waiting{limits: l}
	for _, a := range asks {
		if a.Credential && a.Outcome == AskSucceeded && !a.Ended.IsZero() {
			w.fetched = append(w.fetched, a.Ended)
		}
	}
	slices.SortFunc(w.fetched, time.Time.Compare)
	return w
}

// had reports whether an ask may be one of theirs. It wants asks in their order.
func (w *waiting) had(a Ask) bool {
	for len(w.fetched) > 0 && (a.Arrived.After(w.fetched[0].Add(w.limits.Notice)) || len(w.fetched) > 1 && !a.Arrived.Before(w.fetched[1])) {
		w.fetched, w.asked = w.fetched[1:], 0
	}
	if len(w.fetched) == 0 || a.Arrived.Before(w.fetched[0]) || w.limits.Concurrency > 0 && w.asked >= w.limits.Concurrency {
		return false
	}
	w.asked++
	return true
}

func (j *judge) judgeConcurrency(l Limits, asks []Ask) {
	if l.Concurrency <= 0 {
		return
	}
	var ends []time.Time // of the asks in hand, ascending
	for _, a := range asks {
		if a.Credential {
			continue
		}
		for len(ends) > 0 && !ends[0].After(a.Arrived) {
			ends = ends[1:]
		}
		end := a.Ended.Add(-l.Notice)
		if a.Ended.IsZero() {
			end = j.h.Now
		}
		at, _ := slices.BinarySearchFunc(ends, end, time.Time.Compare)
		ends = slices.Insert(ends, at, end)
		if most := max(l.Concurrency, l.Workers); len(ends) > most {
			j.fault(7, key{}, "account %q had %d asks in hand at %s, its limit is %d", l.Account, len(ends), stamp(a.Arrived), most)
		}
	}
}
