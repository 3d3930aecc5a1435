package endpoint

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/pause"
)

const (
	// pulse is how often the bucket is looked at, and what somebody left unfinished.
	// The watch ends by itself within a minute when the bucket is gone.
	pulse = 2 * time.Minute
	// again is how long to wait before what failed is tried again.
	again = 2 * time.Second
	// grace is how long who made an event has to publish it before others do.
	grace = 10 * time.Second
)

// Run keeps the directory current until ctx ends: what is changed in the bucket
// holds within the time a message takes. While the broker can't be reached, what
// is known holds on; a bucket that was deleted is made anew, empty.
func (l *Live) Run(ctx context.Context) {
	for ctx.Err() == nil {
		w, err := l.watch(ctx)
		if err == nil {
			if err = w.fill(ctx); err == nil {
				l.contradictAll(ctx)
				err = l.follow(ctx, w)
			}
			w.stop()
		}
		if ctx.Err() != nil {
			return
		}
		l.log.Warn().Err(err).Msg("changes of endpoints can't be heard, trying again")
		pause.For(ctx, again)
	}
}

// watching is a watch of the whole bucket.
type watching struct {
	live   *Live
	bucket *openBucket
	jetstream.KeyWatcher
}

func (l *Live) watch(ctx context.Context) (*watching, error) {
	bucket, err := l.store.open(ctx)
	if err != nil {
		return nil, err
	}
	watcher, err := bucket.kv.WatchAll(ctx)
	if err != nil {
		return nil, err
	}
	return &watching{live: l, bucket: bucket, KeyWatcher: watcher}, nil
}

func (w *watching) stop() { _ = w.Stop() }

var errClosed = errors.New("the watch was closed")

// fill reads all there is and makes it what is known.
func (w *watching) fill(ctx context.Context) error {
	fresh := newKnown(w.bucket.made)
	for {
		select {
		case update, open := <-w.Updates():
			switch {
			case !open:
				return errClosed
			case update == nil:
				w.live.replace(fresh, w.bucket.last)
				return nil
			}
			w.live.hear(fresh, update.Key(), valueOf(update), update.Revision())
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func valueOf(e jetstream.KeyValueEntry) []byte {
	if e.Operation() != jetstream.KeyValuePut {
		return nil
	}
	if e.Value() == nil {
		return []byte{}
	}
	return e.Value()
}

// replace makes fresh what is known, but for what was written here while it was
// read: later than last, in the same bucket.
func (l *Live) replace(fresh known, last uint64) {
	if other := !fresh.made.Equal(l.known.made); other && !l.known.made.IsZero() {
		l.log.Error().Str("event", "endpoints.bucket_new").Bool("alarm", true).
			Msg("the bucket of endpoints is another one than before: what it does not hold is gone")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if fresh.made.Equal(l.known.made) {
		for of, is := range l.known.states {
			if is.revision > last && is.revision > fresh.states[of].revision {
				fresh.states[of] = is
			}
		}
	}
	l.known = fresh
	l.rebuild("")
}

// follow takes in what changes until the watch breaks, the bucket is another one
// or ctx ends.
func (l *Live) follow(ctx context.Context, w *watching) error {
	beat := time.NewTicker(pulse)
	defer beat.Stop()
	for {
		select {
		case update, open := <-w.Updates():
			if !open {
				return errClosed
			}
			if update != nil {
				l.take(update.Key(), valueOf(update), update.Revision())
				if of, err := parseKey(update.Key()); err == nil {
					l.contradict(ctx, of)
				}
			}
		case <-beat.C:
			found, err := l.store.look(ctx)
			if lost(err) || err == nil && !found.made.Equal(w.bucket.made) {
				return errors.New("the bucket is gone, or another one")
			}
			l.settleOwed(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// take takes in one value that changed. It is read first, and logged if need be,
// since nobody may wait for that.
func (l *Live) take(key string, value []byte, revision uint64) {
	change := newKnown(l.known.made)
	merchant := l.hear(change, key, value, revision)
	if merchant == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for of, is := range change.states {
		if is.revision > l.known.states[of].revision {
			l.known.states[of] = is
		}
	}
	for of, d := range change.documents {
		if d.revision > l.known.documents[of].revision {
			l.known.documents[of] = d
		}
	}
	l.rebuild(merchant)
}

// takeState takes in what was written here, before the watch brings it.
func (l *Live) takeState(of name, is held) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if is.revision > l.known.states[of].revision {
		l.known.states[of] = is
		l.rebuild(of.merchant)
	}
}
