package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/invariant"
)

// scan is a stream to be read; headers: without the bodies.
type scan struct {
	stream  string
	headers bool
	pass    int
}

const (
	// batch is how many messages one pull asks for.
	batch = 2000
	// patience is how long the broker may take for the next message.
	patience = 30 * time.Second
	// telling is after how many messages progress is told.
	telling = 1024
)

// each reads a stream in order, up to the message that is last now. It acknowledges
// nothing and leaves nothing behind. Never for RECON_WORK.
func (r *run) each(ctx context.Context, s scan, read func(jetstream.Msg, *jetstream.MsgMetadata) error) error {
	js := r.o.Broker.JetStream()
	c, err := js.OrderedConsumer(ctx, s.stream, jetstream.OrderedConsumerConfig{HeadersOnly: s.headers})
	if err != nil {
		return fmt.Errorf("read %s: %w", s.stream, err)
	}
	defer func() { _ = js.DeleteConsumer(ctx, s.stream, c.CachedInfo().Name) }()
	all := c.CachedInfo().NumPending
	if all == 0 {
		return nil
	}
	messages, err := c.Messages(jetstream.PullMaxMessages(batch))
	if err != nil {
		return fmt.Errorf("read %s: %w", s.stream, err)
	}
	defer messages.Stop()
	for done := uint64(1); ; done++ {
		msg, err := next(ctx, messages)
		if err != nil {
			return fmt.Errorf("read %s: %w", s.stream, err)
		}
		meta, err := msg.Metadata()
		if err == nil {
			err = read(msg, meta)
		}
		if err != nil {
			return fmt.Errorf("read a message of %s: %w", s.stream, err)
		}
		if done%telling == 0 {
			r.tell(Progress{Doing: s.stream, Pass: s.pass, Passes: r.report.Passes, Done: done, All: all})
		}
		if done >= all || meta.NumPending == 0 {
			return nil
		}
	}
}

func next(ctx context.Context, messages jetstream.MessagesContext) (jetstream.Msg, error) {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return messages.Next(jetstream.NextContext(limited))
}

// letter reads a dead letter. One that can't be read whole is a finding, and as much of it
// as its subject says.
func (r *run) letter(ctx context.Context, seq uint64, of broker.DeadRef) (invariant.Dead, error) {
	letter, err := r.o.Broker.ReadDead(ctx, seq)
	d := deadOf(letter)
	switch {
	case ctx.Err() != nil:
		return d, context.Cause(ctx)
	case err != nil:
		d = invariant.Dead{Stage: of.Stage, Reason: of.Reason, SourceStream: of.Stream, SourceSeq: of.Seq, Merchant: of.Merchant, Payment: of.Payment}
		r.add(Finding{
			Kind: KindViolation, Rule: 6, Stream: broker.StreamDead, Seq: seq, Merchant: of.Merchant, Payment: of.Payment,
			Detail: fmt.Sprintf("dead letter %d can't be read whole: %v", seq, err), Do: remedy(6),
		})
	default:
		if job, err := broker.ParseWebhook(letter.Source.Subject); err == nil {
			d.Endpoint, d.Version = job.Endpoint, job.Version
		}
	}
	return d, nil
}

func deadOf(l broker.Letter) invariant.Dead {
	return invariant.Dead{
		Time: l.Time, Stage: l.Stage, Reason: l.Reason, SourceStream: l.Source.Stream, SourceSeq: l.Source.Seq,
		Merchant: l.Merchant, Payment: l.Payment, Body: l.Source.Body,
	}
}
