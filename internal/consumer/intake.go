package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
)

// The stages and reasons of dead letters: tokens of their subjects.
const (
	stageIntake   = "intake"
	stagePoll     = "poll"
	stageDispatch = "dispatch"
	stageWebhook  = "webhook"

	reasonTooLarge         = "too_large"
	reasonNotJSON          = "not_json"
	reasonInvalid          = "invalid"
	reasonUnknownProvider  = "unknown_provider"
	reasonInvalidReference = "invalid_reference"
	reasonConflict         = "conflict"
	reasonForged           = "forged"
	reasonNoState          = "no_state"
	reasonExhausted        = "exhausted"
	reasonGone             = "gone"
)

// intake makes payments of created events.
type intake struct {
	broker   *broker.Broker
	accounts map[string]*Account
	// references says to record what the providers' callbacks call a payment.
	references bool
	random     func() float64
	log        zerolog.Logger
}

func (in *intake) handle(ctx context.Context, msg jetstream.Msg, s slot) error {
	defer s.Return()
	now := time.Now()
	created, err := payment.ParseCreated(msg.Data(), now)
	if err != nil {
		return in.refuse(ctx, msg, refusal(err))
	}
	account, ok := in.accounts[created.Account]
	if !ok {
		r := refused{reason: reasonUnknownProvider, field: "provider", problem: "names no configured account"}
		return in.refuse(ctx, msg, r.of(created.MerchantID, created.PaymentID))
	}
	if err := account.Provider.CheckReference(created.Reference); err != nil {
		r := refusal(err)
		r.reason = reasonInvalidReference
		return in.refuse(ctx, msg, r.of(created.MerchantID, created.PaymentID))
	}
	state, first := payment.Begin(created, now)
	is, begun, err := in.begin(ctx, first, standing{state: payment.State{Origin: state.Origin}, trace: msg.Headers().Get(headerTrace)})
	if err != nil {
		return err
	}
	if !begun {
		return in.known(ctx, msg, is, created.Digest())
	}
	if err := in.watch(ctx, is, account); err != nil {
		return err
	}
	in.log.Info().Str("event", "payment.created").Str("merchant", created.MerchantID).Str("payment", created.PaymentID).
		Str("provider", account.Name).Msg("payment is watched")
	return acknowledge(msg)
}

// begin publishes a payment's first event, or gives the state of the payment
// that exists. What is in the way without being a payment is passed over.
func (in *intake) begin(ctx context.Context, first payment.Event, after standing) (is standing, begun bool, err error) {
	for {
		is, err = publish(ctx, in.broker, first, after)
		if !isConflict(err) {
			return is, err == nil, err
		}
		is, err = readStanding(ctx, in.broker, keyOf(first.Data), first.Data.PaymentID)
		if err != nil || is.exists() {
			return is, false, err
		}
		after.seq = is.seq
	}
}

// known handles a created event of a payment that exists: the same content
// again is one payment, other content is a conflict that a person must see.
func (in *intake) known(ctx context.Context, msg jetstream.Msg, is standing, digest string) error {
	last := is.state.Last
	if is.state.Origin.Digest != digest {
		r := refused{reason: reasonConflict, field: "payment_id", problem: "is a payment that was created with other content"}
		return in.refuse(ctx, msg, r.of(last.MerchantID, last.PaymentID))
	}
	// The worker that recorded the payment may have died before it armed the
	// timer; then this is its message again. Any other may arm none: it would
	// begin a watch anew that has ended, or that goes on at this moment.
	if redelivered(msg) && !last.Status.ClosedForGood() {
		if err := in.watchAgain(ctx, is); err != nil {
			return err
		}
	}
	return acknowledge(msg)
}

// watchAgain arms a payment's first timer if it has none. A payment that is
// being polled has a due message until its next timer is armed.
func (in *intake) watchAgain(ctx context.Context, is standing) error {
	d := is.state.Last
	found, err := in.broker.HasPoll(ctx, broker.PaymentRef{Account: d.Account, Merchant: d.MerchantID, Payment: d.PaymentID})
	if err != nil {
		return fmt.Errorf("ask about payment %q: %w", d.PaymentID, err)
	}
	if found {
		return nil
	}
	return in.watch(ctx, is, in.accounts[d.Account])
}

// watch arms a payment's first timer.
func (in *intake) watch(ctx context.Context, is standing, account *Account) error {
	w := newWatch(is.state, is.seq)
	// Before the timer, so that a worker that dies in between is made up for with it.
	in.recordReferences(ctx, w, account)
	delay, _ := cadenceDelay(w, time.Now(), account.Policy)
	w.Planned = max(account.Policy.Jitter.Apply(delay, in.random), account.Policy.Floor)
	return arm(ctx, in.broker, w, is.trace)
}

// refused is why an input became a dead letter.
type refused struct {
	reason, field, problem string
	merchant, payment      string // empty where the input does not tell them
}

// of names the payment that the input is about.
func (r refused) of(merchant, payment string) refused {
	r.merchant, r.payment = merchant, payment
	return r
}

func refusal(err error) refused {
	var field *payment.FieldError
	switch {
	case errors.Is(err, payment.ErrTooLarge):
		return refused{reason: reasonTooLarge, problem: err.Error()}
	case errors.As(err, &field):
		return refused{reason: reasonInvalid, field: field.Field, problem: field.Problem}
	}
	return refused{reason: reasonNotJSON, problem: payment.ErrNotJSON.Error()}
}

func (in *intake) refuse(ctx context.Context, msg jetstream.Msg, r refused) error {
	if err := bury(ctx, in.broker, msg, stageIntake, r); err != nil {
		return err
	}
	in.log.Warn().Str("event", "payment.refused").Str("reason", r.reason).Str("field", r.field).Str("problem", r.problem).
		Msg("created event became a dead letter")
	return acknowledge(msg)
}
