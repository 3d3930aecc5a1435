package guard

import (
	"context"
	"errors"
	"time"
)

// ErrClosed is the cause of a context whose call must not be made: the tap has
// closed since the permit was given, the limits are shared by more guards than then,
// or the permit has ended.
var ErrClosed = errors.New("the tap has closed since the permit was given")

// ErrTimeLimit is the cause of a context that ended because its call took too
// long; its Err is context.DeadlineExceeded.
var ErrTimeLimit = errors.New("the call's time limit is over")

// Permit is the permission for one call. End it with Done on every path. Its
// methods are safe for concurrent use.
type Permit struct {
	guard      *Guard
	generation uint64
	sharing    uint64

	// The guard's mutex protects these. report is gobreaker's second step; nil
	// until the call begins. refused: the last Context did not let it begin.
	report  func(error)
	refused bool
	ended   bool
}

// outcome is what a call's end means for the guard.
type outcome int

const (
	neutral outcome = iota
	success
	failure
	unused
	open
	throttled
)

// Result is how a call ended, as far as the guard is concerned. The zero value
// is Neutral.
type Result struct {
	outcome outcome
	reason  string
	after   time.Duration
}

// Success: the party does its work, whatever it said.
func Success() Result { return Result{outcome: success} }

// Failure: the party does not do its work. It counts towards opening.
func Failure() Result { return Result{outcome: failure} }

// Neutral: a call was made, but it says nothing about the party's health.
func Neutral() Result { return Result{} }

// Unused: no call was made, or we broke it off ourselves. Everything is given
// back, the token too if no call had begun.
func Unused() Result { return Result{outcome: unused} }

// Open: no further call makes sense until something is mended, such as refused
// credentials. It opens the breaker at once; reason is for screens.
func Open(reason string) Result { return Result{outcome: open, reason: reason} }

// Throttled: the party asked us to come back after retryAfter, at most
// LongestThrottle; 0: it did not say. It closes the tap until then and counts
// nothing.
func Throttled(retryAfter time.Duration) Result { return Result{outcome: throttled, after: retryAfter} }

// Context begins the call: it takes the token and starts the time limit. Call
// the function it returns when the call is over.
//
// If the tap has closed since the permit was given, or a part of the limits was
// given away (Share), the context has ended already, context.Cause gives ErrClosed, and no call may be made: put the work
// back and end the permit as Unused. Any other result is then taken for Unused,
// because no call was made.
func (p *Permit) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	// Where ctx has ended no call will follow, so no token is taken.
	if !p.guard.begin(p, ctx.Err() == nil) {
		closed, end := context.WithCancelCause(ctx)
		end(ErrClosed)
		return closed, func() {}
	}
	return context.WithTimeoutCause(ctx, p.guard.options.TimeLimit, ErrTimeLimit)
}

// Closed is closed as soon as the tap has closed since the permit was given, or a
// part of the limits was given away: to end a wait for work that could not be done any
// more. That the tap opens again later changes nothing.
func (p *Permit) Closed() <-chan struct{} { return p.guard.closed(p) }

// Done ends the permit. The first Done counts; further ones do nothing.
func (p *Permit) Done(r Result) { p.guard.end(p, r) }

func (g *Guard) begin(p *Permit, wanted bool) bool {
	g.mu.Lock()
	now := time.Now()
	ok := wanted && !p.ended && g.live(p, now) && g.commit(p, now)
	p.refused = !ok
	// Its reservation was the last that fits into the bucket, perhaps.
	g.release(ok)
	return ok
}

// live tells whether a permit may begin its call, or go on with it.
func (g *Guard) live(p *Permit, now time.Time) bool {
	return g.tap.live(p, now) && (p.report != nil || p.sharing == g.sharing)
}

// commit takes the token and tells gobreaker that a call begins. The permit is
// of this generation. gobreaker hears of real calls only: a permit that lay
// unused for longer than the window would have its result dropped.
func (g *Guard) commit(p *Permit, now time.Time) bool {
	if p.report != nil {
		return true
	}
	report, err := g.tap.breaker.Allow()
	if err != nil {
		return false
	}
	g.pace.advance(now)
	g.pace.use(now)
	p.report = report
	return true
}

func (g *Guard) closed(p *Permit) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.live(p, time.Now()) {
		over := make(chan struct{})
		close(over)
		return over
	}
	if g.shut == nil {
		g.shut = make(chan struct{})
	}
	return g.shut
}

// tell closes the channel that Closed gave, if the tap has closed since. Only the
// end of a call closes a tap. The mutex is held; closing a channel never waits.
func (g *Guard) tell(before uint64, now time.Time) {
	if g.shut != nil && (g.tap.generation != before || now.Before(g.tap.throttledUntil)) {
		close(g.shut)
		g.shut = nil
	}
}

func (g *Guard) end(p *Permit, r Result) {
	g.mu.Lock()
	if p.ended {
		g.mu.Unlock()
		return
	}
	now := time.Now()
	g.note(now) // what time alone changed must not be told as this result's doing
	before := g.tap.generation
	p.ended = true
	g.inUse--
	if g.tap.probe == p {
		g.tap.probe = nil
	}
	if p.generation == g.tap.generation {
		g.judge(p, r, now)
	}
	if r.outcome == throttled {
		shut := now.Before(g.tap.shutUntil())
		g.prolonged = g.tap.throttle(now, r.after) && shut || g.prolonged
	}
	g.tell(before, now)
	g.note(now)
	g.release(true)
}

// judge gives a permit of this generation back and counts its result.
func (g *Guard) judge(p *Permit, r Result, now time.Time) {
	if p.report == nil && (p.refused || r.outcome == unused) {
		g.pace.reserved--
		return
	}
	// Without Context there was a call all the same, only without a time limit.
	if g.commit(p, now) {
		g.tap.report(p, r)
	}
}
