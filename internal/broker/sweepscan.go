package broker

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Change is a status message without its body. Its status and version are what
// subject and headers say, and may be forged.
type Change struct {
	Seq uint64
	// At is when the broker stored it.
	At     time.Time
	Of     PaymentRef
	Status string
	// Version is 0 where the header has none; ID is the event's, as its header says.
	Version int
	ID      string
}

// Headers of a status message that a scan reads (CloudEvents, binary mode).
const (
	headerEventID      = "ce-id"
	headerEventVersion = "ce-version"
)

// Changes tells the status log's messages from one sequence to another, both
// included, in order, until take says no more. It reads headers only, leaves
// nothing behind at the broker, and passes over subjects that nobody of ours wrote.
func (b *Broker) Changes(ctx context.Context, from, to uint64, take func(Change) (more bool)) error {
	if from > to {
		return nil
	}
	consumer, err := b.js.OrderedConsumer(ctx, StreamStatus, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{FilterStatus}, HeadersOnly: true,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(from, 1),
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", StreamStatus, err)
	}
	defer func() { _ = b.js.DeleteConsumer(ctx, StreamStatus, consumer.CachedInfo().Name) }()
	// What there is now tells where to end: to wait for one more would be for ever.
	pending := consumer.CachedInfo().NumPending
	if pending == 0 {
		return nil
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("read %s: %w", StreamStatus, err)
	}
	defer messages.Stop()
	for pending > 0 {
		meta, msg, err := b.nextOf(ctx, messages)
		if err != nil {
			return fmt.Errorf("read %s: %w", StreamStatus, err)
		}
		// The count of this message, since some may have aged out meanwhile.
		pending = meta.NumPending
		c, ours := changeOf(meta, msg)
		if c.Seq > to || ours && !take(c) {
			return nil
		}
	}
	return nil
}

// nextOf waits for a message as long as for any answer: the broker said that
// there is one.
func (b *Broker) nextOf(ctx context.Context, messages jetstream.MessagesContext) (*jetstream.MsgMetadata, jetstream.Msg, error) {
	limited, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	msg, err := messages.Next(jetstream.NextContext(limited))
	if err != nil {
		return nil, nil, err
	}
	meta, err := msg.Metadata()
	return meta, msg, err
}

// changeOf reads a message's subject and headers; false: it is nobody's of ours.
func changeOf(meta *jetstream.MsgMetadata, msg jetstream.Msg) (Change, bool) {
	c := Change{Seq: meta.Sequence.Stream, At: meta.Timestamp, ID: msg.Headers().Get(headerEventID)}
	var err error
	if c.Status, c.Of, err = ParseStatusSubject(msg.Subject()); err != nil {
		return c, false
	}
	if c.Version, err = strconv.Atoi(msg.Headers().Get(headerEventVersion)); err != nil {
		c.Version = 0
	}
	return c, true
}
