package consumer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
)

const (
	// bucketSweep holds the lease in its one key.
	bucketSweep = "RECON_SWEEP"
	leaseKey    = "lease"
	// leaseKept is how long the bucket keeps a lease that nobody renews; the
	// deadline in the value is what counts.
	leaseKept = 24 * time.Hour
	// leaseTerm is how long the others wait for a worker that died; it is renewed
	// after a third. leaseMargin is what the holder stops before its end.
	leaseTerm   = time.Minute
	leaseMargin = 5 * time.Second
	// leasePatience bounds one conversation about the lease.
	leasePatience = 10 * time.Second
)

// leaseSchema is the version of a lease's record. Version 1 is what leaseRecord shows.
const leaseSchema = 1

// leaseRecord is who sweeps, and how far the fleet has come.
type leaseRecord struct {
	Schema int `json:"schema"`
	// Worker sweeps until then, unless it renews; zero: nobody does.
	Worker string    `json:"worker,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	// Began is when the last sweep did.
	Began  time.Time `json:"began,omitzero"`
	Timers extent    `json:"timers"`
	Log    extent    `json:"log"`
	// From is where the log is read from: below it no payment is watched, and none
	// ever will be again. Low becomes the next From: the lowest sequence met so far
	// that is not beyond watching; 0: none.
	From uint64 `json:"from"`
	Low  uint64 `json:"low,omitempty"`
}

// extent is how far a stream was looked through.
type extent struct {
	// Made is when the stream was: in another one sequences begin again.
	Made time.Time `json:"made,omitzero"`
	// Next is looked at next, End last.
	Next uint64 `json:"next"`
	End  uint64 `json:"end"`
	Done bool   `json:"done"`
	// Seen: it was done since both streams were.
	Seen bool `json:"seen"`
}

func (e *extent) finish() { e.Done, e.Seen = true, true }

// complete reports whether both streams were looked through since it last did.
func (r *leaseRecord) complete() bool {
	if !r.Timers.Seen || !r.Log.Seen {
		return false
	}
	r.Timers.Seen, r.Log.Seen = false, false
	return true
}

// errNewerLease: a newer worker keeps the lease in its own way.
var errNewerLease = errors.New("a newer worker wrote the lease of the sweep")

// parseLease reads a record. What is none is overwritten by the first to sweep.
func parseLease(value []byte) (leaseRecord, error) {
	if err := checkSchema(value, leaseSchema); err != nil {
		return leaseRecord{}, errNewerLease
	}
	var r leaseRecord
	if json.Unmarshal(value, &r) != nil || r.Schema != leaseSchema {
		return leaseRecord{Schema: leaseSchema}, nil
	}
	return r, nil
}

// lease is the right to sweep, held by one goroutine.
type lease struct {
	bucket   jetstream.KeyValue
	worker   string
	interval time.Duration

	record   leaseRecord
	revision uint64
	renewed  time.Time
	// end ends the sweep when the lease does.
	end *time.Timer
}

func (s *Sweeper) lease(ctx context.Context) (*lease, error) {
	ctx, cancel := context.WithTimeout(ctx, leasePatience)
	defer cancel()
	bucket, err := s.o.Broker.Bucket(ctx, broker.BucketOptions{
		Name: bucketSweep, Description: "who looks for payments without a timer, and how far", History: 1, TTL: leaseKept,
	})
	if err != nil {
		return nil, fmt.Errorf("open the lease of the sweep: %w", err)
	}
	return &lease{bucket: bucket, worker: s.o.Worker, interval: s.o.Interval}, nil
}

// take takes the lease, if nobody holds it. The error is errNotDue where the fleet
// has swept within the interval, unless it is to be done now. A lease under our own
// name blocks like any other: it may be another sweep of ours.
func (l *lease) take(ctx context.Context, now bool) (held bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, leasePatience)
	defer cancel()
	entry, err := l.bucket.Get(ctx, leaseKey)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		l.record = leaseRecord{Schema: leaseSchema}
	case err != nil:
		return false, fmt.Errorf("read the lease of the sweep: %w", err)
	default:
		l.revision = entry.Revision()
		if l.record, err = parseLease(entry.Value()); err != nil {
			return false, err
		}
	}
	began := time.Now()
	switch {
	case began.Before(l.record.Until):
		return true, nil
	case !now && began.Before(l.record.Began.Add(l.interval)):
		return false, errNotDue
	}
	l.record.Began = began.UTC()
	err = l.write(ctx, began.Add(leaseTerm))
	if errors.Is(err, errLeaseLost) {
		return true, nil // another worker was quicker
	}
	return false, err
}

// guard ends the sweep with errLeaseLost before the lease ends, unless it is renewed.
func (l *lease) guard(cancel context.CancelCauseFunc) {
	l.end = time.AfterFunc(time.Until(l.record.Until)-leaseMargin, func() { cancel(errLeaseLost) })
}

// keep renews the lease, and tells with it how far the sweep is, when that is due.
func (l *lease) keep(ctx context.Context) error {
	now := time.Now()
	if now.Sub(l.renewed) < leaseTerm/3 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, leasePatience)
	defer cancel()
	if err := l.write(limited, now.Add(leaseTerm)); err != nil {
		return err
	}
	l.end.Reset(time.Until(l.record.Until) - leaseMargin)
	return nil
}

// leave gives the lease back, though ctx may have ended.
func (l *lease) leave(ctx context.Context) error {
	l.end.Stop()
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), leasePatience/5)
	defer cancel()
	return l.write(limited, time.Time{})
}

// write stores the record if nobody else has since we did; else errLeaseLost.
func (l *lease) write(ctx context.Context, until time.Time) error {
	next := l.record
	next.Worker, next.Until = l.worker, until.UTC()
	if until.IsZero() {
		next.Worker, next.Until = "", time.Time{}
	}
	value, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("encode the lease of the sweep: %w", err)
	}
	asked := time.Now()
	if l.revision == 0 {
		l.revision, err = l.bucket.Create(ctx, leaseKey, value)
	} else {
		var revision uint64
		if revision, err = l.bucket.Update(ctx, leaseKey, value, l.revision); err == nil {
			l.revision = revision
		}
	}
	switch {
	case broker.Overtaken(err):
		return errLeaseLost
	case err != nil:
		return fmt.Errorf("write the lease of the sweep: %w", err)
	}
	l.record, l.renewed = next, asked
	return nil
}
