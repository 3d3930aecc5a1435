// Package history reads from the streams what happened, in the words of package
// invariant. It judges nothing and changes nothing.
//
// Each stream is read whole, in its order, up to the message that was last when
// its reading began. What can't be read as what it should be stays empty in the
// history instead of being left out: a judge has to see it.
package history

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/invariant"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/payment"
)

// Read reads all streams. Effects are read before their causes, so that none
// seems to lack one where work still goes on.
func Read(ctx context.Context, b *broker.Broker) (invariant.History, error) {
	var h invariant.History
	var err error
	if h.Pending, err = Pending(ctx, b); err != nil {
		return h, err
	}
	if h.Dead, err = Dead(ctx, b); err != nil {
		return h, err
	}
	if h.Attempts, err = Attempts(ctx, b); err != nil {
		return h, err
	}
	if h.Events, err = Events(ctx, b); err != nil {
		return h, err
	}
	if h.Created, err = Created(ctx, b); err != nil {
		return h, err
	}
	// Last: a watch that ends while streams are read may have left no timer.
	h.Now = time.Now()
	return h, nil
}

// each reads the messages of a stream in order, up to the one that is last now.
func each(ctx context.Context, b *broker.Broker, stream string, read func(jetstream.Msg, *jetstream.MsgMetadata) error) error {
	s, err := b.JetStream().Stream(ctx, stream) // asks for its state
	if err != nil {
		return fmt.Errorf("open %s: %w", stream, err)
	}
	state := s.CachedInfo().State
	if state.Msgs == 0 {
		return nil
	}
	consumer, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return fmt.Errorf("read %s: %w", stream, err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("read %s: %w", stream, err)
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read %s: %w", stream, err)
		}
		meta, err := msg.Metadata()
		if err == nil {
			err = read(msg, meta)
		}
		if err != nil {
			return fmt.Errorf("read a message of %s: %w", stream, err)
		}
		if meta.Sequence.Stream >= state.LastSeq {
			return nil
		}
	}
}

// Created reads what upstream published.
func Created(ctx context.Context, b *broker.Broker) ([]invariant.Input, error) {
	var all []invariant.Input
	err := each(ctx, b, broker.StreamPayments, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		all = append(all, invariant.Input{Seq: meta.Sequence.Stream, Time: meta.Timestamp, Subject: m.Subject(), Body: m.Data()})
		return nil
	})
	return all, err
}

// Events reads every change of status.
func Events(ctx context.Context, b *broker.Broker) ([]invariant.Event, error) {
	var all []invariant.Event
	err := each(ctx, b, broker.StreamStatus, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		// What can't be read stays empty: the judge compares it with the body.
		status, of, _ := broker.ParseStatusSubject(m.Subject())
		var origin payment.Origin
		_ = json.Unmarshal([]byte(m.Headers().Get("Recon-Origin")), &origin)
		all = append(all, invariant.Event{
			Seq: meta.Sequence.Stream, Time: meta.Timestamp, Status: payment.Status(status), Account: of.Account, Merchant: of.Merchant,
			Payment: of.Payment, ID: m.Headers().Get("ce-id"), Digest: origin.Digest, Body: m.Data(),
		})
		return nil
	})
	return all, err
}

// attempt is what is read of a webhook record.
type attempt struct {
	EventID string `json:"event_id"`
}

// Attempts reads the records of webhooks.
func Attempts(ctx context.Context, b *broker.Broker) ([]invariant.Attempt, error) {
	var all []invariant.Attempt
	err := each(ctx, b, broker.StreamWebhookLog, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		if endpoint.IsEventSubject(m.Subject()) {
			return nil // how an endpoint stands, no attempt
		}
		// What can't be read stays empty, and is no event's attempt then.
		outcome, of, _ := broker.ParseWebhookLogSubject(m.Subject())
		var a attempt
		_ = json.Unmarshal(m.Data(), &a)
		all = append(all, invariant.Attempt{
			Seq: meta.Sequence.Stream, Time: meta.Timestamp, Outcome: outcome, Merchant: of.Merchant, Endpoint: of.Endpoint,
			Payment: of.Payment, Version: of.Version, EventID: a.EventID, Body: m.Data(), Replay: m.Headers().Get("Recon-Replay") != "",
		})
		return nil
	})
	return all, err
}

// Dead reads the dead letters, each whole.
func Dead(ctx context.Context, b *broker.Broker) ([]invariant.Dead, error) {
	var all []invariant.Dead
	err := each(ctx, b, broker.StreamDead, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		if _, err := broker.ParseDeadSubject(m.Subject()); err != nil {
			return nil // a further piece of a letter: it is read with the letter
		}
		letter, err := b.ReadDead(ctx, meta.Sequence.Stream)
		if err != nil {
			return err
		}
		all = append(all, deadOf(letter))
		return nil
	})
	return all, err
}

// deadOf names the webhook that was given up, which only the job's subject tells.
func deadOf(letter broker.Letter) invariant.Dead {
	d := invariant.Dead{
		Time: letter.Time, Stage: letter.Stage, Reason: letter.Reason, SourceStream: letter.Source.Stream,
		SourceSeq: letter.Source.Seq, Merchant: letter.Merchant, Payment: letter.Payment, Body: letter.Source.Body,
	}
	if job, err := broker.ParseWebhook(letter.Source.Subject); err == nil {
		d.Merchant, d.Endpoint, d.Payment, d.Version = job.Merchant, job.Endpoint, job.Payment, job.Version
	}
	return d
}
