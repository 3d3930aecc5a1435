package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Bounds of the pull behind a watch. The client library's own watch makes the
// broker say every 5 s that it lives, for each bucket and worker: of an idle
// worker's traffic that was more than half. Its ordered consumer would do, but
// that one sleeps under a lock which its Stop needs.
const (
	watchWait      = time.Hour
	watchHeartbeat = 30 * time.Second
	// clusterHeartbeat is the same in a cluster. A server there takes its watches with
	// it when it dies, and a client of another one is told nothing: until two
	// heartbeats were missed it hears of no change.
	clusterHeartbeat = 2 * time.Second
	// watchGone is when the broker forgets a watch that nobody pulls for.
	watchGone = 5 * time.Minute
)

// bucket is a key-value bucket whose watches pull, and whose writes are remembered.
type bucket struct {
	jetstream.KeyValue
	broker *Broker
}

// WatchAll tells the last value of every key, then nil, then each change as it
// comes. Where that can't be told without a gap the watch ends: its channel is
// closed, and whoever wants to go on watches anew. A bucket that is gone ends it
// after a minute. Who gives options gets the client library's own watch.
func (b *bucket) WatchAll(ctx context.Context, opts ...jetstream.WatchOpt) (jetstream.KeyWatcher, error) {
	if len(opts) > 0 {
		return b.KeyValue.WatchAll(ctx, opts...)
	}
	var consumer jetstream.Consumer
	// One that was made although nobody heard of it is forgotten like any other.
	err := b.broker.Retry(ctx, "watch bucket "+b.Bucket(), func(ctx context.Context) (err error) {
		consumer, err = b.broker.js.CreateConsumer(ctx, "KV_"+b.Bucket(), jetstream.ConsumerConfig{
			AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, FilterSubject: "$KV." + b.Bucket() + ".>",
			MemoryStorage: true, Replicas: 1, MaxDeliver: 1, InactiveThreshold: watchGone,
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	heartbeat := watchHeartbeat
	if b.broker.conn.ConnectedClusterName() != "" {
		heartbeat = clusterHeartbeat
	}
	messages, err := consumer.Messages(jetstream.PullExpiry(watchWait), jetstream.PullHeartbeat(heartbeat))
	if err != nil {
		return nil, fmt.Errorf("watch bucket %s: %w", b.Bucket(), err)
	}
	w := &bucketWatch{
		name: b.Bucket(), messages: messages, updates: make(chan jetstream.KeyValueEntry, 64), stopped: make(chan struct{}),
	}
	go w.run(ctx, consumer.CachedInfo().NumPending)
	return w, nil
}

// bucketWatch is a watch of a whole bucket.
type bucketWatch struct {
	name     string
	messages jetstream.MessagesContext
	updates  chan jetstream.KeyValueEntry
	once     sync.Once
	stopped  chan struct{}
}

// Updates gives what is told; it is closed when the watch has ended.
func (w *bucketWatch) Updates() <-chan jetstream.KeyValueEntry { return w.updates }

// Stop ends the watch; it may be called again.
func (w *bucketWatch) Stop() error {
	w.once.Do(func() {
		close(w.stopped)
		w.messages.Stop()
	})
	return nil
}

// run passes on what comes until the watch is stopped, ctx ends or something may
// have been missed. There are so many values to begin with.
func (w *bucketWatch) run(ctx context.Context, first uint64) {
	defer close(w.updates)
	defer w.messages.Stop()
	if first == 0 && !w.tell(ctx, nil) {
		return
	}
	for n, filled := uint64(1), first == 0; ; n++ {
		msg, err := w.messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return
		}
		entry, err := entryOf(w.name, msg)
		if err != nil || entry.n != n || !w.tell(ctx, entry) {
			return
		}
		if filled || n < first && entry.delta > 0 {
			continue
		}
		filled = true
		if !w.tell(ctx, nil) {
			return
		}
	}
}

// tell reports whether somebody took it.
func (w *bucketWatch) tell(ctx context.Context, entry jetstream.KeyValueEntry) bool {
	select {
	case w.updates <- entry:
		return true
	case <-w.stopped:
	case <-ctx.Done():
	}
	return false
}

// entry is one value of a bucket.
type entry struct {
	bucket, key     string
	value           []byte
	revision, delta uint64
	created         time.Time
	operation       jetstream.KeyValueOp
	// n counts what the watch was sent, from 1.
	n uint64
}

// errNoKey: the message is on no subject of a bucket.
var errNoKey = errors.New("the message names no key")

// entryOf reads a message of a bucket's stream; its headers say what was done
// (the client library's own, and the server's when a value ran out).
func entryOf(bucket string, msg jetstream.Msg) (*entry, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return nil, err
	}
	key, ok := strings.CutPrefix(msg.Subject(), "$KV."+bucket+".")
	if !ok {
		return nil, errNoKey
	}
	e := &entry{
		bucket: bucket, key: key, value: msg.Data(), revision: meta.Sequence.Stream, delta: meta.NumPending, n: meta.Sequence.Consumer,
		created: meta.Timestamp, operation: jetstream.KeyValuePut,
	}
	switch header := msg.Headers(); {
	case header.Get("KV-Operation") == "DEL", header.Get(jetstream.MarkerReasonHeader) == "Remove":
		e.operation = jetstream.KeyValueDelete
	case header.Get("KV-Operation") == "PURGE", header.Get(jetstream.MarkerReasonHeader) != "":
		e.operation = jetstream.KeyValuePurge
	}
	return e, nil
}

// Bucket is the bucket's name.
func (e *entry) Bucket() string { return e.bucket }

// Key is the value's name.
func (e *entry) Key() string { return e.key }

// Value is what was stored.
func (e *entry) Value() []byte { return e.value }

// Revision is the value's sequence in the bucket's stream.
func (e *entry) Revision() uint64 { return e.revision }

// Created is when it was stored.
func (e *entry) Created() time.Time { return e.created }

// Delta is how many values come after it.
func (e *entry) Delta() uint64 { return e.delta }

// Operation tells a value from its deletion.
func (e *entry) Operation() jetstream.KeyValueOp { return e.operation }
