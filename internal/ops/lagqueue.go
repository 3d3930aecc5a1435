package ops

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
)

// queue is what is on its way to one endpoint.
type queue struct {
	// jobs are the webhooks, by where their job is.
	jobs map[broker.WebhookRef]broker.PendingState
	// heads are the lowest versions of the payments: an event waits for those before
	// it, so the oldest event is one of these.
	heads map[string]int
}

// queues reads what is on its way, by endpoint: in one request for each 100,000 webhooks.
func (l *Lags) queues(ctx context.Context, merchant string) (map[name]*queue, error) {
	stream, err := l.o.Broker.JetStream().Stream(ctx, broker.StreamWork)
	if err != nil {
		return nil, err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter("recon.*.webhook."+or(merchant)+".>"))
	if err != nil {
		return nil, err
	}
	all := map[name]*queue{}
	for subject := range info.State.Subjects {
		of, err := broker.ParseWebhook(subject)
		if err != nil {
			continue // nobody of ours wrote it; the worker makes it a dead letter
		}
		to := name{of.Merchant, of.Endpoint}
		q := all[to]
		if q == nil {
			q = &queue{jobs: map[broker.WebhookRef]broker.PendingState{}, heads: map[string]int{}}
			all[to] = q
		}
		state := q.jobs[of]
		if due(subject) == subject {
			state.Due = true
		} else {
			state.Armed = true
		}
		q.jobs[of] = state
		if head, ok := q.heads[of.Payment]; !ok || of.Version < head {
			q.heads[of.Payment] = of.Version
		}
	}
	return all, nil
}

// measure looks into an endpoint's webhooks.
func (l *Lags) measure(ctx context.Context, k *Lag, q *queue) error {
	stream, err := l.o.Broker.JetStream().Stream(ctx, broker.StreamWork)
	if err != nil {
		return err
	}
	k.Undelivered = len(q.jobs)
	for _, state := range q.jobs {
		if state.Due {
			k.Overdue++
		}
	}
	heads := q.first()
	if k.AtLeast = len(heads) > lagReads; k.AtLeast {
		heads = heads[:lagReads]
	}
	for _, payment := range heads {
		of := broker.WebhookRef{Merchant: k.Merchant, Endpoint: k.Endpoint, Payment: payment, Version: q.heads[payment]}
		if err := k.head(ctx, stream, of, q.jobs[of]); err != nil {
			return err
		}
	}
	return k.edges(ctx, stream)
}

// first are the payments in a fixed order, so that who asks twice is not told of
// others where not all are looked into.
func (q *queue) first() []string {
	all := make([]string, 0, len(q.heads))
	for payment := range q.heads {
		all = append(all, payment)
	}
	slices.Sort(all)
	return all
}

// head looks into a payment's first webhook.
func (k *Lag) head(ctx context.Context, stream jetstream.Stream, of broker.WebhookRef, is broker.PendingState) error {
	subject := broker.WebhookTimer(of.Merchant, of.Endpoint, of.Payment, of.Version)
	if is.Due {
		subject = broker.WebhookDue(of.Merchant, of.Endpoint, of.Payment, of.Version)
	}
	job, err := stream.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil // delivered, or armed anew, since the list was read
	}
	if err != nil {
		return err
	}
	earlier(&k.OldestAt, happened(job))
	if is.Due {
		return nil // edges knows the first of them
	}
	// A timer that should have fired: the broker was down, or is late.
	if at, err := broker.ScheduledAt(job.Header); err == nil && at.Before(time.Now()) {
		k.Overdue++
		earlier(&k.OverdueAt, at)
	}
	return nil
}

// edges looks at the webhook that is due for longest, which is the first in the
// stream, because a job is stored there when it becomes due; and, where not all were
// looked into, at the one that has rested for longest.
func (k *Lag) edges(ctx context.Context, stream jetstream.Stream) error {
	to := "." + broker.Token(k.Merchant) + "." + broker.Token(k.Endpoint) + ".>"
	job, err := stream.GetMsg(ctx, 1, jetstream.WithGetMsgSubject("recon.due.webhook"+to))
	if err == nil {
		earlier(&k.OverdueAt, job.Time)
		earlier(&k.OldestAt, happened(job))
	}
	if k.AtLeast && (err == nil || errors.Is(err, jetstream.ErrMsgNotFound)) {
		if job, err = stream.GetMsg(ctx, 1, jetstream.WithGetMsgSubject("recon.*.webhook"+to)); err == nil {
			earlier(&k.OldestAt, happened(job))
		}
	}
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	return err
}

func earlier(than *time.Time, at time.Time) {
	if than.IsZero() || at.Before(*than) {
		*than = at.UTC()
	}
}
