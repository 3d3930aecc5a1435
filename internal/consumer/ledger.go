package consumer

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
)

// standing is a payment's state as the status stream holds it.
type standing struct {
	state payment.State
	// seq is the last sequence under the key that was read, which the next event
	// has to follow; 0: there is nothing yet.
	seq   uint64
	trace string
}

// exists reports whether there is such a payment.
func (s standing) exists() bool { return s.state.Last.Version > 0 }

// readStanding reads the last event of a payment, by one of its keys, from the
// stream's leader. A message there that can't be believed is skipped: whoever may
// publish anywhere in the account can put one there, and it must not keep the
// payment from ever changing again. The dispatcher makes it a dead letter.
func readStanding(ctx context.Context, b *broker.Broker, key, paymentID string) (standing, error) {
	stored, err := b.LastStatus(ctx, key)
	if errors.Is(err, broker.ErrNotFound) {
		return standing{}, nil
	}
	if err != nil {
		return standing{}, fmt.Errorf("read the state of payment %q: %w", paymentID, err)
	}
	last, err := readStored(stored)
	if err == nil {
		return last, nil
	}
	var newer *payment.NewerSchemaError
	if !errors.As(err, &newer) {
		last, err = lastBelieved(ctx, b, key, stored.Seq)
	}
	if err != nil {
		return standing{}, fmt.Errorf("read the state of payment %q: %w", paymentID, err)
	}
	return last, nil
}

func readStored(m broker.Stored) (standing, error) {
	event, origin, err := readEvent(m.Subject, m.Header, m.Body)
	if err != nil {
		return standing{}, err
	}
	return standing{
		state: payment.State{Last: event.Data, Origin: origin},
		seq:   m.Seq,
		trace: m.Header.Get(headerTrace),
	}, nil
}

// lastBelieved reads all of a payment's messages up to the last one and gives
// the state by those that can be believed.
func lastBelieved(ctx context.Context, b *broker.Broker, key string, last uint64) (standing, error) {
	stream, err := b.JetStream().Stream(ctx, broker.StreamStatus)
	if err != nil {
		return standing{}, err
	}
	var is standing
	for seq := uint64(1); seq <= last; seq++ {
		m, err := stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(key))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			break
		}
		if err != nil {
			return standing{}, err
		}
		seq = m.Sequence
		believed, err := readStored(broker.Stored{Seq: seq, Subject: m.Subject, Header: m.Header, Body: m.Data})
		var newer *payment.NewerSchemaError
		switch {
		case errors.As(err, &newer):
			return standing{}, err
		case err == nil:
			is = believed
		}
	}
	is.seq = last
	return is, nil
}

// publish appends an event that follows the standing. Its error is a
// *broker.ConflictError when the payment has meanwhile changed.
func publish(ctx context.Context, b *broker.Broker, e payment.Event, after standing) (standing, error) {
	body, err := e.Body()
	if err != nil {
		return standing{}, err
	}
	header, err := eventHeader(e, after.state.Origin, after.trace)
	if err != nil {
		return standing{}, err
	}
	d := e.Data
	seq, err := b.AppendStatus(ctx, broker.Append{
		Subject:  broker.StatusSubject(string(d.Status), d.Account, d.MerchantID, d.PaymentID),
		Key:      keyOf(d),
		Expected: after.seq,
		ID:       e.ID(),
		Header:   header,
		Body:     body,
	})
	if err != nil {
		return standing{}, fmt.Errorf("publish version %d of payment %q: %w", d.Version, d.PaymentID, err)
	}
	return standing{state: payment.State{Last: d, Origin: after.state.Origin}, seq: seq, trace: after.trace}, nil
}

// keyOf is the key that an event is appended under: the first under all
// accounts, so that a payment begins once, the others under its own.
func keyOf(d payment.Data) string {
	if d.Version == 1 {
		return broker.PaymentKey(d.MerchantID, d.PaymentID)
	}
	return broker.StatusKey(d.Account, d.MerchantID, d.PaymentID)
}

// isConflict reports whether somebody else changed the payment first.
func isConflict(err error) bool {
	var conflict *broker.ConflictError
	return errors.As(err, &conflict)
}
