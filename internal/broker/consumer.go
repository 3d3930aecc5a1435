package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ConsumerOptions describe a durable pull consumer with explicit
// acknowledgement and no limit of deliveries.
type ConsumerOptions struct {
	Stream, Name string
	// Filter is one subject filter; on RECON_WORK it must leave timers alone.
	Filter string
	// AckWait is how long a message may be worked on before it is delivered again.
	AckWait time.Duration
	// MaxAckPending bounds messages in work, over all workers; 0 means 1000.
	MaxAckPending int
}

func (o ConsumerOptions) config() jetstream.ConsumerConfig {
	c := jetstream.ConsumerConfig{
		Name: o.Name, Durable: o.Name, FilterSubject: o.Filter,
		AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverAllPolicy,
		AckWait: o.AckWait, MaxAckPending: o.MaxAckPending,
		// A message that keeps failing is ours to give up on; the broker would
		// stop delivering it and, on a work queue, lose it.
		MaxDeliver: -1,
	}
	if c.AckWait <= 0 {
		c.AckWait = 30 * time.Second
	}
	if c.MaxAckPending == 0 {
		c.MaxAckPending = 1000
	}
	return c
}

// Consumer gives the consumer: looked up first, created only when it is absent,
// updated where its settings differ. It is never created blindly, because a
// create that collides with a living consumer can destroy that one's state
// (nats-server issue 8491). A consumer that can't be ours (another filter, kind
// or acknowledgement) is refused with a SettingsError.
func (b *Broker) Consumer(ctx context.Context, o ConsumerOptions) (jetstream.Consumer, error) {
	if o.Stream == "" || o.Name == "" || o.Filter == "" {
		return nil, errors.New("set up a consumer: stream, name and filter are needed")
	}
	want := o.config()
	if o.Stream == StreamWork {
		if faults := checkWorkConsumer(want); len(faults) > 0 {
			return nil, &SettingsError{Faults: faults}
		}
	}
	var consumer jetstream.Consumer
	err := b.retry(ctx, "set up consumer "+o.Name+" of "+o.Stream, func(ctx context.Context) error {
		var err error
		consumer, err = b.consumerOnce(ctx, o, want)
		return err
	})
	return consumer, err
}

func (b *Broker) consumerOnce(ctx context.Context, o ConsumerOptions, want jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	found, err := b.js.Consumer(ctx, o.Stream, o.Name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		created, err := b.js.CreateConsumer(ctx, o.Stream, want)
		if errors.Is(err, jetstream.ErrConsumerExists) {
			return b.js.Consumer(ctx, o.Stream, o.Name) // another worker was first; it has our settings or the next start corrects them
		}
		return created, err
	}
	if err != nil {
		return nil, err
	}
	have := found.CachedInfo().Config
	if faults := checkConsumer(o, have); len(faults) > 0 {
		return nil, &permanentError{&SettingsError{Faults: faults}}
	}
	if have.AckWait == want.AckWait && have.MaxAckPending == want.MaxAckPending && have.MaxDeliver == want.MaxDeliver &&
		have.InactiveThreshold == 0 && !have.HeadersOnly && len(have.BackOff) == 0 {
		return found, nil
	}
	updated := have // what we don't know of stays
	updated.AckWait, updated.MaxAckPending, updated.MaxDeliver = want.AckWait, want.MaxAckPending, want.MaxDeliver
	updated.InactiveThreshold, updated.HeadersOnly, updated.BackOff = 0, false, nil
	return b.js.UpdateConsumer(ctx, o.Stream, updated)
}

// checkConsumer looks at what no update can change, or what shows that the
// consumer is somebody else's.
func checkConsumer(o ConsumerOptions, found jetstream.ConsumerConfig) []Fault {
	var faults []Fault
	add := func(setting string, good bool, found, wanted string) {
		if !good {
			faults = append(faults, Fault{Stream: o.Stream, Consumer: o.Name, Setting: setting, Found: orNone(found), Wanted: wanted})
		}
	}
	filters := filtersOf(found)
	add("filter_subject", len(filters) == 1 && filters[0] == o.Filter, fmt.Sprint(filters), o.Filter)
	add("ack_policy", found.AckPolicy == jetstream.AckExplicitPolicy, found.AckPolicy.String(), "explicit")
	add("deliver_policy", found.DeliverPolicy == jetstream.DeliverAllPolicy, found.DeliverPolicy.String(), "all")
	add("deliver_subject", found.DeliverSubject == "", found.DeliverSubject, "none: a pull consumer")
	return faults
}
