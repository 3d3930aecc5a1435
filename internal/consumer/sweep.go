package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/pause"
)

const (
	// sweepInterval is how often the fleet sweeps, and sweepRate how many requests a
	// second it may cost the broker, unless the options say otherwise.
	sweepInterval = 5 * time.Minute
	sweepRate     = 2000
	// overdue is how late a timer is that will not fire any more by itself: the
	// broker looks four times a second.
	overdue = time.Minute
	// settled is how old a payment's last event is before anybody but its own
	// handlers may arm for it. It also keeps a sweep away from a broker that has
	// just started and fires what became due meanwhile.
	settled = time.Minute
	// A sweep ends after this part of its interval, in twentieths, and looks at
	// timers for at most that part where the log is still to be read.
	partOfTimers, partOfAll = 13, 18
	// reading is how many headers of the log cost as much as one request.
	reading = 16
)

// SweepOptions are what a sweeper needs. All fields without "0:" are required.
type SweepOptions struct {
	Broker *broker.Broker
	// Accounts are those whose payments it can watch again; it uses name and policy.
	Accounts []*Account
	// Worker names this process in the lease, for people.
	Worker string
	// Interval is how often the fleet sweeps. 0: every 5 minutes.
	Interval time.Duration
	// Rate is how many requests a second a sweep may make. 0: 2000.
	Rate int
	// Random gives numbers in [0,1) and is safe for concurrent use.
	Random func() float64
	Log    zerolog.Logger
}

// Sweeper finds payments and webhooks that nobody would ever come back to, and
// gives them a timer again:
//
//   - A timer that is overdue by a minute and silent, with nothing on its due
//     subject: a broker that refused the firing (its store was full) never tries
//     again. Of polls and webhooks alike.
//   - A payment that must be watched by the status log and has neither a timer nor
//     a due poll, were RECON_WORK itself deleted. Its watch is made anew from its
//     last event; what the lost timer knew beyond that (the give-up clock, a doubt,
//     the last looks) begins again. A watch that has ended is not begun again, nor
//     is a last look made up for that was to come after the watch's limit.
//
// It arms by compare-and-set, so that it never replaces a timer it has not read,
// and leaves alone what a handler works on: that is a message on its due subject
// until the next timer is armed.
//
// One worker of a fleet sweeps at a time, by a lease with a deadline; a worker that
// is frozen beyond it may still make the one request it was about to make, which
// is refused or harmless. What a sweep can't do in its time the next one goes on
// with, whoever makes it. Memory is bounded by one page of the log.
//
// A webhook job that is gone together with its timer is not found again.
//
// Methods are safe for concurrent use.
type Sweeper struct {
	o        SweepOptions
	accounts map[string]*Account
}

// NewSweeper makes a sweeper. It starts nothing.
func NewSweeper(o SweepOptions) *Sweeper {
	if o.Interval <= 0 {
		o.Interval = sweepInterval
	}
	if o.Rate <= 0 {
		o.Rate = sweepRate
	}
	s := &Sweeper{o: o, accounts: map[string]*Account{}}
	for _, a := range o.Accounts {
		s.accounts[a.Name] = a
	}
	return s
}

// SweepResult counts what one sweep did.
type SweepResult struct {
	// Held: nothing was done, because another worker was sweeping.
	Held bool
	// Timers and Payments were looked at.
	Timers, Payments int
	// Overdue timers were armed again, Missing ones anew.
	Overdue, Missing int
	// Left are timers that are none of ours, and payments without a timer that this
	// worker can't watch: of a newer schema, or of an account it does not have.
	Left int
	// Complete: with this sweep all timers and the whole log were looked at, by one
	// sweep or several.
	Complete bool
}

// errLeaseLost: another worker may sweep by now.
var errLeaseLost = errors.New("the lease of the sweep was lost")

// errNotDue: the last sweep of the fleet was less than an interval ago.
var errNotDue = errors.New("the sweep is not due")

// SweepOnce sweeps now, whenever the last sweep was, for at most most of an
// interval; where Complete is false, calling again goes on. The error says why it
// ended early; what was done until then is counted.
func (s *Sweeper) SweepOnce(ctx context.Context) (SweepResult, error) {
	result, _, err := s.sweep(ctx, true)
	return result, err
}

// Run sweeps whenever it is due for the fleet and no other worker does, until ctx
// ends.
func (s *Sweeper) Run(ctx context.Context) {
	for wait := settled; ; {
		pause.For(ctx, wait)
		if ctx.Err() != nil {
			return
		}
		result, again, err := s.sweep(ctx, false)
		if ctx.Err() == nil && !errors.Is(err, errNotDue) {
			s.tell(result, err)
		}
		wait = max(time.Until(again), time.Second)
	}
}

// sweep makes one sweep; again is when to try next.
func (s *Sweeper) sweep(ctx context.Context, now bool) (result SweepResult, again time.Time, err error) {
	again = time.Now().Add(s.o.Interval / 5)
	l, err := s.lease(ctx)
	if err != nil {
		return result, again, err
	}
	switch held, err := l.take(ctx, now); {
	case errors.Is(err, errNotDue):
		return result, l.record.Began.Add(s.o.Interval), err
	case err != nil:
		return result, again, err
	case held:
		return SweepResult{Held: true}, again, nil
	}
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.guard(cancel)
	r := &round{Sweeper: s, lease: l, pace: pace{every: time.Second / time.Duration(s.o.Rate)}}
	err = r.all(work)
	if cause := context.Cause(work); cause != nil {
		err = cause
	}
	r.result.Complete = err == nil && l.record.complete()
	if ended := l.leave(ctx); err == nil {
		err = ended
	}
	if err != nil {
		err = fmt.Errorf("sweep: %w", err)
	}
	return r.result, l.record.Began.Add(s.o.Interval), err
}

// tell logs one line for a sweep that did something, an alarm where it had to
// repair: nothing of ours leaves a payment without a timer.
func (s *Sweeper) tell(r SweepResult, err error) {
	line := s.o.Log.Debug()
	switch {
	case r.Overdue+r.Missing > 0:
		line = s.o.Log.Warn().Bool("alarm", true)
	case err != nil, r.Left > 0:
		line = s.o.Log.Warn()
	}
	line.Err(err).Str("event", "sweep.done").Int("timers", r.Timers).Int("payments", r.Payments).Int("overdue", r.Overdue).
		Int("missing", r.Missing).Int("left", r.Left).Bool("complete", r.Complete).Bool("held", r.Held).
		Msg("looked for payments and webhooks without a future")
}
