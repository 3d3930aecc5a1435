package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/notify"
)

// order keeps webhooks of one payment to one endpoint in the order of their
// versions. It holds no queue: what is on its way is read from the broker.
//
// Version n may go when n-1 has a final record. Where there is none because the
// endpoint was never to get n-1 (its filter, or it did not exist yet), n may go
// once no job of an earlier version is left and none can come any more: the
// dispatcher has been past n-1, or the endpoint's filter leaves the earlier ones
// out. That is asked first: were it asked last, the dispatcher could make the job
// between the two questions.
//
// A replay's jobs have had their turn, and all before them. They only wait for
// jobs of earlier versions that are on their way now; and an event that had its
// turn holds back nobody while it is replayed.
type order struct {
	broker *broker.Broker
	// dispatched is the highest status sequence below which every event has its
	// jobs; it only grows, so an old value is safe.
	dispatched atomic.Uint64
}

// blocked reports whether a job has to wait for earlier versions, and until
// when; the zero time: nobody knows.
func (o *order) blocked(ctx context.Context, j job, e notify.Endpoint) (bool, time.Time, error) {
	if j.Version == 1 {
		return false, time.Time{}, nil
	}
	if j.Replay != "" {
		return o.pending(ctx, j)
	}
	ended, err := o.ended(ctx, j, j.Version-1)
	if err != nil || ended {
		return false, time.Time{}, err
	}
	expected, err := o.expected(ctx, j, e)
	if err != nil {
		return false, time.Time{}, err
	}
	pending, until, err := o.pending(ctx, j)
	return pending || expected, until, err
}

// ended reports whether a version of the job's payment has a final record at the
// job's endpoint, or has one no more because it is being replayed.
func (o *order) ended(ctx context.Context, j job, version int) (bool, error) {
	last, err := lastAttempt(ctx, o.broker, j.ref(version))
	return ends(last.Outcome) || last.Replay != "", err
}

// expected reports whether an earlier version's job may still come from the
// dispatcher. How far the dispatcher has come is one number for all payments, so
// one event that it can't get past would hold back everybody's webhooks; where it
// does not suffice the payment's own events are read.
func (o *order) expected(ctx context.Context, j job, e notify.Endpoint) (bool, error) {
	past, err := o.past(ctx, j.Before)
	if err != nil || past {
		return false, err
	}
	for seq := j.Before; seq > 0; {
		stored, err := o.broker.StatusAt(ctx, seq)
		if errors.Is(err, broker.ErrNotFound) {
			return false, nil // older than what the log keeps
		}
		if err != nil {
			return false, fmt.Errorf("read an earlier event of payment %q: %w", j.PaymentID, err)
		}
		event, _, err := readEvent(stored.Subject, stored.Header, stored.Body)
		if err != nil {
			return true, nil // of newer code, or forged: the dispatcher knows
		}
		if notify.Interested(e, event.Type) {
			ended, err := o.ended(ctx, j, event.Data.Version)
			return !ended, err
		}
		seq = precedingSeq(stored.Header)
	}
	return false, nil
}

// past reports whether the dispatcher has made the jobs of every event up to seq.
func (o *order) past(ctx context.Context, seq uint64) (bool, error) {
	if o.dispatched.Load() >= seq {
		return true, nil
	}
	floor, err := o.broker.AckFloor(ctx, broker.StreamStatus, dispatcherName)
	if err != nil {
		return false, fmt.Errorf("ask how far the dispatcher is: %w", err)
	}
	if floor > o.dispatched.Load() {
		o.dispatched.Store(floor)
	}
	return floor >= seq, nil
}

// pending reports whether jobs of earlier versions are queued, and when the last
// of them is attempted next; the zero time: one is being delivered right now.
func (o *order) pending(ctx context.Context, j job) (bool, time.Time, error) {
	jobs, err := o.broker.PendingWebhooks(ctx, j.MerchantID, j.Endpoint, j.PaymentID)
	if err != nil {
		return false, time.Time{}, fmt.Errorf("look for earlier webhooks of payment %q: %w", j.PaymentID, err)
	}
	earlier := false
	var until time.Time
	for version, state := range jobs {
		if version >= j.Version {
			continue
		}
		earlier = true
		if !state.Armed {
			continue
		}
		timer, err := o.broker.Timer(ctx, broker.WebhookTimer(j.MerchantID, j.Endpoint, j.PaymentID, version))
		if errors.Is(err, broker.ErrNotFound) {
			continue // it has just become due
		}
		if err != nil {
			return false, time.Time{}, fmt.Errorf("read the timer of an earlier webhook of payment %q: %w", j.PaymentID, err)
		}
		if timer.At.After(until) {
			until = timer.At
		}
	}
	return earlier, until, nil
}
