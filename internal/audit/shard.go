package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/invariant"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/payment"
)

// recordCost is about what is kept of a record of the webhook log, in bytes.
const recordCost = 150

// bundle is all that the streams hold of one payment.
type bundle struct {
	name
	inputs   []invariant.Input
	events   []invariant.Event
	attempts []invariant.Attempt
	dead     []invariant.Dead
	// before is the sequence of the event before the first one here; 0: none.
	before uint64
	// latest is the sequence of the last message, whoever wrote it.
	latest uint64
	// newer: it has events of a newer version, which are not here.
	newer bool
}

// shard is the payments that are judged together: one part of many, by hash.
type shard struct {
	*run
	part, parts uint64
	payments    map[name]*bundle
}

// passes reads the logs as often as it takes to judge all payments in the memory.
func (r *run) passes(ctx context.Context) error {
	bytes := r.marks.payments.Bytes + r.marks.status.Bytes + r.marks.log.Msgs*recordCost
	parts := bytes/uint64(r.o.Memory) + 1
	r.report.Passes = int(parts)
	for part := range parts {
		s := &shard{run: r, part: part, parts: parts, payments: map[name]*bundle{}}
		// Effects before causes.
		for _, read := range []func(context.Context) error{s.readDead, s.readAttempts, s.readEvents, s.readCreated} {
			if err := read(ctx); err != nil {
				return err
			}
		}
		r.search(true)
		r.tell(Progress{Doing: "judging", Pass: int(part) + 1, Passes: int(parts)})
		if err := s.judge(ctx); err != nil {
			return err
		}
	}
	return nil
}

// first reports whether this is the pass in which what belongs to no payment counts.
func (s *shard) first() bool { return s.part == 0 }

// of gives a payment's bundle; nil: it is another pass's.
func (s *shard) of(merchant, paymentID string) *bundle {
	n := name{merchant, paymentID}
	if s.hash(n)%s.parts != s.part {
		return nil
	}
	b := s.payments[n]
	if b == nil {
		b = &bundle{name: n}
		s.payments[n] = b
	}
	return b
}

func (s *shard) scan(stream string) scan { return scan{stream: stream, pass: int(s.part) + 1} }

// readDead reads the letters of webhooks: those of created events are read with them.
func (s *shard) readDead(ctx context.Context) error {
	which := s.scan(broker.StreamDead)
	which.headers = true
	return s.each(ctx, which, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		of, err := broker.ParseDeadSubject(m.Subject())
		if err != nil || of.Stage == invariant.StageIntake || of.Payment == "" {
			return nil
		}
		b := s.of(of.Merchant, of.Payment)
		if b == nil {
			return nil
		}
		d, err := s.letter(ctx, meta.Sequence.Stream, of)
		b.dead = append(b.dead, d)
		return err
	})
}

// readAttempts keeps of each record what the rules need; its body is only searched for
// what may not be there.
func (s *shard) readAttempts(ctx context.Context) error {
	return s.each(ctx, s.scan(broker.StreamWebhookLog), func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		if endpoint.IsEventSubject(m.Subject()) {
			return nil // how an endpoint stands, no attempt
		}
		outcome, of, err := broker.ParseWebhookLogSubject(m.Subject())
		if err != nil {
			if s.first() {
				s.add(foreign(broker.StreamWebhookLog, meta.Sequence.Stream, "its subject is none of ours"))
			}
			return nil
		}
		b := s.of(of.Merchant, of.Payment)
		if b == nil {
			return nil
		}
		s.report.Attempts++
		var record struct {
			EventID string `json:"event_id"`
		}
		_ = json.Unmarshal(m.Data(), &record) // what can't be read is no event's attempt
		a := invariant.Attempt{
			Seq: meta.Sequence.Stream, Time: meta.Timestamp, Outcome: outcome, Merchant: b.merchant, Endpoint: of.Endpoint,
			Payment: b.payment, Version: of.Version, EventID: record.EventID, Replay: m.Headers().Get("Recon-Replay") != "",
		}
		b.attempts = append(b.attempts, a)
		a.Body = m.Data()
		s.unread.Attempts = append(s.unread.Attempts, a)
		s.search(false)
		return nil
	})
}

func (s *shard) readEvents(ctx context.Context) error {
	return s.each(ctx, s.scan(broker.StreamStatus), func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		status, of, err := broker.ParseStatusSubject(m.Subject())
		if err != nil {
			if s.first() {
				s.add(foreign(broker.StreamStatus, meta.Sequence.Stream, "its subject is none of ours"))
			}
			return nil
		}
		b := s.of(of.Merchant, of.Payment)
		if b == nil {
			return nil
		}
		s.report.Events++
		if meta.Sequence.Stream > s.marks.dispatched {
			s.report.WaitingEvents++
		}
		var origin payment.Origin
		_ = json.Unmarshal([]byte(m.Headers().Get("Recon-Origin")), &origin) // empty: judged below
		e := invariant.Event{
			Seq: meta.Sequence.Stream, Time: meta.Timestamp, Status: payment.Status(status), Account: of.Account, Merchant: b.merchant,
			Payment: b.payment, ID: m.Headers().Get("ce-id"), Digest: origin.Digest, Body: bytes.Clone(m.Data()),
		}
		b.latest = e.Seq
		if !s.ours(b, e) {
			return nil
		}
		if len(b.events) == 0 {
			b.before, _ = strconv.ParseUint(m.Headers().Get(jetstream.ExpectedLastSubjSeqHeader), 10, 64)
		}
		b.events = append(b.events, e)
		return nil
	})
}

// readCreated reads what upstream published, with the dead letters made of it.
func (s *shard) readCreated(ctx context.Context) error {
	return s.each(ctx, s.scan(broker.StreamPayments), func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		seq := meta.Sequence.Stream
		var of struct {
			Merchant string `json:"merchant_id"`
			Payment  string `json:"payment_id"`
		}
		if json.Unmarshal(m.Data(), &of) != nil || of.Merchant == "" || of.Payment == "" {
			// It is no payment, and judged by itself.
			of.Merchant, of.Payment = "", "created event "+strconv.FormatUint(seq, 10)
		}
		b := s.of(of.Merchant, of.Payment)
		if b == nil {
			return nil
		}
		s.report.Created++
		if seq > s.marks.taken {
			s.report.WaitingCreated++
		}
		b.inputs = append(b.inputs, invariant.Input{Seq: seq, Time: meta.Timestamp, Subject: m.Subject(), Body: bytes.Clone(m.Data())})
		at, buried := s.letters[seq]
		if !buried {
			return nil
		}
		d, err := s.letter(ctx, at, broker.DeadRef{Stage: invariant.StageIntake, Reason: "not read", Stream: broker.StreamPayments, Seq: seq})
		b.dead = append(b.dead, d)
		return err
	})
}
