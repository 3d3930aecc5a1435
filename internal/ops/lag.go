package ops

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/notify/endpoint"
)

// Removed is the status of an endpoint that has webhooks on their way and exists
// no more.
const Removed endpoint.Status = "removed"

// Lag is how far the webhooks of one endpoint are behind.
//
// It is told twice. By the event's time (Oldest), since that is what the merchant
// does not know yet: it grows too while everything goes by plan, between the
// attempts at a dead endpoint. By the time that an attempt was due (Overdue), since
// that is what we owe: with workers that keep up it is next to nothing, whatever
// the receivers do.
type Lag struct {
	Merchant string `json:"merchant"`
	Endpoint string `json:"endpoint"`
	// Status is how the endpoint stands, or Removed.
	Status endpoint.Status `json:"status"`
	// Undelivered webhooks are queued, being sent, or wait for their next attempt.
	// What was skipped or given up is none of them.
	Undelivered int `json:"undelivered"`
	// OldestAt is when the first of their events happened, OldestS its age in seconds.
	OldestAt time.Time `json:"oldest_at,omitzero"`
	OldestS  float64   `json:"oldest_s"`
	// Overdue webhooks are due and have not ended, being sent included; OverdueAt is
	// when the first of them was due, OverdueS how many seconds ago.
	Overdue   int       `json:"overdue"`
	OverdueAt time.Time `json:"overdue_at,omitzero"`
	OverdueS  float64   `json:"overdue_s"`
	// AtLeast says that not every webhook was looked into: the oldest event may be
	// older than OldestAt.
	AtLeast bool `json:"at_least,omitempty"`
}

// LagReport is how far webhooks are behind, at one moment.
type LagReport struct {
	At time.Time `json:"at"`
	// Endpoints are all there are, in the order of merchants and ids.
	Endpoints []Lag `json:"endpoints"`
	// Undispatched are the events of all merchants, at most, of which no worker has
	// made webhooks yet; UndispatchedAt is when the first of them was published.
	Undispatched   uint64    `json:"undispatched"`
	UndispatchedAt time.Time `json:"undispatched_at,omitzero"`
	UndispatchedS  float64   `json:"undispatched_s"`
}

// Worst is the longest time, in seconds, that anything is overdue: a webhook, or
// an event that no worker has taken up.
func (r LagReport) Worst() float64 {
	worst := r.UndispatchedS
	for _, l := range r.Endpoints {
		worst = max(worst, l.OverdueS)
	}
	return worst
}

// LagOptions are what NewLags needs.
type LagOptions struct {
	Broker    *broker.Broker
	Endpoints *Endpoints
	// Dispatched is the status sequence up to which every event has had its jobs.
	Dispatched func(ctx context.Context, b *broker.Broker) (uint64, error)
}

// Lags measures how far webhooks are behind, by what the broker holds: it needs no
// worker, and tells of a fleet that is down. It reads single messages and makes no
// consumer, because on a work queue that would take webhooks from the workers.
type Lags struct{ o LagOptions }

// NewLags makes the measure. It asks nobody.
func NewLags(o LagOptions) *Lags { return &Lags{o} }

// lagReads bounds how many webhooks of an endpoint are looked into. A dead endpoint
// may have a million; the answer is for somebody who waits for it.
const lagReads = 256

// Read measures the endpoints of a merchant, or all of them where merchant is
// empty. What happens meanwhile may be counted as before or after.
func (l *Lags) Read(ctx context.Context, merchant string) (LagReport, error) {
	views, err := l.o.Endpoints.List(ctx, merchant)
	if err != nil {
		return LagReport{}, wrap("measure the lag", err)
	}
	queues, err := l.queues(ctx, merchant)
	if err != nil {
		return LagReport{}, fmt.Errorf("measure the lag: %w", err)
	}
	var all []Lag
	for _, v := range views {
		if !slices.ContainsFunc(all, func(k Lag) bool { return k.Merchant == v.Merchant && k.Endpoint == v.ID }) {
			all = append(all, Lag{Merchant: v.Merchant, Endpoint: v.ID, Status: v.Status})
		}
	}
	for of := range queues {
		if !slices.ContainsFunc(all, func(k Lag) bool { return name{k.Merchant, k.Endpoint} == of }) {
			all = append(all, Lag{Merchant: of.merchant, Endpoint: of.id, Status: Removed})
		}
	}
	slices.SortFunc(all, func(a, b Lag) int {
		return cmp.Or(cmp.Compare(a.Merchant, b.Merchant), cmp.Compare(a.Endpoint, b.Endpoint))
	})
	report := LagReport{Endpoints: all}
	for i := range all {
		if q := queues[name{all[i].Merchant, all[i].Endpoint}]; q != nil {
			if err := l.measure(ctx, &all[i], q); err != nil {
				return LagReport{}, fmt.Errorf("measure the lag: %w", err)
			}
		}
	}
	if err := l.undispatched(ctx, merchant, &report); err != nil {
		return LagReport{}, fmt.Errorf("measure the lag: %w", err)
	}
	report.age(time.Now())
	return report, nil
}

func (r *LagReport) age(now time.Time) {
	since := func(at time.Time) float64 {
		if at.IsZero() {
			return 0
		}
		return max(now.Sub(at), 0).Seconds()
	}
	r.At, r.UndispatchedS = now.UTC(), since(r.UndispatchedAt)
	for i := range r.Endpoints {
		k := &r.Endpoints[i]
		k.OldestS, k.OverdueS = since(k.OldestAt), since(k.OverdueAt)
	}
}

// undispatched adds the events that no worker has taken up.
func (l *Lags) undispatched(ctx context.Context, merchant string, to *LagReport) error {
	floor, err := l.o.Dispatched(ctx, l.o.Broker)
	if err != nil {
		return err
	}
	stream, err := l.o.Broker.JetStream().Stream(ctx, broker.StreamStatus)
	if err != nil {
		return err
	}
	if state := stream.CachedInfo().State; state.Msgs > 0 && state.LastSeq > floor {
		to.Undispatched = min(state.LastSeq-floor, state.Msgs)
	}
	first, err := stream.GetMsg(ctx, floor+1, jetstream.WithGetMsgSubject(Selection{Merchant: merchant}.events()))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		to.Undispatched = 0
		return nil
	}
	if err != nil {
		return err
	}
	to.UndispatchedAt = first.Time
	return nil
}

// happened is when the event of a webhook job did.
func happened(job *jetstream.RawStreamMsg) time.Time {
	var event struct {
		Timestamp time.Time `json:"timestamp"`
	}
	if json.Unmarshal(job.Data, &event) != nil || event.Timestamp.IsZero() {
		return job.Time // nobody of ours wrote it
	}
	return event.Timestamp
}
