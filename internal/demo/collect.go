package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/invariant"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/payment"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox"
)

// key names a payment.
type key struct{ merchant, payment string }

// collect reads the streams and the ledgers into a history. Effects are read
// before their causes, so that none seems to lack one.
func (r *run) collect(ctx context.Context) (invariant.History, error) {
	h := invariant.History{Sealed: r.sealed(), WatchedUntil: r.watchedUntil(), Refuses: r.refuses(), Limits: r.Limits}
	steps := []func(context.Context, *invariant.History) error{
		r.collectPending, r.collectDead, r.collectAttempts, r.collectReceipts, r.collectEvents, r.collectLooks, r.collectCreated,
	}
	for _, step := range steps {
		if err := step(ctx, &h); err != nil {
			return invariant.History{}, err
		}
	}
	for _, hook := range r.Hooks {
		h.Endpoints = append(h.Endpoints, invariant.Endpoint{ID: hook.ID, Merchant: hook.Merchant, Interested: hook.wants})
	}
	// Last: a watch that ends while streams are read may have left no timer.
	h.Now = time.Now()
	return h, nil
}

// sealed is what may occur in no stream: secrets and personal data.
func (r *run) sealed() []string {
	all := sandbox.PersonalMarkers()
	for _, a := range r.Sandbox.Accounts() {
		for _, name := range []string{"password", "client_secret", "secret"} {
			if value := a.Settings[name]; value != "" {
				all = append(all, value)
			}
		}
	}
	for _, hook := range r.Sandbox.Hooks() {
		all = append(all, strings.TrimPrefix(hook.Secret, "whsec_"))
	}
	return all
}

// watchedUntil is until when a payment must at least be polled: three looks
// before its watch ends, because the last ones may fall on either side.
func (r *run) watchedUntil() func(payment.Data, time.Time) time.Time {
	return func(last payment.Data, since time.Time) time.Time {
		phase := retry.Settled
		switch {
		case last.Status.Parked():
			phase = retry.Parked
		case last.Status.Closed():
			phase = retry.Closed
		}
		return since.Add(r.Pace.Watch(phase) - 3*r.Pace.Look)
	}
}

// refuses tells what the accounts have to refuse: nothing that a demo
// announces, because every reference comes from its provider.
func (r *run) refuses() func(payment.Created) string {
	accounts := map[string]bool{}
	for _, a := range r.Sandbox.Accounts() {
		accounts[a.Provider] = true
	}
	return func(c payment.Created) string {
		if !accounts[c.Account] {
			return invariant.ReasonUnknownProvider
		}
		return ""
	}
}

// each reads the messages of a stream in order, up to the one that is last now.
func (r *run) each(ctx context.Context, stream string, read func(jetstream.Msg, *jetstream.MsgMetadata) error) error {
	s, err := r.js.Stream(ctx, stream) // asks for its state
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

func (r *run) collectCreated(ctx context.Context, h *invariant.History) error {
	return r.each(ctx, broker.StreamPayments, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		h.Created = append(h.Created, invariant.Input{Seq: meta.Sequence.Stream, Time: meta.Timestamp, Subject: m.Subject(), Body: m.Data()})
		return nil
	})
}

func (r *run) collectEvents(ctx context.Context, h *invariant.History) error {
	return r.each(ctx, broker.StreamStatus, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		// What can't be read stays empty: the judge compares it with the body.
		status, of, _ := broker.ParseStatusSubject(m.Subject())
		var origin payment.Origin
		_ = json.Unmarshal([]byte(m.Headers().Get("Recon-Origin")), &origin)
		h.Events = append(h.Events, invariant.Event{
			Seq: meta.Sequence.Stream, Time: meta.Timestamp, Status: payment.Status(status), Account: of.Account, Merchant: of.Merchant,
			Payment: of.Payment, ID: m.Headers().Get("ce-id"), Digest: origin.Digest, Body: m.Data(),
		})
		return nil
	})
}

// attempt is what a demo reads of a webhook record.
type attempt struct {
	EventID string `json:"event_id"`
}

func (r *run) collectAttempts(ctx context.Context, h *invariant.History) error {
	return r.each(ctx, broker.StreamWebhookLog, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		if endpoint.IsEventSubject(m.Subject()) {
			return nil // how an endpoint stands, no attempt
		}
		// What can't be read stays empty, and is no event's attempt then.
		outcome, of, _ := broker.ParseWebhookLogSubject(m.Subject())
		var a attempt
		_ = json.Unmarshal(m.Data(), &a)
		h.Attempts = append(h.Attempts, invariant.Attempt{
			Seq: meta.Sequence.Stream, Time: meta.Timestamp, Outcome: outcome, Merchant: of.Merchant, Endpoint: of.Endpoint,
			Payment: of.Payment, Version: of.Version, EventID: a.EventID, Body: m.Data(),
		})
		return nil
	})
}

func (r *run) collectDead(ctx context.Context, h *invariant.History) error {
	return r.each(ctx, broker.StreamDead, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		if _, err := broker.ParseDeadSubject(m.Subject()); err != nil {
			return nil // a further piece of a letter: it is read with the letter
		}
		letter, err := r.broker.ReadDead(ctx, meta.Sequence.Stream)
		if err != nil {
			return err
		}
		h.Dead = append(h.Dead, deadOf(letter))
		return nil
	})
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
