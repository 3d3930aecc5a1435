package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/pause"
)

// round is one sweep.
type round struct {
	*Sweeper
	lease  *lease
	pace   pace
	result SweepResult
}

// errTimeUp: the next sweep goes on.
var errTimeUp = errors.New("the time of the sweep is over")

// all looks through the timers, each sweep from the beginning where the one before
// came to the end, and then through the log.
func (r *round) all(ctx context.Context) error {
	for _, look := range []func(context.Context) error{r.timers, r.log} {
		if err := look(ctx); err != nil && !errors.Is(err, errTimeUp) {
			return err
		}
	}
	return nil
}

// step comes before each request: it keeps the pace and the lease, and ends the
// work after so many twentieths of the interval.
func (r *round) step(ctx context.Context, requests int, part time.Duration) error {
	if time.Since(r.lease.record.Began) >= r.o.Interval*part/20 {
		return errTimeUp
	}
	if err := r.pace.wait(ctx, requests); err != nil {
		return err
	}
	return r.lease.keep(ctx)
}

// begin makes an extent ready: where it was left, or anew if it was done or the
// stream is another one.
func (r *round) begin(ctx context.Context, e *extent, stream string) (anew, other bool, err error) {
	is, err := r.o.Broker.Extent(ctx, stream)
	if err != nil {
		return false, false, fmt.Errorf("sweep: %w", err)
	}
	other = !is.Made.Equal(e.Made)
	if !e.Done && !other {
		return false, false, nil
	}
	*e = extent{Made: is.Made, Next: 1, End: is.Last, Seen: e.Seen && !other}
	return true, other, nil
}

// timers arms again what is overdue and silent. It reads one timer at a time, in
// the order in which they were armed; those armed since it began are left for the
// next time, since none of them is overdue.
func (r *round) timers(ctx context.Context) error {
	e := &r.lease.record.Timers
	if _, _, err := r.begin(ctx, e, broker.StreamWork); err != nil {
		return err
	}
	for !e.Done {
		if err := r.step(ctx, 1, partOfTimers); err != nil {
			return err
		}
		t, err := r.o.Broker.NextTimer(ctx, e.Next)
		if errors.Is(err, broker.ErrNotFound) || err == nil && t.Seq > e.End {
			e.finish()
			return nil
		}
		if err != nil {
			return fmt.Errorf("look for overdue timers: %w", err)
		}
		r.result.Timers++
		if err := r.timer(ctx, t); err != nil {
			return err
		}
		e.Next = t.Seq + 1
	}
	return nil
}

// timer arms a timer again that should have fired. Its new time is now by our
// clock; were that ahead of the broker's, the timer would fire later, never too
// early.
func (r *round) timer(ctx context.Context, t broker.SweptTimer) error {
	switch {
	case t.Fault != nil:
		r.result.Left++
		return nil
	case time.Since(t.At) < overdue:
		return nil
	}
	if err := r.step(ctx, 1, partOfAll); err != nil {
		return err
	}
	due, err := r.o.Broker.HasDue(ctx, t.Target)
	if err != nil {
		return fmt.Errorf("look whether an overdue timer has fired: %w", err)
	}
	if due {
		return nil // whoever takes it arms the next
	}
	err = r.o.Broker.ArmIf(ctx, broker.Timer{
		Subject: t.Subject, Target: t.Target, At: time.Now(), Header: t.Header, Body: t.Body,
	}, t.Seq)
	switch {
	case isConflict(err):
		return nil
	case err != nil:
		return fmt.Errorf("arm an overdue timer again: %w", err)
	}
	r.result.Overdue++
	return nil
}

// pace spreads requests evenly.
type pace struct {
	every time.Duration
	next  time.Time
}

// smallest is the shortest wait worth a timer; so many requests come in a row.
const smallest = 20 * time.Millisecond

// wait waits until the requests may be made. What was not used while waiting for
// answers is not made up for.
func (p *pace) wait(ctx context.Context, requests int) error {
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(time.Duration(requests) * p.every)
	if ahead := p.next.Sub(now); ahead > smallest {
		pause.For(ctx, ahead)
	}
	return context.Cause(ctx)
}
