package guard

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Guard protects one remote party. Make it with New.
type Guard struct {
	options Options
	born    time.Time

	// mu protects all that follows. It is never held over a channel, a callback
	// or a wait; gobreaker is only called with it held.
	mu    sync.Mutex
	pace  *pace
	inUse int
	tap   *tap
	// sharing counts how often the guard's part of the limits became smaller.
	sharing uint64
	// line is who waits, in the order of arrival. Only its first asks the gates
	// and holds a timer, so that one token wakes one waiter and not all.
	line []*waiter
	// shut is what Closed gave to permits that may still begin a call; nil until
	// one asks.
	shut chan struct{}

	// reported is the state OnChange was last told of; changes is what it is yet
	// to be told, by the one goroutine that set delivering.
	reported   State
	changes    []Change
	delivering bool
	// prolonged is that OnProlonged is yet to be told.
	prolonged bool
}

// waiter is one Acquire in line.
type waiter struct{ wake chan struct{} }

// Acquire is the tap: it blocks until a call may be made, then gives the permit
// for one. Ask before the work is pulled. Half-open it gives one permit at a
// time. The only error is the end of ctx, which can be found in it.
func (g *Guard) Acquire(ctx context.Context) (*Permit, error) {
	var w *waiter
	for {
		if err := ctx.Err(); err != nil {
			g.leave(w)
			return nil, fmt.Errorf("wait for a permit of %s: %w", g.options.Name, err)
		}
		permit, at, inLine := g.attempt(w)
		if permit != nil {
			return permit, nil
		}
		w = inLine
		w.wait(ctx, at)
	}
}

// TryAcquire gives a permit if one can be had without waiting and nobody is in
// line: further ones after Acquire gave the first. Half-open it gives none, so
// that the probe is always somebody's who asked for one.
func (g *Guard) TryAcquire() (*Permit, bool) {
	g.mu.Lock()
	now := time.Now()
	if len(g.line) > 0 || g.tap.tripped {
		g.mu.Unlock()
		return nil, false
	}
	permit, _, _ := g.admit(now)
	g.release(false)
	return permit, permit != nil
}

// Ask is Acquire for who has the work already and would rather put it back than
// wait: it gives a permit at once, half-open too, or the instant before which
// asking again is of no use. Where only another call's end can help, that is a
// time limit from now.
func (g *Guard) Ask() (*Permit, time.Time) {
	g.mu.Lock()
	now := time.Now()
	var permit *Permit
	var at time.Time
	busy := len(g.line) > 0
	if !busy {
		permit, at, busy = g.admit(now)
	}
	g.release(false)
	if later := now.Add(g.options.TimeLimit); busy && later.After(at) {
		at = later
	}
	return permit, at
}

// attempt asks the gates for w, or for a newcomer (nil) if nobody is in line. It
// gives the permit; or w's place in line and when to try again, zero if only a
// wake-up can help.
func (g *Guard) attempt(w *waiter) (*Permit, time.Time, *waiter) {
	g.mu.Lock()
	var permit *Permit
	var at time.Time
	if len(g.line) == 0 || g.line[0] == w {
		var busy bool
		permit, at, busy = g.admit(time.Now())
		if busy {
			at = time.Time{}
		}
	}
	switch {
	case permit != nil && w != nil:
		g.line = slices.Delete(g.line, 0, 1)
	case permit == nil && w == nil:
		w = &waiter{wake: make(chan struct{}, 1)}
		g.line = append(g.line, w)
	}
	g.release(permit != nil)
	return permit, at, w
}

// admit asks the gates in their order and takes all of them or none. Refused, it
// gives the instant before which no gate that waits for time will open, and
// whether a gate waits for something to be given back. The mutex is held.
func (g *Guard) admit(now time.Time) (permit *Permit, at time.Time, busy bool) {
	g.pace.advance(now)
	refused := false
	for _, a := range [...]answer{g.pace.ask(now), g.askPlaces(), g.tap.ask(now)} {
		switch {
		case a.ok:
			continue
		case a.at.IsZero():
			busy = true
		case a.at.After(at):
			at = a.at
		}
		refused = true
	}
	if refused {
		return nil, at, busy
	}
	g.pace.reserved++
	g.inUse++
	permit = &Permit{guard: g, generation: g.tap.generation, sharing: g.sharing}
	g.tap.admit(permit)
	g.note(now)
	return permit, time.Time{}, false
}

// answer is what a gate says: pass, not before an instant, or (zero) not before
// something is given back.
type answer struct {
	ok bool
	at time.Time
}

// askPlaces is the concurrency limit, which the ramp narrows where there is no
// rate to narrow.
func (g *Guard) askPlaces() answer {
	places := max(1, g.options.Concurrency/g.pace.sharers)
	var border time.Time
	if g.options.Rate == 0 {
		places = g.pace.part(g.options.Concurrency)
		border = g.pace.border()
	}
	if g.inUse < places {
		return answer{ok: true}
	}
	return answer{at: border}
}

// leave takes w out of line. If it was woken in vain, the next one is.
func (g *Guard) leave(w *waiter) {
	if w == nil {
		return
	}
	g.mu.Lock()
	g.line = slices.DeleteFunc(g.line, func(other *waiter) bool { return other == w })
	g.release(true)
}

// release unlocks; then wakes the first in line, if something changed that it
// may wait for, and tells what changed.
func (g *Guard) release(wake bool) {
	var first *waiter
	if wake && len(g.line) > 0 {
		first = g.line[0]
	}
	deliver := len(g.changes) > 0 && !g.delivering
	if deliver {
		g.delivering = true
	}
	prolonged := g.prolonged && g.options.OnProlonged != nil
	g.prolonged = false
	g.mu.Unlock()
	if first != nil {
		first.signal()
	}
	if deliver {
		g.deliver()
	}
	if prolonged {
		g.options.OnProlonged()
	}
}

// signal never blocks: one wake-up in store is as good as two, since who is
// woken asks all gates anew.
func (w *waiter) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// wait returns at an instant (zero: none), when woken, or when ctx ends.
func (w *waiter) wait(ctx context.Context, at time.Time) {
	var due <-chan time.Time
	if !at.IsZero() {
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
	case <-w.wake:
	case <-ctx.Done():
	}
}
