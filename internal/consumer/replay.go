package consumer

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
)

// headerReplay is the mark of a replay on a record of WEBHOOK_LOG.
const headerReplay = "Recon-Replay"

// ReplayJob makes of a stored status event the job that sends it to an endpoint
// again: the same id and bytes as the first time. mark names the replay: a
// redelivered job is dropped once an end with that mark is recorded. The error says
// that the event can't be believed, or is a *payment.NewerSchemaError.
func ReplayJob(stored broker.Stored, endpoint, mark string) (broker.Due, error) {
	event, _, err := readEvent(stored.Subject, stored.Header, stored.Body)
	if err != nil {
		return broker.Due{}, fmt.Errorf("read an event to replay: %w", err)
	}
	j := newJob(event, stored)
	j.Endpoint, j.Replay = endpoint, mark
	header, err := j.header()
	if err != nil {
		return broker.Due{}, err
	}
	return broker.Due{Subject: j.dueSubject(), ID: j.EventID + "/" + endpoint + "/" + mark, Header: header, Body: j.Body}, nil
}

// Dispatched is the sequence of the status stream up to which every event has its
// webhook jobs; 0 where no worker ever ran.
func Dispatched(ctx context.Context, b *broker.Broker) (uint64, error) {
	return floor(ctx, b, dispatcherSpec())
}

// TakenIn is the sequence of the stream of created events up to which each is a
// payment or a dead letter; 0 where no worker ever ran.
func TakenIn(ctx context.Context, b *broker.Broker) (uint64, error) {
	return floor(ctx, b, intakeSpec())
}

func floor(ctx context.Context, b *broker.Broker, of consumerSpec) (uint64, error) {
	at, err := b.AckFloor(ctx, of.stream, of.name)
	var refused *jetstream.APIError
	if errors.As(err, &refused) && refused.ErrorCode == jetstream.JSErrCodeConsumerNotFound {
		return 0, nil
	}
	return at, err
}
