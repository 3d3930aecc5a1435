package invariant

import (
	"cmp"
	"slices"
	"time"
)

// moment is an ask's arrival or its end.
type moment struct {
	at   time.Time
	ask  int
	ends bool
}

// inOrder sorts moments. At one instant an end comes before arrivals, since the
// answer may have led to the next ask; but not before its own ask's.
func inOrder(asks []Ask) func(a, b moment) int {
	later := func(m moment) int {
		if m.ends && asks[m.ask].Arrived.Before(m.at) {
			return 0
		}
		return 1
	}
	ends := func(m moment) int {
		if m.ends {
			return 1
		}
		return 0
	}
	return func(a, b moment) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(later(a), later(b)), cmp.Compare(a.ask, b.ask), cmp.Compare(ends(a), ends(b)))
	}
}

// breaker is what the ledger shows of a fleet's breakers: since so many failures
// have ended without a success that one of them must have opened.
type breaker struct {
	limits    Limits
	failures  int
	succeeded time.Time
	// open is since when a breaker is open at the latest; zero: it need not be.
	open time.Time
	// probes are those in hand; next is before when there may be no other one,
	// zero where the ledger does not show it; failed counts those that failed.
	probes map[int]bool
	next   time.Time
	failed int
}

// judgeProbes judges what is asked while a breaker must be open: one ask at a
// time, each after the reopen time that the failure of the one before calls for.
func (j *judge) judgeProbes(l Limits, asks []Ask) {
	if l.Failures <= 0 || len(l.Reopen) == 0 {
		return
	}
	var moments []moment
	for i, a := range asks {
		moments = append(moments, moment{at: a.Arrived, ask: i})
		if !a.Ended.IsZero() {
			moments = append(moments, moment{at: a.Ended, ask: i, ends: true})
		}
	}
	slices.SortFunc(moments, inOrder(asks))
	b := breaker{limits: l, probes: map[int]bool{}}
	for _, m := range moments {
		if m.ends {
			b.end(m, asks[m.ask].Outcome)
		} else if wrong := b.arrive(m); wrong != "" {
			j.fault(7, key{}, "account %q was asked %s at %s", l.Account, wrong, stamp(m.at))
		}
	}
}

// arrive says what is wrong with an ask, or nothing.
func (b *breaker) arrive(m moment) string {
	if b.open.IsZero() || !m.at.After(b.open.Add(b.limits.Notice)) {
		return ""
	}
	early := !b.next.IsZero() && m.at.Before(b.next.Add(-b.limits.Notice))
	others := len(b.probes)
	b.probes[m.ask] = true
	switch {
	case others > 0:
		return "beside another probe while its breaker was open"
	case early:
		return "before its breaker may have reopened"
	}
	return ""
}

func (b *breaker) end(m moment, outcome AskOutcome) {
	probe := b.probes[m.ask]
	delete(b.probes, m.ask)
	switch {
	case outcome == AskSucceeded:
		*b = breaker{limits: b.limits, succeeded: m.at, probes: b.probes}
	case probe && outcome == AskFailed:
		b.failed++
		b.next = m.at.Add(b.limits.Reopen[min(b.failed, len(b.limits.Reopen)-1)])
	case probe:
		b.next = time.Time{} // it said nothing, so another may follow at once
	case outcome == AskFailed && b.open.IsZero() && m.at.After(b.succeeded.Add(b.limits.Notice)):
		if b.failures++; b.failures > b.limits.Workers*(b.limits.Failures-1) {
			b.open = m.at
		}
	}
}
