package broker

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// BucketBreakers is the key-value bucket in which the workers of a fleet tell
// each other how providers' taps stand.
const BucketBreakers = "RECON_BREAKERS"

// BucketOptions say what a key-value bucket is for.
type BucketOptions struct {
	Name, Description string
	// History is how many values of a key are kept, at least 1.
	History uint8
	// TTL is how long a value is kept; 0: for ever.
	TTL time.Duration
}

// Bucket gives a key-value bucket, made if it is missing. It may be called by
// any number of workers at once, and again. A get of it asks the stream's leader:
// what a replica says may be stale.
func (b *Broker) Bucket(ctx context.Context, o BucketOptions) (jetstream.KeyValue, error) {
	var kv jetstream.KeyValue
	var status jetstream.KeyValueStatus
	err := b.existing(ctx, "set up bucket "+o.Name, func(ctx context.Context) (err error) {
		kv, err = b.js.KeyValue(ctx, o.Name)
		if errors.Is(err, jetstream.ErrBucketNotFound) {
			if _, err := b.js.CreateStream(ctx, b.bucketStream(o)); err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
				return err
			}
			kv, err = b.js.KeyValue(ctx, o.Name)
		}
		if err != nil {
			return err
		}
		status, err = kv.Status(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &bucket{KeyValue: kv, broker: b}, checkBucket(status, o)
}

// Put is as the client library's.
func (b *bucket) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	revision, err := b.KeyValue.Put(ctx, key, value)
	return revision, b.note(ctx, err)
}

// Create is as the client library's.
func (b *bucket) Create(ctx context.Context, key string, value []byte, opts ...jetstream.KVCreateOpt) (uint64, error) {
	revision, err := b.KeyValue.Create(ctx, key, value, opts...)
	return revision, b.note(ctx, err)
}

// Update is as the client library's.
func (b *bucket) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	revision, err := b.KeyValue.Update(ctx, key, value, revision)
	return revision, b.note(ctx, err)
}

// note remembers whether the bucket's stream took a value. Heartbeats are values, so
// this tells of a store without room where nothing else is written.
func (b *bucket) note(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) || !b.broker.conn.IsConnected() {
		return err // what was broken off or never arrived says nothing of the stream
	}
	told := judge(&jetstream.PubAck{}, err)
	if Overtaken(err) {
		told = refused
	}
	b.broker.writes.note("KV_"+b.Bucket(), told, err)
	return err
}

// Overtaken reports whether a bucket refused a value because somebody else had
// written the key since it was read. A replicated stream says so in words of its own
// while the other's write is under way.
func Overtaken(err error) bool {
	var refused *jetstream.APIError
	if errors.As(err, &refused) && (refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant) {
		return true
	}
	return errors.Is(err, jetstream.ErrKeyExists)
}

// bucketStream is the stream of a bucket as the client library would make it, but
// without direct reads.
func (b *Broker) bucketStream(o BucketOptions) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: "KV_" + o.Name, Description: o.Description, Subjects: []string{"$KV." + o.Name + ".>"},
		MaxMsgsPerSubject: int64(o.History), MaxAge: o.TTL, Storage: jetstream.FileStorage, Replicas: b.replicas,
		MaxMsgs: -1, MaxBytes: -1, MaxMsgSize: -1, MaxConsumers: -1, Discard: jetstream.DiscardNew,
		AllowRollup: true, DenyDelete: true, AllowDirect: false,
	}
}

// checkBucket refuses a bucket that forgets too soon.
func checkBucket(found jetstream.KeyValueStatus, o BucketOptions) error {
	if o.TTL == 0 && found.TTL() != 0 || found.TTL() != 0 && found.TTL() < o.TTL {
		return &SettingsError{Faults: []Fault{{
			Stream: "KV_" + o.Name, Setting: "max_age", Found: age(found.TTL()), Wanted: "at least " + age(o.TTL),
		}}}
	}
	return nil
}
