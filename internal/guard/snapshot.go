package guard

import (
	"fmt"
	"time"
)

// State is what a guard's tap does at an instant.
type State int

// The states: a closed set.
const (
	// StateClosed: the breaker is closed, calls go through.
	StateClosed State = iota + 1
	// StateOpen: the breaker is open, no call goes through until ReopensAt.
	StateOpen
	// StateHalfOpen: one call at a time, to see.
	StateHalfOpen
	// StateThrottled: the party asked us to wait; no call until ReopensAt.
	StateThrottled
	// StateRamping: closed again, not yet at the full rate.
	StateRamping
)

// States lists the closed set.
func States() []State {
	return []State{StateClosed, StateOpen, StateHalfOpen, StateThrottled, StateRamping}
}

// String is the state's name in logs, metrics and screens.
func (s State) String() string {
	names := [...]string{
		StateClosed: "closed", StateOpen: "open", StateHalfOpen: "half_open",
		StateThrottled: "throttled", StateRamping: "ramping",
	}
	if s < StateClosed || int(s) >= len(names) {
		return fmt.Sprintf("state(%d)", int(s))
	}
	return names[s]
}

// Change is one change of state. What time alone changes is told at the guard's
// next use, with the instant at which it became true; of several such changes
// in between only the last one is told.
type Change struct {
	Name     string
	From, To State
	At       time.Time
	// Reason says why the breaker opened last; only when To is StateOpen.
	Reason string
	// ReopensAt is set when To is StateOpen or StateThrottled.
	ReopensAt time.Time
}

// Snapshot is a guard at an instant, for screens and metrics.
type Snapshot struct {
	Name  string
	State State
	// Since is when the state began.
	Since time.Time
	// ReopensAt is when the tap opens by itself; zero unless open or throttled.
	ReopensAt time.Time
	// Reason says why the breaker opened last; empty if it never did.
	Reason string
	// Opened is how many times it did.
	Opened uint64
	// InUse of Concurrency permits are out, Waiting callers wait for one.
	InUse, Concurrency, Waiting int
	// Rate is the calls per second allowed now; 0: no limit.
	Rate float64
	// Successes and Failures are of calls begun within the window, since the
	// breaker last changed; InARow is the failures since the last success.
	Successes, Failures, InARow uint32
}

// Snapshot gives the guard as it is now. It changes nothing.
func (g *Guard) Snapshot() Snapshot {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.pace.advance(now)
	if !g.tap.tripped {
		g.tap.breaker.State() // rolls the window on; Counts alone does not
	}
	counts := g.tap.breaker.Counts()
	state, since := g.state(now)
	s := Snapshot{
		Name: g.options.Name, State: state, Since: since, Reason: g.tap.reason, Opened: g.tap.opened,
		InUse: g.inUse, Concurrency: g.options.Concurrency, Waiting: len(g.line),
		Successes: counts.TotalSuccesses, Failures: counts.TotalFailures, InARow: g.tap.streak,
	}
	if g.pace.limiter != nil {
		s.Rate = float64(g.pace.limiter.Limit())
	}
	if state == StateOpen || state == StateThrottled {
		s.ReopensAt = g.tap.shutUntil()
	}
	return s
}

// state is the state at an instant and when it began. The mutex is held.
func (g *Guard) state(now time.Time) (State, time.Time) {
	t := g.tap
	rampEnd := t.closedAt.Add(g.options.Ramp)
	switch {
	case t.tripped && now.Before(t.reopenAt):
		return StateOpen, t.openedAt
	case now.Before(t.throttledUntil) && t.tripped:
		return StateThrottled, latest(t.throttledAt, t.reopenAt)
	case now.Before(t.throttledUntil):
		return StateThrottled, t.throttledAt
	case t.tripped:
		return StateHalfOpen, latest(t.reopenAt, t.throttledUntil)
	case !t.closedAt.IsZero() && now.Before(rampEnd):
		return StateRamping, latest(t.closedAt, t.throttledUntil)
	case !t.closedAt.IsZero():
		return StateClosed, latest(rampEnd, t.throttledUntil)
	}
	return StateClosed, latest(g.born, t.throttledUntil)
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// note puts a change of state down for OnChange. The mutex is held.
func (g *Guard) note(now time.Time) {
	state, since := g.state(now)
	if state == g.reported {
		return
	}
	c := Change{Name: g.options.Name, From: g.reported, To: state, At: since}
	if state == StateOpen {
		c.Reason = g.tap.reason
	}
	if state == StateOpen || state == StateThrottled {
		c.ReopensAt = g.tap.shutUntil()
	}
	g.reported = state
	if g.options.OnChange != nil {
		g.changes = append(g.changes, c)
	}
}

// deliver tells what is put down. One goroutine at a time does it, so that
// changes are told in order without a lock; what others put down meanwhile, it
// tells too.
func (g *Guard) deliver() {
	for {
		g.mu.Lock()
		if len(g.changes) == 0 {
			g.delivering = false
			g.mu.Unlock()
			return
		}
		next := g.changes[0]
		g.changes = g.changes[1:]
		g.mu.Unlock()
		g.options.OnChange(next)
	}
}
