package consumer

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
)

// arm writes a payment's next timer, w.Planned from now.
func arm(ctx context.Context, b *broker.Broker, w watch, trace string) error {
	header := nats.Header{}
	if trace != "" {
		header.Set(headerTrace, trace)
	}
	return armAt(ctx, b, w, time.Now().Add(w.Planned), header)
}

// armAt writes a payment's next timer. The header is the timer's from then on.
func armAt(ctx context.Context, b *broker.Broker, w watch, at time.Time, header nats.Header) error {
	body, err := w.encode()
	if err != nil {
		return err
	}
	header.Set(headerDue, at.UTC().Format(time.RFC3339Nano))
	err = b.Arm(ctx, broker.Timer{
		Subject: broker.PollTimer(w.Account, w.MerchantID, w.PaymentID),
		Target:  broker.PollDue(w.Account, w.MerchantID, w.PaymentID),
		At:      at,
		Header:  header,
		Body:    body,
	})
	if err != nil {
		return fmt.Errorf("arm the timer of payment %q: %w", w.PaymentID, err)
	}
	return nil
}

// acknowledge ends a message. A lost acknowledgement brings it back, which
// every handler can bear, so nobody waits for the broker's answer.
func acknowledge(msg jetstream.Msg) error {
	if err := msg.Ack(); err != nil {
		return fmt.Errorf("acknowledge: %w", err)
	}
	return nil
}

// redelivered reports whether a message was delivered before: by a worker that
// died, froze or lost its acknowledgement.
func redelivered(msg jetstream.Msg) bool {
	meta, err := msg.Metadata()
	return err == nil && meta.NumDelivered > 1
}

// bury keeps a message that can't be handled, whole, as a dead letter.
func bury(ctx context.Context, b *broker.Broker, msg jetstream.Msg, stage string, r refused) error {
	meta, err := msg.Metadata()
	if err != nil {
		return fmt.Errorf("read the message's position: %w", err)
	}
	err = b.DeadLetter(ctx, broker.Dead{
		Stage: stage, Reason: r.reason, Field: r.field, Detail: r.problem, Merchant: r.merchant, Payment: r.payment,
		Source: broker.Source{
			Stream: meta.Stream, Seq: meta.Sequence.Stream,
			Subject: msg.Subject(), Header: msg.Headers(), Body: msg.Data(),
		},
	})
	if err != nil {
		return fmt.Errorf("keep a dead letter (%s, %s): %w", stage, r.reason, err)
	}
	return nil
}
