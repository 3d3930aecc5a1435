package consumer

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
)

// The versions of a webhook job's header. Version 1 is what job shows without
// Replay; version 2 has it, so that a worker that knows no replays leaves the job
// to others: it would drop it, because the event had its end before.
const (
	jobSchema    = 1
	replaySchema = 2
)

// headerJob holds a webhook job as JSON. The message's body is the event's
// body, so that the very bytes that were published reach the merchant.
const headerJob = "Recon-Job"

// job is one event on its way to one endpoint.
type job struct {
	Schema     int    `json:"schema"`
	EventID    string `json:"event_id"`
	MerchantID string `json:"merchant_id"`
	PaymentID  string `json:"payment_id"`
	Endpoint   string `json:"endpoint"`
	Version    int    `json:"version"`
	// Seq is the event's sequence in the status stream, Before that of the
	// payment's event before it (0: there is none).
	Seq    uint64 `json:"seq"`
	Before uint64 `json:"before"`
	// Attempts were made so far. Waits counts how often since the last one the
	// job could not begin.
	Attempts int `json:"attempts"`
	Waits    int `json:"waits,omitempty"`
	// Replay is the mark of the replay that asked for the event again; empty: the
	// dispatcher made the job.
	Replay string `json:"replay,omitempty"`
	Trace  string `json:"-"`
	Body   []byte `json:"-"`
}

// newJob is the job of an event as it is stored; its endpoint is the caller's to name.
func newJob(e payment.Event, stored broker.Stored) job {
	return job{
		EventID: e.ID(), MerchantID: e.Data.MerchantID, PaymentID: e.Data.PaymentID, Version: e.Data.Version,
		Seq: stored.Seq, Before: precedingSeq(stored.Header), Trace: stored.Header.Get(headerTrace), Body: stored.Body,
	}
}

func (j job) dueSubject() string {
	return broker.WebhookDue(j.MerchantID, j.Endpoint, j.PaymentID, j.Version)
}

func (j job) timerSubject() string {
	return broker.WebhookTimer(j.MerchantID, j.Endpoint, j.PaymentID, j.Version)
}

// patience is about how long a job rests that could not begin and nobody knows
// when it can: 1 s, doubling to 1 min with each time. A long queue before one
// endpoint must not keep the broker and the other endpoints' webhooks busy.
func (j job) patience() time.Duration {
	const longest = time.Minute
	return min(postponement<<min(j.Waits, 6), longest)
}

// ref names a version of the job's payment at the job's endpoint.
func (j job) ref(version int) broker.WebhookRef {
	return broker.WebhookRef{Merchant: j.MerchantID, Endpoint: j.Endpoint, Payment: j.PaymentID, Version: version}
}

func (j job) header() (nats.Header, error) {
	j.Schema = jobSchema
	if j.Replay != "" {
		j.Schema = replaySchema
	}
	encoded, err := json.Marshal(j)
	if err != nil {
		return nil, fmt.Errorf("encode the webhook job of payment %q: %w", j.PaymentID, err)
	}
	h := nats.Header{}
	h.Set(headerJob, string(encoded))
	if j.Trace != "" {
		h.Set(headerTrace, j.Trace)
	}
	return h, nil
}

// readJob reads a job and believes it only if header, body and subject agree.
// The error is a *payment.NewerSchemaError where newer code wrote it.
func readJob(msg jetstream.Msg) (job, error) {
	var j job
	header := []byte(msg.Headers().Get(headerJob))
	if err := checkSchema(header, replaySchema); err != nil {
		return job{}, err
	}
	if err := json.Unmarshal(header, &j); err != nil {
		return job{}, &forgedError{field: headerJob, problem: "is missing or unreadable"}
	}
	event, err := payment.ParseEvent(msg.Data())
	if err != nil {
		return job{}, err
	}
	d := event.Data
	if j.EventID != event.ID() || j.MerchantID != d.MerchantID || j.PaymentID != d.PaymentID || j.Version != d.Version {
		return job{}, &forgedError{field: headerJob, problem: "is about another event than the body"}
	}
	if msg.Subject() != j.dueSubject() {
		return job{}, &forgedError{field: "subject", problem: "is not the job's"}
	}
	j.Trace, j.Body = msg.Headers().Get(headerTrace), msg.Data()
	return j, nil
}
