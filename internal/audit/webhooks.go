package audit

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/consumer"
	"reconciler/internal/invariant"
	"reconciler/internal/notify"
	"reconciler/internal/payment"
)

// delivered looks whether each event that had its jobs made has, at each endpoint that
// wanted it then, an end, a dead letter, or a job still.
func (s *shard) delivered(ctx context.Context, b *bundle, events []payment.Data) error {
	endpoints := s.endpoints[b.merchant]
	if len(endpoints) == 0 {
		return nil
	}
	type end struct {
		endpoint string
		version  int
	}
	ended := map[end]bool{}
	for _, a := range b.attempts {
		if final(a.Outcome) {
			ended[end{a.Endpoint, a.Version}] = true
		}
	}
	for _, d := range b.dead {
		if d.Endpoint != "" && d.Reason != invariant.ReasonForged {
			ended[end{d.Endpoint, d.Version}] = true
		}
	}
	for i, e := range b.events {
		for _, to := range endpoints {
			version := events[i].Version
			wanted := notify.Interested(notify.Endpoint{Events: to.Events}, payment.TypeOf(e.Status))
			if e.Seq > s.marks.dispatched || !wanted || e.Time.Before(to.Since) || ended[end{to.ID, version}] {
				continue
			}
			of := broker.WebhookRef{Merchant: b.merchant, Endpoint: to.ID, Payment: b.payment, Version: version}
			if err := s.webhook(ctx, of, e.Seq); err != nil {
				return err
			}
		}
	}
	return nil
}

func final(outcome string) bool {
	return outcome == invariant.OutcomeDelivered || outcome == invariant.OutcomeExhausted || outcome == invariant.OutcomeSkipped
}

// webhook asks again for what seems to be lost: first for the job, then for its end, which
// is recorded before the job goes.
func (s *shard) webhook(ctx context.Context, of broker.WebhookRef, seq uint64) error {
	if _, ok := s.webhooks[maphash.Comparable(s.seed, of)]; ok {
		return nil
	}
	pending, err := s.o.Broker.PendingWebhooks(ctx, of.Merchant, of.Endpoint, of.Payment)
	if err != nil {
		return err
	}
	if state := pending[of.Version]; state.Armed || state.Due {
		return nil
	}
	outcome, _, err := s.o.Broker.LastLog(ctx, of)
	if err != nil && !errors.Is(err, broker.ErrNotFound) {
		return fmt.Errorf("look for the end of a webhook: %w", err)
	}
	if final(outcome) {
		return nil
	}
	f := Finding{
		Kind: KindWebhookLost, Rule: 5, Stream: broker.StreamStatus, Seq: seq,
		Merchant: of.Merchant, Payment: of.Payment, Endpoint: of.Endpoint, Version: of.Version,
		Detail: fmt.Sprintf("version %d has no job, no end and no dead letter at endpoint %q", of.Version, of.Endpoint),
		Do: fmt.Sprintf("reconciler audit --repair, or: reconciler replay --merchant %s --endpoint %s --payment %s --from-seq %d --to-seq %d",
			quoted(of.Merchant), quoted(of.Endpoint), quoted(of.Payment), seq, seq),
	}
	if s.o.Repair != nil {
		if err := s.send(ctx, of, seq); err != nil {
			return err
		}
		f.Repaired = true
	}
	s.add(f)
	return nil
}

// sendEvery spreads the webhooks that are sent again: first deliveries must not wait.
const sendEvery = 5 * time.Millisecond

// send makes a webhook's job again from its event, as a replay does: the same id and the
// same bytes.
func (s *shard) send(ctx context.Context, of broker.WebhookRef, seq uint64) error {
	stored, err := s.o.Broker.StatusAt(ctx, seq)
	if err != nil {
		return fmt.Errorf("read the event of a lost webhook: %w", err)
	}
	job, err := consumer.ReplayJob(stored, of.Endpoint, fmt.Sprintf("audit#%d", s.report.Began.UnixNano()))
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, patience) // a full store would be asked for ever
	defer cancel()
	if err := s.o.Broker.PublishDue(limited, job); err != nil {
		return fmt.Errorf("queue a lost webhook again: %w", err)
	}
	return pause(ctx, sendEvery)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
