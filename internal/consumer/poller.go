package consumer

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/guard"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// Account is one configured account of a provider: its payments are polled by a
// loop of its own, so that no account waits for another.
type Account struct {
	// Name is what created events call "provider".
	Name     string
	Provider providers.Provider
	// Guard is the account's tap.
	Guard  *guard.Guard
	Policy Policy
	// Fleet gives one worker at a time the right to a half-open call; nil: there is
	// no other worker.
	Fleet Leaser
}

// Leaser gives out the right to a call that only one worker may make at a time.
type Leaser interface {
	// Lease asks for it. Not granted, the account's guard stands by then as those
	// say who have it. The error says that nobody knows.
	Lease(ctx context.Context, account string) (bool, error)
}

// tap makes a guard the gate of a loop: while it is closed nothing is pulled.
type tap struct{ guard *guard.Guard }

// Acquire waits for a permit of the guard.
func (t tap) Acquire(ctx context.Context) (ticket, error) {
	p, err := t.guard.Acquire(ctx)
	return ticket{p}, err
}

// TryAcquire takes a further permit of the guard.
func (t tap) TryAcquire() (ticket, bool) {
	p, ok := t.guard.TryAcquire()
	return ticket{p}, ok
}

// ticket is a guard's permit as a loop holds it.
type ticket struct{ *guard.Permit }

// Return gives the permit back, if no call ended it before.
func (t ticket) Return() { t.Done(guard.Unused()) }

// poller asks one account's provider about the payments that are due.
type poller struct {
	broker  *broker.Broker
	account *Account
	ackWait time.Duration
	random  func() float64
	log     zerolog.Logger
}

func (p *poller) handle(ctx context.Context, msg jetstream.Msg, permit ticket) error {
	// Whatever happens below, the permit goes back: one that stays out in
	// half-open would keep the tap closed for good.
	defer permit.Return()
	taken := time.Now()
	w, err := parseWatch(msg.Data())
	var newer *payment.NewerSchemaError
	switch {
	case errors.As(err, &newer):
		return err
	case err != nil, w.Account != p.account.Name, msg.Subject() != broker.PollDue(w.Account, w.MerchantID, w.PaymentID):
		return p.refuse(ctx, msg, err)
	}
	if redelivered(msg) {
		if done, err := p.superseded(ctx, msg, w); err != nil || done {
			return orAcknowledge(msg, err)
		}
	}
	trigger := triggerOf(msg)
	if at := p.turn(w, trigger, dueAt(msg), taken); at.After(taken) {
		return p.postpone(ctx, msg, w, at)
	}
	w.Planned = elapsed(w, trigger, taken)
	o, err := p.ask(ctx, w, permit.Permit, taken)
	if errors.Is(err, guard.ErrClosed) && time.Since(taken) < p.ackWait {
		return handBackUnasked(msg)
	}
	if err != nil {
		return fmt.Errorf("poll payment %q: %w", w.PaymentID, err)
	}
	// Who was frozen in between finds that another worker took the message over.
	if time.Since(taken) >= p.ackWait {
		if done, err := p.superseded(ctx, msg, w); err != nil || done {
			return orAcknowledge(msg, err)
		}
	}
	o.trigger = trigger
	owned, release := context.WithTimeout(ctx, p.ownedFor(taken))
	defer release()
	return p.settle(owned, msg, record(w, o), o)
}

// ownedFor is how long a message may still be settled: until shortly before the
// broker gives it to somebody else. A store without room, say, may hold up the
// timer for hours, while others look in our place: once there is room, a time that
// is long past would make the next look due right after theirs. Who was frozen, and
// nobody took over from, gets as long as there is time to spare.
func (p *poller) ownedFor(taken time.Time) time.Duration {
	return max(p.ackWait-time.Since(taken), p.ackWait/2) - p.ackWait/12
}

// handBackUnasked returns a due message whose tap closed after it was pulled: it
// waits in the broker like the others, and no attempt is spent.
func handBackUnasked(msg jetstream.Msg) error {
	if err := msg.Nak(); err != nil {
		return fmt.Errorf("hand back a due poll: %w", err)
	}
	return nil
}

// orAcknowledge ends a message that is of no use any more.
func orAcknowledge(msg jetstream.Msg, err error) error {
	if err != nil {
		return err
	}
	return acknowledge(msg)
}

// superseded reports, for a message that was delivered to somebody else too,
// whether that one has finished it: the next timer is armed, or due already, or
// the watch has ended. Then the look was made, and one more now would come before
// the provider's floor.
func (p *poller) superseded(ctx context.Context, msg jetstream.Msg, w watch) (bool, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return false, fmt.Errorf("read the message's position: %w", err)
	}
	of := broker.PaymentRef{Account: w.Account, Merchant: w.MerchantID, Payment: w.PaymentID}
	over, err := p.broker.PollTakenOver(ctx, of, meta.Sequence.Stream)
	if err != nil {
		return false, fmt.Errorf("ask about payment %q: %w", w.PaymentID, err)
	}
	return over, nil
}

// ask polls the provider and tells the guard what came of it. The error is
// guard.ErrClosed, when the tap closed before the call or one of its requests, or
// the end of ctx: a stop of ours says nothing about the provider. It is errHeldUp when the
// message may be another worker's before the provider has answered: that one asks.
func (p *poller) ask(ctx context.Context, w watch, permit *guard.Permit, taken time.Time) (outcome, error) {
	if err := p.mayProbe(ctx, permit); err != nil {
		return outcome{}, err
	}
	if time.Since(taken) >= p.ackWait/2 {
		return outcome{}, errHeldUp
	}
	limited, cancel := permit.Context(ctx)
	defer cancel()
	if err := context.Cause(limited); err != nil {
		return outcome{}, err
	}
	observation, err := p.poll(providers.WithGate(limited, permit.Closed()), providers.Query{
		Reference: w.Reference, Expected: w.Expected, Bound: w.Bound, Last: w.Status,
	})
	switch {
	case ctx.Err() != nil:
		return outcome{}, ctx.Err()
	case errors.Is(err, providers.ErrHeld):
		return outcome{}, guard.ErrClosed
	}
	o := outcome{observation: observation, at: time.Now()}
	if err != nil {
		o.failure = asFailure(err)
	}
	permit.Done(guardResult(o))
	return o, nil
}

// errHeldUp: too little is left of the time in which nobody else gets the message.
var errHeldUp = errors.New("the broker's answers, or a standstill, took half of the ack wait")

// mayProbe asks the fleet, where the call would be half-open's. It is asked here
// and not before the pull, so that the lease is short: an idle worker holds none.
func (p *poller) mayProbe(ctx context.Context, permit *guard.Permit) error {
	if p.account.Fleet == nil || !permit.Probe() {
		return nil
	}
	granted, err := p.account.Fleet.Lease(ctx, p.account.Name)
	switch {
	case err != nil:
		return err
	case !granted:
		return guard.ErrClosed
	}
	return nil
}

// poll makes a panic of the adapter a failed look like any other. Else the due
// message would come again and again, and the provider be asked each time.
func (p *poller) poll(ctx context.Context, q providers.Query) (o payment.Observation, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			p.log.Error().Str("event", "poll.panicked").Str("provider", p.account.Name).Bool("alarm", true).
				Str("stack", string(debug.Stack())).Msgf("the adapter panicked: %v", cause)
			err = &providers.Error{Kind: providers.Unreadable, Doing: "poll", Detail: "the adapter panicked"}
		}
	}()
	return p.account.Provider.Poll(ctx, q)
}

// asFailure makes sure that every error has a kind: an adapter that breaks its
// promise is treated like an unreadable answer.
func asFailure(err error) *providers.Error {
	var failure *providers.Error
	if errors.As(err, &failure) {
		return failure
	}
	return &providers.Error{Kind: providers.Unreadable, Doing: "poll", Detail: "the adapter gave an error of no kind"}
}

// guardResult tells the guard what an outcome means for it.
func guardResult(o outcome) guard.Result {
	switch o.effect().breaker {
	case breakerSuccess:
		return guard.Success()
	case breakerFailure:
		return guard.Failure()
	case breakerThrottle:
		return guard.Throttled(o.failure.RetryAfter)
	case breakerOpen:
		return guard.Open(o.failure.Setting)
	}
	return guard.Neutral()
}

// settle publishes what the look changed, arms the next timer or ends the
// watch, and acknowledges the due message: in this order, because each step may
// be done twice but none may be left out.
func (p *poller) settle(ctx context.Context, msg jetstream.Msg, w watch, o outcome) error {
	trace := msg.Headers().Get(headerTrace)
	w, event, err := p.publish(ctx, w, o)
	if errors.Is(err, errNoState) {
		return p.refuseStateless(ctx, msg, w)
	}
	if err != nil {
		return err
	}
	delay, more := again(w, o, p.account.Policy, p.random)
	if more {
		w.Planned = delay
		if err := arm(ctx, p.broker, w, trace); err != nil {
			return err
		}
	}
	p.tell(w, o, event, delay, more)
	return acknowledge(msg)
}

// errNoState: the status log holds nothing of a payment that has a timer.
var errNoState = errors.New("the payment has no state")

// publish carries out the decision. Deciding needs only the watch; to publish,
// the payment's whole state is read, and when that has moved on the decision is
// made anew on what is true. It returns the watch as it is afterwards.
func (p *poller) publish(ctx context.Context, w watch, o outcome) (watch, *payment.Event, error) {
	for {
		d := decide(w, o, p.account.Policy)
		if d.change == noChange {
			return d.watch, nil, nil
		}
		is, err := readStanding(ctx, p.broker, broker.StatusKey(w.Account, w.MerchantID, w.PaymentID), w.PaymentID)
		if err != nil {
			return watch{}, nil, err
		}
		if !is.exists() {
			return w, nil, errNoState
		}
		if is.seq != w.Seq {
			w = w.at(is.state.Last, is.seq)
			if o.at.Before(is.state.Last.ObservedAt) {
				// Somebody looked later and told it first: what was seen before
				// contradicts nothing. The next look decides.
				return w, nil, nil
			}
			continue
		}
		event, changed := d.event(is.state, o)
		if !changed {
			return d.watch, nil, nil
		}
		now, err := publish(ctx, p.broker, event, is)
		if isConflict(err) {
			continue
		}
		if err != nil {
			return watch{}, nil, err
		}
		d.watch.Doubt = nil
		return d.watch.at(now.state.Last, now.seq), &event, nil
	}
}

// refuse keeps a due message that is not ours as a dead letter.
func (p *poller) refuse(ctx context.Context, msg jetstream.Msg, cause error) error {
	r := refused{reason: reasonForged, field: "subject", problem: "is not the subject of the payment in the body"}
	if cause != nil {
		r = refused{reason: reasonForged, problem: cause.Error()}
	}
	return p.bury(ctx, msg, r)
}

// refuseStateless ends a watch whose payment is gone from the status log: no
// change of it could ever be published.
func (p *poller) refuseStateless(ctx context.Context, msg jetstream.Msg, w watch) error {
	r := refused{reason: reasonNoState, field: "payment_id", problem: "is no payment in the status log"}
	return p.bury(ctx, msg, r.of(w.MerchantID, w.PaymentID))
}

func (p *poller) bury(ctx context.Context, msg jetstream.Msg, r refused) error {
	if err := bury(ctx, p.broker, msg, stagePoll, r); err != nil {
		return err
	}
	p.log.Error().Str("event", "poll.refused").Str("provider", p.account.Name).Str("reason", r.reason).
		Str("problem", r.problem).Bool("alarm", true).Msg("a due message became a dead letter")
	return acknowledge(msg)
}

// tell logs one line for one poll, with everything that followed from it.
func (p *poller) tell(w watch, o outcome, event *payment.Event, delay time.Duration, more bool) {
	e := o.effect()
	line := p.log.Debug()
	switch {
	case e.alarm:
		line = p.log.Warn().Bool("alarm", true)
	case event != nil:
		line = p.log.Info()
	}
	line = line.Str("event", "payment.polled").Str("provider", w.Account).Str("merchant", w.MerchantID).
		Str("payment", w.PaymentID).Str("status", string(w.Status)).Int("version", w.Version).Str("saw", o.saw())
	if o.failure != nil {
		line = line.Str("kind", o.failure.Kind.String()).Str("detail", o.failure.Error())
	}
	if event != nil {
		line = line.Str("previous_status", string(event.Data.PreviousStatus))
		if event.Data.Reason != "" {
			line = line.Str("reason", string(event.Data.Reason))
		}
	}
	if more {
		line = line.Dur("next_in", delay)
	}
	line.Bool("watched", more).Msg("polled")
}
