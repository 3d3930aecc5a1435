package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// BucketPlaces is the key-value bucket that keeps how far the consumers have come
// whose stream keeps its messages: "<stream>.<consumer>" -> place.
const BucketPlaces = "RECON_PLACES"

// placeSchema is the version of a place's JSON. A newer one may add fields, but
// those of version 1 keep their meaning.
const placeSchema = 1

// place is how far a consumer has come. Without it a consumer that was deleted
// would begin with the oldest message: old created events whose payments are
// forgotten would become payments again, and webhooks whose records are forgotten
// would be sent again.
type place struct {
	Schema int `json:"schema"`
	// Seq is the stream sequence up to which everything was acknowledged.
	Seq uint64 `json:"seq"`
	// At is when message Seq was stored, or an earlier one if Seq is gone. It tells
	// the place where sequences can't: in a stream that was restored or made anew.
	At time.Time `json:"at"`
	// Stream and Consumer are when those were made whose place this is.
	Stream   time.Time `json:"stream_created"`
	Consumer time.Time `json:"consumer_created,omitzero"`
}

// kept is a place as it is recorded, and the stream as it is now.
type kept struct {
	place
	// found says that there is a record, holds that its sequence means the same
	// message today.
	found, holds bool
	stream       streamState
	bucket       jetstream.KeyValue
	key          string
	revision     uint64
}

// place reads the place of a consumer.
func (b *Broker) place(ctx context.Context, o ConsumerOptions) (kept, error) {
	bucket, err := b.Bucket(ctx, BucketOptions{Name: BucketPlaces, Description: "how far consumers have come, for the one that replaces a lost one", History: 1})
	if err != nil {
		return kept{}, fmt.Errorf("look for the place of %s: %w", o.Name, err)
	}
	k := kept{bucket: bucket, key: o.Stream + "." + o.Name}
	if k.stream, err = b.streamState(ctx, o.Stream); err != nil {
		return kept{}, err
	}
	var entry jetstream.KeyValueEntry
	err = b.Retry(ctx, "read the place of "+o.Name, func(ctx context.Context) error {
		entry, err = bucket.Get(ctx, k.key)
		return err
	})
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return k, nil
	}
	if err != nil {
		return kept{}, err
	}
	k.revision = entry.Revision()
	// What can't be read is as good as none, and will be written anew.
	k.found = json.Unmarshal(entry.Value(), &k.place) == nil && k.Schema >= placeSchema
	if k.found {
		k.holds, err = b.holds(ctx, o.Stream, k.place, k.stream)
	}
	return k, err
}

// holds reports whether a place's sequence still means what it meant: a stream that
// was restored from an older copy, or made anew, gives the same numbers to others.
func (b *Broker) holds(ctx context.Context, stream string, p place, is streamState) (bool, error) {
	if p.Seq > is.Last {
		return false, nil
	}
	m, err := b.read(ctx, stream, readRequest{Seq: max(p.Seq, 1)})
	switch {
	case p.Seq == 0 && (err == nil || errors.Is(err, ErrNotFound)), errors.Is(err, ErrNotFound):
		return p.Stream.Equal(is.Created), nil
	case err != nil:
		return false, err
	}
	return m.Time.Equal(p.At), nil
}

// save records a place; it fails where somebody else has done so since k was read.
func (b *Broker) save(ctx context.Context, o ConsumerOptions, k kept, seq uint64, consumer time.Time) error {
	p := place{Schema: placeSchema, Seq: seq, At: k.At, Stream: k.stream.Created, Consumer: consumer}
	m, err := b.read(ctx, o.Stream, readRequest{Seq: max(seq, 1)})
	if err == nil && seq > 0 {
		p.At = m.Time
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("keep the place of %s: %w", o.Name, err)
	}
	value, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode the place of %s: %w", o.Name, err)
	}
	if k.revision == 0 {
		_, err = k.bucket.Create(ctx, k.key, value)
	} else {
		_, err = k.bucket.Update(ctx, k.key, value, k.revision)
	}
	if err != nil {
		return fmt.Errorf("keep the place of %s: %w", o.Name, err)
	}
	return nil
}

// KeepPlace records how far a consumer has come that InspectConsumer found without
// a problem. A place only moves on, so any number of workers may record it.
func (b *Broker) KeepPlace(ctx context.Context, o ConsumerOptions, seen ConsumerState) error {
	if o.Done == "" {
		return nil
	}
	k, err := b.place(ctx, o)
	if err != nil {
		return err
	}
	if k.holds && (seen.Floor < k.Seq || seen.Floor == k.Seq && seen.Created.Equal(k.Consumer)) {
		return nil
	}
	return b.save(ctx, o, k, seen.Floor, seen.Created)
}

// misplaced says what is wrong with where a consumer stands: one that is another
// than the one whose place is recorded would pass over messages that nobody
// acknowledged, or give again what was acknowledged; our own begin at the place.
// And one that stayed while its stream was replaced stands anywhere.
func (k kept) misplaced(o ConsumerOptions, info *jetstream.ConsumerInfo) []Fault {
	fault := func(setting string, found uint64) []Fault {
		return []Fault{{
			Stream: o.Stream, Consumer: o.Name, Setting: setting, Found: fmt.Sprint("sequence ", found),
			Wanted: fmt.Sprintf("%d, up to which the consumer before it had come", k.Seq),
		}}
	}
	same, floor := info.Created.Equal(k.Consumer), info.AckFloor.Stream
	switch c := info.Config; {
	case !k.found, k.holds && same:
		return nil
	case !k.holds && same && floor >= k.Seq && floor > 0:
		return fault("place, in a stream that was replaced since,", floor)
	case !k.holds:
		return nil
	case c.DeliverPolicy == jetstream.DeliverByStartSequencePolicy && c.OptStartSeq > k.Seq+1:
		return fault("start, behind messages that nobody handled,", c.OptStartSeq)
	case floor < k.Seq:
		return fault("place, before messages that were handled long ago,", floor)
	}
	return nil
}
