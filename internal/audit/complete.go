package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/invariant"
	"reconciler/internal/payment"
	"reconciler/internal/retry"
)

// complete looks whether anything of a payment is missing that must be there by now.
func (s *shard) complete(ctx context.Context, b *bundle) error {
	s.inputs(b)
	if len(b.events) == 0 || b.newer {
		return nil
	}
	events := make([]payment.Data, len(b.events))
	for i, e := range b.events {
		parsed, err := payment.ParseEvent(e.Body)
		if err != nil {
			return fmt.Errorf("read an event of payment %q again: %w", b.payment, err)
		}
		events[i] = parsed.Data
	}
	if err := s.future(ctx, b, events); err != nil {
		return err
	}
	return s.delivered(ctx, b, events)
}

// future looks whether somebody will come back to the payment.
func (s *shard) future(ctx context.Context, b *bundle, events []payment.Data) error {
	last, at := events[len(events)-1], b.events[len(events)-1]
	key := s.pollKey(last.Account, b.name)
	if p, ok := s.polls[key]; ok {
		p.known = true
		s.polls[key] = p
		if p.version > last.Version {
			s.add(Finding{
				Kind: KindEventLost, Rule: 2, Stream: broker.StreamStatus, Merchant: b.merchant, Payment: b.payment, Version: p.version,
				Detail: fmt.Sprintf("its timer knows version %d, the log ends with version %d", p.version, last.Version), Do: remedy(2),
			})
		}
		return nil
	}
	if !s.watched(events) || time.Since(at.Time) < settled {
		return nil
	}
	of := broker.PaymentRef{Account: last.Account, Merchant: b.merchant, Payment: b.payment}
	found, err := s.o.Broker.HasPoll(ctx, of)
	if err != nil || found {
		return err
	}
	now, err := s.o.Broker.LastStatus(ctx, broker.StatusKey(of.Account, of.Merchant, of.Payment))
	if errors.Is(err, broker.ErrNotFound) || err == nil && now.Seq != b.latest {
		return nil // it moved on meanwhile
	}
	if err != nil {
		return fmt.Errorf("read a payment's last event again: %w", err)
	}
	f := Finding{
		Kind: KindTimerMissing, Rule: 1, Stream: broker.StreamWork, Merchant: b.merchant, Payment: b.payment, Version: last.Version, account: last.Account,
		Detail: fmt.Sprintf("is %s and still watched, but has neither a timer nor a due poll", last.Status),
		Do:     "reconciler audit --repair; a running worker does the same every 5 minutes",
	}
	if s.accounts[last.Account] == nil {
		f.Do = fmt.Sprintf("account %q is not configured, so nobody can watch it: configure it again, then: reconciler audit --repair", last.Account)
	}
	s.add(f)
	return nil
}

// watched reports whether a payment must be watched for a while yet: an open one always,
// another surely until shortly before its watch ends.
func (s *shard) watched(events []payment.Data) bool {
	last := events[len(events)-1]
	account := s.accounts[last.Account]
	switch {
	case last.Status.ClosedForGood():
		return false
	case last.Status.Open():
		return true
	case account == nil:
		return false
	}
	since := last.ObservedAt
	for i := len(events) - 1; i >= 0 && events[i].Status == last.Status; i-- {
		since = events[i].ObservedAt
	}
	phase := phaseOf(last.Status)
	// A watch ends with the last look that fits into it, and looks are jittered.
	var longest time.Duration
	for _, step := range account.Policy.Cadence.Steps(phase) {
		longest = max(longest, step.Every)
	}
	return time.Since(since) < account.Policy.Cadence.Watch(phase)-2*longest
}

func phaseOf(s payment.Status) retry.Phase {
	switch {
	case s.Closed():
		return retry.Closed
	case s.Parked():
		return retry.Parked
	}
	return retry.Settled
}

// inputs looks whether something came of each created event that was handled. All of its
// effects were there when its mark was read, so once is enough.
func (s *shard) inputs(b *bundle) {
	buried := map[uint64]bool{}
	for _, d := range b.dead {
		buried[d.SourceSeq] = buried[d.SourceSeq] || d.Stage == invariant.StageIntake
	}
	for _, in := range b.inputs {
		if in.Seq > s.marks.taken || buried[in.Seq] || shortened(s.marks.dead) && in.Time.Before(s.marks.dead.FirstTime) {
			continue
		}
		c, err := payment.ParseCreated(in.Body, in.Time)
		if err != nil {
			c, err = payment.ParseCreated(in.Body, time.Now()) // it was ahead of its time
		}
		problem := ""
		switch {
		case b.newer, s.aged(b, 1), shortened(s.marks.status) && in.Time.Before(s.marks.status.FirstTime):
		case err != nil:
			problem = "is invalid and no dead letter"
		case len(b.events) == 0:
			problem = "led to no payment"
		case b.events[0].Digest != c.Digest():
			problem = "says something else than the payment and is no dead letter"
		}
		if problem == "" {
			continue
		}
		f := Finding{
			Kind: KindInputLost, Rule: 6, Stream: broker.StreamPayments, Seq: in.Seq, Merchant: b.merchant, Payment: b.payment,
			Detail: fmt.Sprintf("created event %d was handled, but %s", in.Seq, problem),
			Do:     "let upstream publish the event again: a payment that exists already takes no harm",
		}
		if b.merchant == "" {
			f.Payment = ""
		}
		s.add(f)
	}
}
