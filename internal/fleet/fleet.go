package fleet

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/guard"
	"reconciler/internal/pause"
)

const (
	// heartbeat is how often a worker says that it lives; one that was silent for
	// gone is counted no more. Both are long because a missing worker costs speed
	// only, and each beat is a write.
	heartbeat = time.Minute
	gone      = 5 * heartbeat / 2
	// kept is how long the bucket keeps a value: longer than any tap stays shut.
	kept = 24 * time.Hour
	// margin is what a lease has beyond the call's time limit: for the way to the
	// broker and back, and for clocks that disagree.
	margin = 5 * time.Second
	// settling is how long a worker that joins others lets them give it its part.
	settling = time.Second
	// patience bounds one conversation with the broker, so that one account's
	// trouble does not hold up the others'.
	patience = 5 * time.Second
	// rest is how far apart two attempts to hear the others are at least.
	rest = 2 * time.Second
	// retold is when the others are told again what they could not be told.
	retold = time.Second
	// farewell bounds what a worker that ends waits for the broker.
	farewell = 2 * time.Second
)

// Options are what New needs.
type Options struct {
	Broker *broker.Broker
	// Worker is this worker's name, of no other process: letters, digits, "_", "-".
	Worker string
	Log    zerolog.Logger
}

// Fleet is one worker's part in the fleet. Make it with New, add the guards,
// then Join and Run.
type Fleet struct {
	broker *broker.Broker
	worker string
	log    zerolog.Logger
	bucket jetstream.KeyValue
	// made is when the bucket was: with another one all revisions begin anew.
	made     time.Time
	accounts map[string]*account
	// seen is when each other worker was last heard of; Join's and then Run's alone.
	seen map[string]time.Time
	// joined says that there were others when this worker came.
	joined bool
	// changed holds an element when how a guard stands may be news; asked are leases
	// wanted from Run.
	changed chan struct{}
	asked   chan question
	// unsaid is changed for who speaks; it is not held up by the bucket. words are what
	// the others said since Join, by the subscription hearing.
	unsaid  chan struct{}
	words   chan *nats.Msg
	hearing *nats.Subscription
}

// account is a guard with what is known of its record. Only Run touches it, but for
// said, which is converse's, and heardUntil.
type account struct {
	name  string
	guard *guard.Guard
	limit time.Duration
	// epoch and revision are of the last record that was taken or written; shared
	// is how the guard stood then.
	epoch, revision uint64
	shared          guard.Standing
	// untold says that the last attempt to tell the others failed.
	untold bool
	// said is until when the others have heard, or said, that nobody may ask;
	// heardUntil is the last such instant that another worker said, in Unix nanoseconds: telling
	// it to the bucket is left to that one.
	said       time.Time
	heardUntil atomic.Int64
}

// New makes a part of a fleet. It starts nothing.
func New(o Options) *Fleet {
	return &Fleet{
		broker: o.Broker, worker: o.Worker, log: o.Log, accounts: map[string]*account{}, seen: map[string]time.Time{},
		changed: make(chan struct{}, 1), asked: make(chan question), unsaid: make(chan struct{}, 1),
	}
}

// Add lets an account's guard take part; limit is its calls' time limit. Call it
// before Join. The guard's OnChange and OnProlonged must call Changed.
func (f *Fleet) Add(name string, g *guard.Guard, limit time.Duration) {
	f.accounts[keyOf(name)] = &account{name: name, guard: g, limit: limit}
}

// Changed says that a guard stands otherwise: Run tells the others. It never blocks.
func (f *Fleet) Changed() {
	for _, c := range [...]chan struct{}{f.unsaid, f.changed} {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Keys of the bucket: one per account, one per worker.
const (
	accountKeys = "account."
	workerKeys  = "worker."
)

func keyOf(account string) string { return accountKeys + broker.Token(account) }

// Join tells the others of this worker and makes its guards stand as theirs do.
// Call it before anybody is asked.
func (f *Fleet) Join(ctx context.Context) error {
	if err := f.attend(); err != nil {
		return fmt.Errorf("join the fleet: hear what the other workers say: %w", err)
	}
	if err := f.open(ctx); err != nil {
		return fmt.Errorf("join the fleet: %w", err)
	}
	if err := f.broker.Retry(ctx, "tell the other workers of this one", f.beat); err != nil {
		return fmt.Errorf("join the fleet: %w", err)
	}
	for {
		all, err := f.hearAll(ctx)
		if err != nil {
			return fmt.Errorf("join the fleet: %w", err)
		}
		if all {
			break
		}
		pause.For(ctx, rest) // the server of the watch died, perhaps
	}
	f.share()
	f.joined = len(f.seen) > 0
	return nil
}

// hearAll takes in all there is in the bucket; false: the watch ended before.
func (f *Fleet) hearAll(ctx context.Context) (all bool, err error) {
	watcher, err := f.bucket.WatchAll(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = watcher.Stop() }()
	for {
		select {
		case entry, open := <-watcher.Updates():
			if !open || entry == nil {
				return open, nil
			}
			f.hear(entry)
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// Settle waits until the others have given this worker its part; not at all where
// there was nobody when it joined.
func (f *Fleet) Settle(ctx context.Context) {
	if f.joined {
		pause.For(ctx, settling)
	}
}

func (f *Fleet) open(ctx context.Context) error {
	bucket, err := f.broker.Bucket(ctx, broker.BucketOptions{
		Name: broker.BucketBreakers, Description: "how the taps of provider accounts stand, and who is alive", History: 1, TTL: kept,
	})
	if err != nil {
		return err
	}
	is, err := f.broker.Extent(ctx, "KV_"+broker.BucketBreakers)
	if err != nil {
		return err
	}
	if !is.Made.Equal(f.made) {
		for _, a := range f.accounts {
			a.epoch, a.revision, a.shared = 0, 0, guard.Standing{}
		}
		f.made = is.Made
	}
	f.bucket = bucket
	return nil
}

// beat says that this worker lives.
func (f *Fleet) beat(ctx context.Context) error {
	_, err := f.bucket.Put(ctx, workerKeys+f.worker, nil)
	return err
}
