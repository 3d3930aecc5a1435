package ops

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// span is a part of a stream: the messages of a filter from one sequence to
// another, both included.
type span struct {
	stream, filter string
	from, to       uint64
}

// entry is a message without its body.
type entry struct {
	seq     uint64
	subject string
	header  nats.Header
	at      time.Time
}

// scan reads the headers of a span in order until take says no more. It leaves
// nothing behind at the broker, and nothing is acknowledged.
func (r *Replays) scan(ctx context.Context, s span, take func(entry) (more bool)) error {
	stream, err := r.o.Broker.JetStream().Stream(ctx, s.stream)
	if err != nil {
		return fmt.Errorf("open %s: %w", s.stream, err)
	}
	// The last message tells where to end: to wait for one more would be for ever.
	last, err := stream.GetLastMsgForSubject(ctx, s.filter)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for the end of %s: %w", s.stream, err)
	}
	s.from = max(s.from, 1)
	if end := min(s.to, last.Sequence); s.from > end {
		return nil
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{s.filter}, HeadersOnly: true, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: s.from,
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", s.stream, err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("read %s: %w", s.stream, err)
	}
	defer messages.Stop()
	return s.read(ctx, messages, last.Sequence, take)
}

func (s span) read(ctx context.Context, messages jetstream.MessagesContext, last uint64, take func(entry) bool) error {
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read %s: %w", s.stream, err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read %s: %w", s.stream, err)
		}
		seq := meta.Sequence.Stream
		if seq > s.to || !take(entry{seq, msg.Subject(), msg.Headers(), meta.Timestamp}) || seq >= last {
			return nil
		}
	}
}

// stateOf is what a stream holds.
func (r *Replays) stateOf(ctx context.Context, stream string) (jetstream.StreamState, error) {
	s, err := r.o.Broker.JetStream().Stream(ctx, stream)
	if err != nil {
		return jetstream.StreamState{}, fmt.Errorf("open %s: %w", stream, err)
	}
	return s.CachedInfo().State, nil
}
