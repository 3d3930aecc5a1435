package fleet

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/pause"
)

// Run tells the others what changes here and hears what changes there, until ctx
// ends. A broker that can't be reached is tried again.
func (f *Fleet) Run(ctx context.Context) {
	var words sync.WaitGroup
	defer words.Wait()
	words.Go(func() { f.converse(ctx) })
	for ctx.Err() == nil {
		began := time.Now()
		watcher, err := f.bucket.WatchAll(ctx)
		if err == nil {
			f.follow(ctx, watcher)
			_ = watcher.Stop()
		}
		if ctx.Err() != nil {
			return
		}
		if err == nil && time.Since(began) > rest {
			continue // the server of the watch died, or we were frozen: the others go on meanwhile
		}
		f.log.Warn().Err(err).Msg("the other workers can't be heard, trying again")
		f.reopen(ctx)
	}
}

// reopen makes the bucket anew where it is gone, with it all that was known of
// revisions.
func (f *Fleet) reopen(ctx context.Context) {
	pause.For(ctx, rest)
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := f.open(limited); err != nil {
		f.log.Warn().Err(err).Msg("the bucket of the fleet can't be opened")
	}
}

// follow handles whatever comes first until the watch breaks or ctx ends.
func (f *Fleet) follow(ctx context.Context, watcher jetstream.KeyWatcher) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	var again <-chan time.Time
	for {
		select {
		case entry, open := <-watcher.Updates():
			if !open {
				return
			}
			if entry != nil {
				f.hear(entry)
			}
			f.share()
		case <-f.changed:
			again = f.tell(ctx)
		case <-again:
			again = f.tell(ctx)
		case q := <-f.asked:
			q.answer <- f.grant(ctx, q.account)
		case <-beat.C:
			if !f.pulse(ctx) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// pulse says that this worker lives and forgets who does not. False: the bucket
// is gone.
func (f *Fleet) pulse(ctx context.Context) bool {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := f.beat(limited)
	if err != nil && ctx.Err() == nil {
		f.log.Warn().Err(err).Msg("this worker can't tell the others that it lives")
	}
	now := time.Now()
	for worker, at := range f.seen {
		if now.Sub(at) >= gone {
			delete(f.seen, worker)
		}
	}
	f.share()
	return !lost(err)
}

// lost reports whether nobody keeps the bucket any more.
func lost(err error) bool {
	return errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrBucketNotFound)
}

// hear takes in one value of the bucket.
func (f *Fleet) hear(entry jetstream.KeyValueEntry) {
	worker, ok := strings.CutPrefix(entry.Key(), workerKeys)
	if !ok {
		if a := f.accounts[entry.Key()]; a != nil && entry.Operation() == jetstream.KeyValuePut {
			a.heard(entry)
		}
		return
	}
	switch {
	case worker == f.worker:
	case entry.Operation() == jetstream.KeyValuePut:
		f.seen[worker] = time.Now()
	default:
		delete(f.seen, worker)
	}
}

// share gives each guard its part.
func (f *Fleet) share() {
	for _, a := range f.accounts {
		a.guard.Share(len(f.seen) + 1)
	}
}

// Leave takes this worker out of the count at once; without it the others notice
// by its silence. Call it when Run has returned, or was never begun. It is bounded,
// and does its work though ctx may have ended.
func (f *Fleet) Leave(ctx context.Context) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if err := f.bucket.Purge(limited, workerKeys+f.worker); err != nil {
		f.log.Debug().Err(err).Msg("the fleet was left without a word")
	}
}
