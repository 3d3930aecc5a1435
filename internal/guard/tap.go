package guard

import (
	"errors"
	"fmt"
	"time"

	"github.com/sony/gobreaker/v2"
)

// The errors gobreaker is told; nobody else sees them.
var (
	errFailed  = errors.New("failed")
	errNothing = errors.New("says nothing")
)

// windowParts is in how many parts the window rolls on.
const windowParts = 10

// jitterPart: a reopen time is lengthened by up to this part of it.
const jitterPart = 5

// tap is the breaker with its reopen times, and the throttle. The guard's mutex
// protects it.
type tap struct {
	options Options
	pace    *pace
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]

	// generation counts the breaker's changes. A permit of an earlier one may not
	// begin a call, and the result of a call begun in one does not count.
	generation uint64
	// tripped: gobreaker is open or half-open.
	tripped bool
	// probe is half-open's one permit, while it is out.
	probe *Permit
	// streak is failures in a row. Closing takes a success, which ends it.
	streak uint32
	// forced makes the next failure trip; it is only set while one is reported.
	forced bool
	// reason says why the breaker opened last.
	reason string
	opened uint64
	// rung is the place in the table of reopen times.
	rung int

	// heldUntil keeps half-open shut for another guard's probe.
	heldUntil                   time.Time
	openedAt, reopenAt          time.Time
	closedAt                    time.Time // zero: never opened
	throttledAt, throttledUntil time.Time
}

func newTap(o Options, p *pace) *tap {
	t := &tap{options: o, pace: p}
	t.breaker = t.newBreaker()
	return t
}

func (t *tap) newBreaker() *gobreaker.TwoStepCircuitBreaker[struct{}] {
	window := t.options.Window
	if t.options.Ratio == 0 {
		window = time.Minute // nobody asks for the counts; it only must be valid
	}
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:         t.options.Name,
		MaxRequests:  1,
		Interval:     window,
		BucketPeriod: window / windowParts,
		// Over long before the tap reopens. Not 0: that would mean a minute.
		Timeout:       time.Nanosecond,
		ReadyToTrip:   t.readyToTrip,
		OnStateChange: t.onStateChange,
		IsExcluded:    func(err error) bool { return err == errNothing },
	})
}

// readyToTrip decides on a failure while closed.
func (t *tap) readyToTrip(c gobreaker.Counts) bool {
	// Not c.Requests: it includes calls under way and calls that said nothing.
	judged := c.TotalSuccesses + c.TotalFailures
	switch o := t.options; {
	case t.forced:
		return true
	case o.Consecutive > 0 && t.streak >= o.Consecutive:
		t.reason = fmt.Sprintf("%d failures in a row", t.streak)
		return true
	case o.Ratio > 0 && judged >= o.MinRequests && float64(c.TotalFailures) >= o.Ratio*float64(judged):
		t.reason = fmt.Sprintf("%d of %d calls failed within %v", c.TotalFailures, judged, o.Window)
		return true
	}
	return false
}

func (t *tap) onStateChange(_ string, from, to gobreaker.State) {
	t.generation++
	t.pace.reserved = 0
	// Not the instant of the operation under way but a later one: gobreaker's own
	// timeout began before it, and so is over at reopenAt whatever happens.
	now := time.Now()
	switch to {
	case gobreaker.StateOpen:
		t.heldUntil = time.Time{}
		t.open(from, now)
	case gobreaker.StateClosed:
		t.heldUntil = time.Time{}
		t.tripped = false
		t.closedAt = now
		t.pace.begin(now)
	}
}

// open chooses the reopen time. A closing lasted if it outlived the ramp and
// the time the tap had been closed before; one that did not is a failed probe
// that was found out late.
func (t *tap) open(from gobreaker.State, now time.Time) {
	if from == gobreaker.StateHalfOpen && !t.forced {
		t.reason = "the probe failed"
	}
	lasting := max(t.options.Ramp, t.reopenAt.Sub(t.openedAt))
	if from == gobreaker.StateClosed && (t.closedAt.IsZero() || now.Sub(t.closedAt) >= lasting) {
		t.rung = 0
	} else {
		t.rung = min(t.rung+1, len(t.options.Reopen)-1)
	}
	delay := t.options.Reopen[t.rung]
	if t.options.Jitter != nil {
		delay += time.Duration(float64(delay) / jitterPart * t.options.Jitter())
	}
	t.tripped = true
	t.opened++
	t.openedAt, t.reopenAt = now, now.Add(delay)
	t.pace.stop(now)
}

// shutUntil is when the tap opens by itself; an instant that has passed says
// that it has. Half-open counts as open here.
func (t *tap) shutUntil() time.Time {
	if t.tripped && t.reopenAt.After(t.throttledUntil) {
		return t.reopenAt
	}
	return t.throttledUntil
}

// held is the instant until which another guard's probe goes first; one that has
// passed says that there is none.
func (t *tap) held() time.Time {
	if !t.tripped {
		return time.Time{}
	}
	return t.heldUntil
}

// ask tells whether a call may begin now, and turns open into half-open when its
// time has come.
func (t *tap) ask(now time.Time) answer {
	if until := latest(t.shutUntil(), t.held()); now.Before(until) {
		return answer{at: until}
	}
	if t.tripped && (t.probe != nil || t.breaker.State() != gobreaker.StateHalfOpen) {
		return answer{}
	}
	return answer{ok: true}
}

func (t *tap) admit(p *Permit) {
	if t.tripped {
		t.probe = p
	}
}

// live tells whether a permit may begin its call.
func (t *tap) live(p *Permit, now time.Time) bool {
	return p.generation == t.generation && !now.Before(t.throttledUntil)
}

// report counts a result. The call began in this generation.
func (t *tap) report(p *Permit, r Result) {
	switch r.outcome {
	case success:
		t.streak = 0
		p.report(nil)
	case failure:
		t.streak++
		p.report(errFailed)
	case open:
		t.forced, t.reason = true, r.reason
		p.report(errFailed)
		t.forced = false
	default:
		p.report(errNothing)
	}
}

// throttle closes the tap for d, or for the first reopen time where the other
// side did not say how long. It never shortens; false: that was known already.
func (t *tap) throttle(now time.Time, d time.Duration) bool {
	if d <= 0 {
		d = t.options.Reopen[0]
	}
	return t.throttleUntil(now.Add(d), now)
}

// throttleUntil is throttle with the instant; one that has passed changes nothing.
func (t *tap) throttleUntil(until, now time.Time) bool {
	until = earliest(until, now.Add(LongestThrottle))
	if !until.After(now) || !until.After(t.throttledUntil) {
		return false
	}
	if !now.Before(t.throttledUntil) {
		t.throttledAt = now
	}
	t.throttledUntil = until
	return true
}
