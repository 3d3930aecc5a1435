package guard

import "time"

// Standing is what a guard knows of its party that the other guards of the same
// party, in other processes, should know too. Its times are absolute, so clocks
// that disagree move a reopening by as much. The zero value: never opened.
type Standing struct {
	// Open: the breaker is open or half-open; else it is closed.
	Open bool
	// Rung is the place in Options.Reopen of the last opening, Reason why it was.
	Rung   int
	Reason string
	// OpenedAt and ReopenAt are the last opening's, ClosedAt is the last closing;
	// zero: there was none.
	OpenedAt, ReopenAt, ClosedAt time.Time
	// ThrottledUntil is the end of the last Retry-After; zero: there was none.
	ThrottledUntil time.Time
}

// SameBreaker reports whether the breaker stands alike in both, whatever the throttle.
func (s Standing) SameBreaker(o Standing) bool {
	return s.Open == o.Open && s.OpenedAt.Equal(o.OpenedAt) && s.ReopenAt.Equal(o.ReopenAt) && s.ClosedAt.Equal(o.ClosedAt)
}

// Standing gives what others should know now.
func (g *Guard) Standing() Standing {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.tap
	return Standing{
		Open: t.tripped, Rung: t.rung, Reason: t.reason,
		OpenedAt: t.openedAt, ReopenAt: t.reopenAt, ClosedAt: t.closedAt, ThrottledUntil: t.throttledUntil,
	}
}

// Adopt makes the breaker stand as another guard of the same party says, as if
// this one had seen it itself: open until the same instant, or closed and on the
// same ramp. Permits that were given before a change of the breaker may not begin
// a call, and the results of calls begun before it do not count. A throttle is only ever
// prolonged. Absurd times are cut to what this guard could have chosen.
func (g *Guard) Adopt(s Standing) {
	g.mu.Lock()
	now := time.Now()
	g.note(now)
	before := g.tap.generation
	g.tap.adopt(s, now)
	g.tell(before, now)
	g.note(now)
	g.release(true)
}

// Throttle closes the tap until an instant, because another guard's call was told
// to come back then. It never shortens.
func (g *Guard) Throttle(until time.Time) {
	g.mu.Lock()
	now := time.Now()
	g.note(now)
	before := g.tap.generation
	g.tap.throttleUntil(until, now)
	g.tell(before, now)
	g.note(now)
	g.release(true)
}

// Hold lets no half-open call begin until an instant: another guard's probe is
// under way, and its result will be adopted. It ends early when the breaker
// changes, and does nothing unless it is open or half-open.
func (g *Guard) Hold(until time.Time) {
	g.mu.Lock()
	if limit := time.Now().Add(longest(g.options)); until.After(limit) {
		until = limit
	}
	g.tap.heldUntil = until
	g.release(true)
}

// Share divides rate, burst and concurrency by the number of guards that protect
// the same party in other processes, this one included; each keeps at least one
// call. Below 1 counts as 1. Where they become more, permits that were given before
// and lie unused may begin no call: they are of the part that is the others' now.
func (g *Guard) Share(guards int) {
	g.mu.Lock()
	guards = max(1, guards)
	if guards > g.pace.sharers {
		g.sharing++
		if g.shut != nil {
			close(g.shut)
			g.shut = nil
		}
	}
	g.pace.share(time.Now(), guards)
	g.release(true)
}

// Ramp gives the ramp that is under way; false: there is none.
func (g *Guard) Ramp() (from, until time.Time, ramping bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.tap.tripped || g.tap.closedAt.IsZero() {
		return time.Time{}, time.Time{}, false
	}
	from = g.tap.closedAt
	until = from.Add(g.options.Ramp)
	return from, until, time.Now().Before(until)
}

// Probe reports whether the permit is half-open's one: its call decides for
// everybody whether the breaker closes. False once the permit has ended or the
// breaker has changed.
func (p *Permit) Probe() bool {
	p.guard.mu.Lock()
	defer p.guard.mu.Unlock()
	return p.guard.tap.probe == p && p.generation == p.guard.tap.generation
}

// longest is the longest time that a guard of these options stays open at once.
func longest(o Options) time.Duration {
	last := o.Reopen[len(o.Reopen)-1]
	return last + last/jitterPart
}

func (t *tap) adopt(s Standing, now time.Time) {
	t.throttleUntil(s.ThrottledUntil, now)
	limit := now.Add(longest(t.options))
	s.ReopenAt, s.ClosedAt = earliest(s.ReopenAt, limit), earliest(s.ClosedAt, limit)
	mine := Standing{Open: t.tripped, OpenedAt: t.openedAt, ReopenAt: t.reopenAt, ClosedAt: t.closedAt}
	if mine.SameBreaker(s) {
		return
	}
	// A new breaker, because the old one may be in any state and has counts of its
	// own; who holds a permit of it is told by the generation.
	t.breaker = t.newBreaker()
	t.streak = 0
	if s.Open {
		t.tripNew()
	} else {
		t.generation++
		t.tripped = false
		t.pace.reserved = 0
		t.pace.resume(s.ClosedAt, now)
	}
	t.probe, t.heldUntil = nil, time.Time{}
	t.rung, t.reason = min(max(s.Rung, 0), len(t.options.Reopen)-1), s.Reason
	t.openedAt, t.reopenAt, t.closedAt = s.OpenedAt, s.ReopenAt, s.ClosedAt
}

// tripNew opens a breaker that was just made.
func (t *tap) tripNew() {
	report, err := t.breaker.Allow()
	if err != nil {
		return // a new breaker is closed
	}
	t.forced = true
	report(errFailed)
	t.forced = false
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
