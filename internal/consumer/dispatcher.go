package consumer

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/notify"
	"reconciler/internal/payment"
)

// dispatcher makes one webhook job of each status event for each endpoint that
// wants it. The job is due at once: a timer would cost it the broker's 250 ms.
type dispatcher struct {
	broker    *broker.Broker
	endpoints Endpoints
	log       zerolog.Logger
}

func (d *dispatcher) handle(ctx context.Context, msg jetstream.Msg, s slot) error {
	defer s.Return()
	event, _, err := readEvent(msg.Subject(), msg.Headers(), msg.Data())
	var newer *payment.NewerSchemaError
	switch {
	case errors.As(err, &newer):
		return err
	case err != nil:
		return d.refuse(ctx, msg, err)
	}
	meta, err := msg.Metadata()
	if err != nil {
		return fmt.Errorf("read the message's position: %w", err)
	}
	for _, endpoint := range d.endpoints.For(event.Data.MerchantID) {
		if !notify.Interested(endpoint, event.Type) {
			continue
		}
		j := newJob(event, broker.Stored{Seq: meta.Sequence.Stream, Header: msg.Headers(), Body: msg.Data()})
		j.Endpoint = endpoint.ID
		if err := d.enqueue(ctx, j); err != nil {
			return err
		}
	}
	return acknowledge(msg)
}

// precedingSeq is the stream sequence of the payment's event before this one:
// the compare-and-set header that the event was accepted with.
func precedingSeq(header nats.Header) uint64 {
	seq, err := strconv.ParseUint(header.Get(jetstream.ExpectedLastSubjSeqHeader), 10, 64)
	if err != nil {
		return 0
	}
	return seq
}

func (d *dispatcher) enqueue(ctx context.Context, j job) error {
	header, err := j.header()
	if err != nil {
		return err
	}
	// The id spares most repetitions after a redelivery; the deliverer drops the rest.
	id := j.EventID + "/" + j.Endpoint
	err = d.broker.PublishDue(ctx, broker.Due{Subject: j.dueSubject(), ID: id, Header: header, Body: j.Body})
	if err != nil {
		return fmt.Errorf("queue the webhook of version %d of payment %q: %w", j.Version, j.PaymentID, err)
	}
	return nil
}

func (d *dispatcher) refuse(ctx context.Context, msg jetstream.Msg, cause error) error {
	r := refused{reason: reasonForged, problem: cause.Error()}
	if err := bury(ctx, d.broker, msg, stageDispatch, r); err != nil {
		return err
	}
	d.log.Error().Str("event", "status.refused").Str("problem", r.problem).Bool("alarm", true).
		Msg("a status message that no worker wrote became a dead letter")
	return acknowledge(msg)
}
