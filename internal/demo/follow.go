package demo

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/notify"
	"reconciler/internal/payment"
)

// follow subscribes to the changes of status, as any backend can.
func (r *run) follow(ctx context.Context) (stop func(), err error) {
	consumer, err := r.js.OrderedConsumer(ctx, broker.StreamStatus, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, fmt.Errorf("follow %s: %w", broker.StreamStatus, err)
	}
	following, err := consumer.Consume(func(msg jetstream.Msg) {
		event, err := payment.ParseEvent(msg.Data())
		if err != nil {
			return // the verdict reads the stream itself and finds it
		}
		r.board.published(event.Data, len(r.interested(event)))
	})
	if err != nil {
		return nil, fmt.Errorf("follow %s: %w", broker.StreamStatus, err)
	}
	return following.Stop, nil
}

// interested lists the hooks that an event is due at.
func (r *run) interested(e payment.Event) []Hook {
	var due []Hook
	for _, h := range r.Hooks {
		if h.Merchant == e.Data.MerchantID && h.wants(e.Type) {
			due = append(due, h)
		}
	}
	return due
}

func (h Hook) wants(eventType string) bool {
	return notify.Interested(notify.Endpoint{Events: h.Events}, eventType)
}
