package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
)

// heard takes in a record that the watch brought; what is known already, our own
// words among it, is passed over.
func (a *account) heard(entry jetstream.KeyValueEntry) {
	r, err := parseRecord(entry.Value())
	if err == nil && entry.Revision() > a.revision {
		a.take(r, entry.Revision())
	}
}

// take makes the guard stand as a record says, where that is news.
func (a *account) take(r record, revision uint64) {
	a.revision = revision
	if r.Epoch == a.epoch {
		a.guard.Throttle(r.ThrottledUntil)
		if r.ThrottledUntil.After(a.shared.ThrottledUntil) {
			a.shared.ThrottledUntil = r.ThrottledUntil
		}
		return
	}
	a.guard.Adopt(r.standing())
	a.epoch, a.shared = r.Epoch, a.guard.Standing()
}

// read gives an account's record as the bucket has it now, and takes it in. The
// zero record: there is none.
func (f *Fleet) read(ctx context.Context, key string) (record, uint64, error) {
	entry, err := f.bucket.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return record{}, 0, nil
	}
	if err != nil {
		return record{}, 0, fmt.Errorf("read how the tap stands: %w", err)
	}
	r, err := parseRecord(entry.Value())
	if errors.Is(err, errNewer) {
		return record{}, 0, err
	}
	if err != nil {
		return record{}, entry.Revision(), nil // the first of us who has something to say overwrites it
	}
	if a := f.accounts[key]; entry.Revision() > a.revision {
		a.take(r, entry.Revision())
	}
	return r, entry.Revision(), nil
}

// write replaces an account's record if it is still of that revision. False: it is not.
func (f *Fleet) write(ctx context.Context, key string, r record, revision uint64) (bool, error) {
	value, err := r.encode()
	if err != nil {
		return false, err
	}
	now, err := f.bucket.Update(ctx, key, value, revision)
	switch {
	case broker.Overtaken(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("write how the tap stands: %w", err)
	}
	f.accounts[key].revision = now
	return true, nil
}

// tell writes down for the others how each guard stands, where that changed. It
// gives when to try again, nil where all was told.
func (f *Fleet) tell(ctx context.Context) (again <-chan time.Time) {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for key, a := range f.accounts {
		if !a.news() {
			continue
		}
		err := f.publish(limited, key)
		if err == nil {
			a.untold = false
			continue
		}
		if ctx.Err() == nil && !a.untold { // once, and not every second for as long as the broker is away
			f.log.Warn().Err(err).Str("account", key).Msg("the other workers could not be told how the tap stands, trying again")
		}
		a.untold, again = true, time.After(retold)
	}
	return again
}

// news reports whether the guard stands otherwise than the others know.
func (a *account) news() bool {
	is := a.guard.Standing()
	longer := is.ThrottledUntil.After(a.shared.ThrottledUntil) && is.ThrottledUntil.UnixNano() > a.heardUntil.Load()
	return longer || !is.SameBreaker(a.shared)
}

// publish writes down how a guard stands. Where somebody else was first, what he
// says holds, and only what is still news after that is written.
func (f *Fleet) publish(ctx context.Context, key string) error {
	a := f.accounts[key]
	for {
		r, revision, err := f.read(ctx, key)
		if err != nil {
			return err
		}
		if !a.news() {
			return nil
		}
		is := a.guard.Standing()
		next := r.with(is)
		done, err := f.write(ctx, key, next, revision)
		if err != nil {
			return err
		}
		if done {
			a.epoch, a.shared = next.Epoch, is
			return nil
		}
	}
}

// question asks Run for the lease of an account.
type question struct {
	account string
	answer  chan verdict
}

// verdict is the answer: the lease, or not; an error says that nobody knows.
type verdict struct {
	granted bool
	err     error
}

// Lease asks for the right to make the fleet's one half-open call of an account.
// Not granted, another worker makes it, or the breaker has changed: the guard
// stands accordingly by then, so waiting for its next permit is all there is to
// do. Granted, the call must begin at once.
func (f *Fleet) Lease(ctx context.Context, account string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	q := question{account: keyOf(account), answer: make(chan verdict, 1)}
	select {
	case f.asked <- q:
	case <-ctx.Done():
		return false, fmt.Errorf("ask for the probe's lease: %w", context.Cause(ctx))
	}
	select {
	case v := <-q.answer:
		return v.granted, v.err
	case <-ctx.Done():
		return false, fmt.Errorf("ask for the probe's lease: %w", context.Cause(ctx))
	}
}

func (f *Fleet) grant(ctx context.Context, key string) verdict {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	granted, err := f.lease(limited, key)
	if err != nil {
		err = fmt.Errorf("ask for the probe's lease: %w", err)
	}
	return verdict{granted, err}
}

func (f *Fleet) lease(ctx context.Context, key string) (bool, error) {
	a := f.accounts[key]
	if a == nil {
		return false, errors.New("no such account takes part")
	}
	for {
		r, revision, err := f.read(ctx, key)
		if err != nil {
			return false, err
		}
		now := time.Now()
		is := a.guard.Standing()
		if !is.Open || now.Before(is.ReopenAt) || now.Before(is.ThrottledUntil) {
			return false, nil // what was read just now changed it
		}
		if r.Probe.held(f.worker, now) {
			a.guard.Hold(r.Probe.Until)
			return false, nil
		}
		next := r.with(is)
		next.Probe = &lease{Worker: f.worker, Until: now.Add(a.limit + margin).UTC()}
		done, err := f.write(ctx, key, next, revision)
		if err != nil {
			return false, err
		}
		if done {
			a.epoch, a.shared = next.Epoch, is
			// Whoever waited longer for the answer than the margin would call outside
			// the lease.
			return time.Since(now) < margin, nil
		}
	}
}
