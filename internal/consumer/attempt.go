package consumer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/payment"
)

// The outcomes of a webhook attempt: tokens of WEBHOOK_LOG's subjects.
const (
	outcomeDelivered = "delivered"
	outcomeFailed    = "failed"    // another attempt follows
	outcomeExhausted = "exhausted" // given up, a dead letter holds it
	outcomeSkipped   = "skipped"   // the endpoint was off
)

// ends reports whether an outcome is the last one of its event and endpoint.
func ends(outcome string) bool {
	return outcome == outcomeDelivered || outcome == outcomeExhausted || outcome == outcomeSkipped
}

// attemptSchema is the version of a record. Version 1 is what attemptRecord shows.
const attemptSchema = 1

// attemptRecord is one line of WEBHOOK_LOG.
type attemptRecord struct {
	SchemaVersion int       `json:"schema_version"`
	EventID       string    `json:"event_id"`
	MerchantID    string    `json:"merchant_id"`
	Endpoint      string    `json:"endpoint"`
	PaymentID     string    `json:"payment_id"`
	Version       int       `json:"version"`
	Attempt       int       `json:"attempt"`
	Outcome       string    `json:"outcome"`
	At            time.Time `json:"at"`
	LatencyMS     int64     `json:"latency_ms"`
	// Status is the HTTP status, 0 where there was no answer; Class says why not,
	// Reason in which phase and of what, Detail the same for people.
	Status int    `json:"http_status,omitempty"`
	Class  string `json:"class,omitempty"`
	Reason string `json:"reason,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Excerpt is the beginning of the merchant's answer, made printable.
	Excerpt string    `json:"excerpt,omitempty"`
	Remote  string    `json:"remote,omitempty"`
	NextAt  time.Time `json:"next_at,omitzero"`
	// Replay is the mark of the replay that the attempt was made for; empty: the
	// first delivery. A replay's attempts are counted from 1.
	Replay string `json:"replay,omitempty"`
}

// lastAttempt reads the last record of a webhook; the zero value if there is none,
// or one that no worker wrote: believed, it would keep the merchant from ever
// hearing of the event. The error is a *payment.NewerSchemaError where newer code
// wrote it: what followed of that attempt it knows best.
func lastAttempt(ctx context.Context, b *broker.Broker, of broker.WebhookRef) (attemptRecord, error) {
	outcome, stored, err := b.LastLog(ctx, of)
	if errors.Is(err, broker.ErrNotFound) {
		return attemptRecord{}, nil
	}
	if err != nil {
		return attemptRecord{}, fmt.Errorf("read the webhook log of payment %q: %w", of.Payment, err)
	}
	rec, err := readAttempt(of, stored.Body)
	if err != nil {
		return attemptRecord{}, fmt.Errorf("read the webhook log of payment %q: %w", of.Payment, err)
	}
	if rec.EventID != "" {
		rec.Outcome = outcome
	}
	return rec, nil
}

// readAttempt reads a record; the zero value if no worker wrote it.
func readAttempt(of broker.WebhookRef, body []byte) (attemptRecord, error) {
	var peek struct {
		SchemaVersion int `json:"schema_version"`
	}
	if json.Unmarshal(body, &peek) == nil && peek.SchemaVersion > attemptSchema {
		return attemptRecord{}, &payment.NewerSchemaError{Version: peek.SchemaVersion}
	}
	var rec attemptRecord
	if json.Unmarshal(body, &rec) != nil || rec.EventID != payment.EventID(of.Merchant, of.Payment, of.Version) {
		return attemptRecord{}, nil
	}
	return rec, nil
}

// lastOf reads the last record that tells how far a job is. Of a replay's job
// that is one of the same replay. Any other job is over once its event had an end,
// but how often a replay tried counts for that replay alone.
func lastOf(ctx context.Context, b *broker.Broker, j job) (attemptRecord, error) {
	last, err := lastAttempt(ctx, b, j.ref(j.Version))
	if last.Replay == j.Replay || j.Replay == "" && ends(last.Outcome) {
		return last, err
	}
	return attemptRecord{}, err
}

func newAttemptRecord(j job, began time.Time, r webhook.Result) attemptRecord {
	return attemptRecord{
		SchemaVersion: attemptSchema, EventID: j.EventID, MerchantID: j.MerchantID, Endpoint: j.Endpoint,
		PaymentID: j.PaymentID, Version: j.Version, Attempt: j.Attempts, At: began.UTC(),
		LatencyMS: r.Latency.Milliseconds(), Status: r.Status, Class: string(r.Class), Reason: string(r.Reason), Detail: r.Detail,
		Excerpt: r.Excerpt, Remote: r.Remote, Replay: j.Replay,
	}
}

func writeAttempt(ctx context.Context, b *broker.Broker, j job, rec attemptRecord) error {
	body, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("encode a webhook attempt of payment %q: %w", j.PaymentID, err)
	}
	header := nats.Header{}
	header.Set(headerID, j.EventID)
	if j.Trace != "" {
		header.Set(headerTrace, j.Trace)
	}
	subject := broker.WebhookLogSubject(rec.Outcome, j.ref(j.Version))
	id := fmt.Sprintf("%s/%s/%d/%s", j.EventID, j.Endpoint, rec.Attempt, rec.Outcome)
	if rec.Replay != "" {
		// A header too, so that who counts a replay's attempts reads headers only.
		header.Set(headerReplay, rec.Replay)
		id += "/" + rec.Replay
	}
	if err := b.AppendLog(ctx, broker.LogRecord{Subject: subject, ID: id, Header: header, Body: body}); err != nil {
		return fmt.Errorf("record a webhook attempt of payment %q: %w", j.PaymentID, err)
	}
	return nil
}
