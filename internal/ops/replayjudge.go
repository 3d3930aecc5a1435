package ops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/notify"
	"reconciler/internal/notify/endpoint"
)

// tally counts a webhook.
type tally func(*ReplayCounts)

// webhook queues an event for an endpoint, unless there is a reason not to.
//
// What is pending is asked for before the records: a job is gone only once its
// record is there, so one that ends in between is not taken for one that never was.
func (r *replayRun) webhook(ctx context.Context, c candidate, id string) (tally, error) {
	of := c.WebhookRef
	of.Endpoint = id
	i := slices.IndexFunc(r.endpoints[c.Merchant], func(v View) bool { return v.ID == id })
	if i < 0 {
		return func(n *ReplayCounts) { n.Removed++ }, nil
	}
	switch to := r.endpoints[c.Merchant][i]; {
	case !notify.Interested(notify.Endpoint{Events: to.Events}, c.eventType):
		return func(n *ReplayCounts) { n.Unwanted++ }, nil
	case to.Status != endpoint.Enabled || to.Problem != "" && to.Source == InStore:
		return func(n *ReplayCounts) { n.Off++ }, nil
	}
	pending, err := r.o.Broker.PendingWebhooks(ctx, of.Merchant, of.Endpoint, of.Payment)
	if err != nil {
		return nil, err
	}
	if _, is := pending[of.Version]; is {
		own, err := r.own(ctx, of)
		if err != nil {
			return nil, err
		}
		if own {
			return func(n *ReplayCounts) { n.Repeated++ }, nil
		}
		return func(n *ReplayCounts) { n.Pending++ }, nil
	}
	if before, err := r.before(ctx, c, of); before != nil || err != nil {
		return before, err
	}
	return r.send(ctx, c, id)
}

// own reports whether a pending job is one that this run queued before it was
// interrupted: who waits for the run's webhooks waits for that one too.
func (r *replayRun) own(ctx context.Context, of broker.WebhookRef) (bool, error) {
	if !r.resumed {
		return false, nil
	}
	stream, err := r.o.Broker.JetStream().Stream(ctx, broker.StreamWork)
	if err != nil {
		return false, fmt.Errorf("open %s: %w", broker.StreamWork, err)
	}
	for _, subject := range []string{
		broker.WebhookDue(of.Merchant, of.Endpoint, of.Payment, of.Version), broker.WebhookTimer(of.Merchant, of.Endpoint, of.Payment, of.Version),
	} {
		msg, err := stream.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("read a pending webhook: %w", err)
		}
		var job struct {
			Replay string `json:"replay"`
		}
		if json.Unmarshal([]byte(msg.Header.Get(headerJob)), &job) == nil && job.Replay == r.is.mark() {
			return true, nil
		}
	}
	return false, nil
}

// send queues an event for an endpoint.
func (r *replayRun) send(ctx context.Context, c candidate, id string) (tally, error) {
	stored, err := r.o.Broker.StatusAt(ctx, c.seq)
	if errors.Is(err, broker.ErrNotFound) {
		return r.fromLetter(ctx, c, id)
	}
	if err != nil {
		return nil, fmt.Errorf("read event %d: %w", c.seq, err)
	}
	due, err := r.o.Job(stored, id, r.is.mark())
	if err != nil {
		return func(n *ReplayCounts) { n.Unreadable++ }, nil
	}
	if err := r.queue(ctx, due); err != nil {
		return nil, err
	}
	return func(n *ReplayCounts) { n.Sent++ }, nil
}

// before judges by the last record of a webhook; nil: nothing speaks against it.
func (r *replayRun) before(ctx context.Context, c candidate, of broker.WebhookRef) (tally, error) {
	outcome, record, err := r.o.Broker.LastLog(ctx, of)
	if errors.Is(err, broker.ErrNotFound) {
		return r.undispatched(ctx, c)
	}
	if err != nil {
		return nil, fmt.Errorf("read the webhook log: %w", err)
	}
	var last struct {
		Replay string `json:"replay"`
	}
	_ = json.Unmarshal(record.Body, &last)
	switch {
	case last.Replay == r.is.mark():
		return func(n *ReplayCounts) { n.Repeated++ }, nil
	case r.missed != nil && outcome == outcomeDelivered:
		return func(n *ReplayCounts) { n.Settled++ }, nil
	}
	return nil, nil
}

// undispatched tells an event whose first job is still to come from one that the
// endpoint was not to get at the time.
func (r *replayRun) undispatched(ctx context.Context, c candidate) (tally, error) {
	if r.dispatched < c.seq {
		var err error
		if r.dispatched, err = r.o.Dispatched(ctx, r.o.Broker); err != nil {
			return nil, fmt.Errorf("ask which events have their webhooks: %w", err)
		}
	}
	if r.dispatched < c.seq {
		return func(n *ReplayCounts) { n.Pending++ }, nil
	}
	return nil, nil
}
