package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
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
	// Done, for a stream that keeps its messages, is the stream whose records tell
	// the handler what was handled before. With it the consumer's place is kept
	// (KeepPlace), and a consumer that was lost begins there, but never with messages
	// so old that their records are gone. Empty: it begins with the oldest message.
	Done string
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
// or acknowledgement), or that stands elsewhere than the one before it, is refused with
// a SettingsError; see Rebuild. So is one that can't be made because others of the
// work queue have its messages.
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
	found, err := b.findConsumer(ctx, o, want)
	if !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return found, err
	}
	start, err := b.startOf(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("set up consumer %s of %s: %w", o.Name, o.Stream, err)
	}
	if start > 0 {
		want.DeliverPolicy, want.OptStartSeq = jetstream.DeliverByStartSequencePolicy, start
	}
	return b.createConsumer(ctx, o, want)
}

// findConsumer gives a consumer that exists, with its settings corrected.
func (b *Broker) findConsumer(ctx context.Context, o ConsumerOptions, want jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	var found jetstream.Consumer
	name := "set up consumer " + o.Name + " of " + o.Stream
	err := b.Retry(ctx, name, func(ctx context.Context) error {
		var err error
		found, err = b.js.Consumer(ctx, o.Stream, o.Name)
		return err
	})
	if err != nil {
		return nil, err
	}
	have := found.CachedInfo().Config
	faults := checkConsumer(o, have)
	if len(faults) == 0 {
		if faults, err = b.checkPlace(ctx, o, found.CachedInfo()); err != nil {
			return nil, err
		}
	}
	if len(faults) > 0 {
		return nil, &SettingsError{Faults: faults}
	}
	if have.AckWait == want.AckWait && have.MaxAckPending == want.MaxAckPending && have.MaxDeliver == want.MaxDeliver &&
		have.InactiveThreshold == 0 && !have.HeadersOnly && len(have.BackOff) == 0 {
		return found, nil
	}
	updated := have // what we don't know of stays
	updated.AckWait, updated.MaxAckPending, updated.MaxDeliver = want.AckWait, want.MaxAckPending, want.MaxDeliver
	updated.InactiveThreshold, updated.HeadersOnly, updated.BackOff = 0, false, nil
	err = b.Retry(ctx, name, func(ctx context.Context) error {
		found, err = b.js.UpdateConsumer(ctx, o.Stream, updated)
		return err
	})
	return found, err
}

func (b *Broker) createConsumer(ctx context.Context, o ConsumerOptions, want jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	var created jetstream.Consumer
	err := b.Retry(ctx, "create consumer "+o.Name+" of "+o.Stream, func(ctx context.Context) error {
		var err error
		created, err = b.js.CreateConsumer(ctx, o.Stream, want)
		return err
	})
	var refused *jetstream.APIError
	switch {
	case errors.Is(err, jetstream.ErrConsumerExists): // another worker was first
		err = b.existing(ctx, "set up consumer "+o.Name+" of "+o.Stream, func(ctx context.Context) error {
			created, err = b.findConsumer(ctx, o, want)
			return err
		})
		return created, err
	case errors.As(err, &refused) && (refused.ErrorCode == codeOverlaps || refused.ErrorCode == codeUnfiltered):
		return nil, errors.Join(err, b.blockers(ctx, o))
	}
	return created, err
}

// Error codes for a consumer of a work queue whose filter another has already
// (nats-server server/errors.json).
const (
	codeUnfiltered jetstream.ErrorCode = 10099
	codeOverlaps   jetstream.ErrorCode = 10100
)

// blockers names the consumers of a work queue that have our consumer's messages.
// They are not ours, so a person must remove them.
func (b *Broker) blockers(ctx context.Context, o ConsumerOptions) error {
	var faults []Fault
	err := b.eachConsumer(ctx, o.Stream, func(c jetstream.ConsumerConfig) {
		for _, f := range orAll(filtersOf(c)) {
			if c.Name != o.Name && server.SubjectsCollide(f, o.Filter) {
				fault := Fault{Stream: o.Stream, Consumer: c.Name, Setting: "filter_subject", Found: f}
				fault.Wanted = "nothing of " + o.Filter + ", which is " + o.Name + "'s" + removal(fault)
				faults = append(faults, fault)
			}
		}
	})
	if err != nil {
		return err
	}
	return &SettingsError{Faults: faults}
}

// removal is the command for a consumer that is in our way.
func removal(f Fault) string {
	return fmt.Sprintf("; if nobody needs it: nats consumer rm %s %s", f.Stream, f.Consumer)
}

// checkPlace looks where a consumer stands whose place is kept.
func (b *Broker) checkPlace(ctx context.Context, o ConsumerOptions, info *jetstream.ConsumerInfo) ([]Fault, error) {
	if o.Done == "" {
		return nil, nil
	}
	k, err := b.place(ctx, o)
	if err != nil {
		return nil, err
	}
	return k.misplaced(o, info), nil
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
	// A consumer made anew begins where the one before it stood; a work queue takes "all" only.
	resumed := found.DeliverPolicy == jetstream.DeliverByStartSequencePolicy && o.Stream != StreamWork
	add("deliver_policy", resumed || found.DeliverPolicy == jetstream.DeliverAllPolicy, found.DeliverPolicy.String(), "all")
	add("deliver_subject", found.DeliverSubject == "", found.DeliverSubject, "none: a pull consumer")
	return faults
}
