package consumer

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/payment"
	"reconciler/internal/retry"
)

// headerTrigger says of a due message that came before its time why it did.
const headerTrigger = "Recon-Trigger"

// headerDue says when a poll was meant to be due, to the nanosecond. Looks are kept in
// whole seconds, and an interval may be the floor itself.
const headerDue = "Recon-Due"

// young is the age up to which somebody is probably still waiting at a checkout.
const young = time.Hour

// rampTurn is when a due look may be made while the account's rate still grows
// after an outage: those of young undecided payments at once, of older ones from
// a third of the ramp on, of decided ones after it. They come back in groups, so
// each is spread over a third of the ramp.
//
// The backlog is in the order in which it became due, which is the oldest first.
func rampTurn(w watch, now, from, until time.Time, spread float64) time.Time {
	part := until.Sub(from) / 3
	scattered := time.Duration(float64(part) * spread)
	switch {
	case phase(w.Status) == retry.Open && now.Sub(w.CreatedAt) < young:
		return now
	case w.Status.Open():
		return laterOf(now, from.Add(part), scattered)
	}
	return laterOf(now, until, scattered)
}

// laterOf is the instant and what it is scattered by; now once the instant is past.
func laterOf(now, at time.Time, scattered time.Duration) time.Time {
	if !now.Before(at) {
		return now
	}
	return at.Add(scattered)
}

// mayAgain is the instant from which a payment may be looked at without coming
// too soon for its provider: the floor after the last look, or where there was none
// after we were told of the payment.
func (w watch) mayAgain(floor time.Duration) time.Time {
	if last, looked := w.Looks.last(); looked {
		return last.Add(floor + time.Second) // looks are kept in whole seconds
	}
	return w.Since.Add(floor)
}

// turn is when a due look may be made: now, or later because of the ramp, or
// because it is due early and the floor after the last look is not over: a hint came,
// or the broker's clock stepped ahead. It is not put off for longer than the floor: who
// looked last may have a clock that is ahead.
func (p *poller) turn(w watch, trigger payment.Trigger, due, now time.Time) time.Time {
	at := now
	early := trigger != payment.TriggerPoll || now.Before(due)
	if floor := p.account.Policy.Floor; early && w.mayAgain(floor).After(at) {
		at = w.mayAgain(floor)
		if latest := now.Add(floor + time.Second); at.After(latest) {
			at = latest
		}
	}
	if from, until, ramping := p.account.Guard.Ramp(); ramping && trigger == payment.TriggerPoll {
		if turn := rampTurn(w, now, from, until, p.random()); turn.After(at) {
			at = turn
		}
	}
	return at
}

// postpone arms a look that was due for later. Nothing was asked, so nothing of
// the watch changes: no attempt is spent and the give-up clock stands.
func (p *poller) postpone(ctx context.Context, msg jetstream.Msg, w watch, at time.Time) error {
	header := nats.Header{}
	for _, name := range []string{headerTrace, headerTrigger} {
		if value := msg.Headers().Get(name); value != "" {
			header.Set(name, value)
		}
	}
	if err := armAt(ctx, p.broker, w, at, header); err != nil {
		return err
	}
	return acknowledge(msg)
}

// dueAt is when a look was meant to be due; zero where nothing says so.
func dueAt(msg jetstream.Msg) time.Time {
	at, err := time.Parse(time.RFC3339Nano, msg.Headers().Get(headerDue))
	if err != nil {
		return time.Time{}
	}
	return at
}

// triggerOf is why a look is due.
func triggerOf(msg jetstream.Msg) payment.Trigger {
	if payment.Trigger(msg.Headers().Get(headerTrigger)) == payment.TriggerHint {
		return payment.TriggerHint
	}
	return payment.TriggerPoll
}

// elapsed is what the give-up clock runs on by, if the provider answers: the
// interval that the timer was armed with, or less when a hint cut it short.
func elapsed(w watch, trigger payment.Trigger, now time.Time) time.Duration {
	if trigger == payment.TriggerPoll {
		return w.Planned
	}
	since := w.CreatedAt
	if last, looked := w.Looks.last(); looked {
		since = last
	}
	return min(w.Planned, max(now.Sub(since), 0))
}
