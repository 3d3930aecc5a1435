package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
)

const (
	// heldPause is how long to wait for a worker that sweeps.
	heldPause = time.Second
	// sweeps is how often all is swept at most: the first one may go on with one that was
	// begun before the damage.
	sweeps = 2
)

// strays reports polls of payments that have no events. What was armed meanwhile has some.
func (r *run) strays(ctx context.Context) error {
	stream, err := r.o.Broker.JetStream().Stream(ctx, broker.StreamWork)
	if err != nil {
		return fmt.Errorf("open %s: %w", broker.StreamWork, err)
	}
	for _, p := range r.polls {
		if p.known {
			continue
		}
		msg, err := stream.GetMsg(ctx, p.seq)
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			continue // it has fired or was armed anew, so somebody knows it
		}
		of, err := broker.ParsePoll(msg.Subject)
		if err != nil {
			continue
		}
		_, err = r.o.Broker.LastStatus(ctx, broker.StatusKey(of.Account, of.Merchant, of.Payment))
		if err == nil {
			continue
		}
		if !errors.Is(err, broker.ErrNotFound) {
			return fmt.Errorf("look for a payment's events: %w", err)
		}
		r.add(Finding{
			Kind: KindStray, Rule: 1, Stream: broker.StreamWork, Seq: p.seq, Merchant: of.Merchant, Payment: of.Payment,
			Detail: fmt.Sprintf("has a pending poll at account %q but no event", of.Account),
			Do:     "PAYMENT_STATUS has lost its events: restore them, or let upstream publish the payment again",
		})
	}
	return nil
}

// repair sweeps until all was looked at, and looks which findings are mended.
func (r *run) repair(ctx context.Context) error {
	if r.report.Counts[KindTimerMissing].Found+r.report.Counts[KindTimerOverdue].Found == 0 {
		return nil
	}
	for range sweeps {
		if err := r.sweep(ctx); err != nil {
			return err
		}
		left, err := r.mended(ctx)
		if err != nil || left == 0 {
			return err
		}
	}
	return nil
}

// sweep waits for a worker that sweeps, and goes on until all was looked at.
func (r *run) sweep(ctx context.Context) error {
	for {
		r.tell(Progress{Doing: "arming timers again"})
		result, err := r.o.Repair.SweepOnce(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("repair: %w", err)
		case result.Complete:
			return nil
		case result.Held:
			r.tell(Progress{Doing: "waiting for a worker that arms timers again"})
			if err := pause(ctx, heldPause); err != nil {
				return err
			}
		}
	}
}

// mended marks what is well now. Those that are only counted are as well as the listed:
// all have been swept.
func (r *run) mended(ctx context.Context) (left int, err error) {
	listed, well := map[Kind]int{}, map[Kind]int{}
	for i, f := range r.report.Findings {
		if f.Kind != KindTimerMissing && f.Kind != KindTimerOverdue {
			continue
		}
		listed[f.Kind]++
		ok, err := r.isWell(ctx, f)
		if err != nil {
			return 0, err
		}
		if r.report.Findings[i].Repaired = ok; ok {
			well[f.Kind]++
		}
	}
	for kind, n := range listed {
		c := r.report.Counts[kind]
		c.Repaired = well[kind]
		if well[kind] == n {
			c.Repaired = c.Found
		}
		left += c.Found - c.Repaired
		r.report.Counts[kind] = c
	}
	return left, nil
}

// isWell reports whether a payment or webhook has a future again.
func (r *run) isWell(ctx context.Context, f Finding) (bool, error) {
	if f.Kind == KindTimerMissing {
		found, err := r.o.Broker.HasPoll(ctx, broker.PaymentRef{Account: f.account, Merchant: f.Merchant, Payment: f.Payment})
		if err != nil || found {
			return found, err
		}
		now, err := r.o.Broker.LastStatus(ctx, broker.StatusKey(f.account, f.Merchant, f.Payment))
		if err != nil {
			return false, fmt.Errorf("look at a repaired payment: %w", err)
		}
		status, _, err := broker.ParseStatusSubject(now.Subject)
		return err == nil && payment.Status(status).ClosedForGood(), nil
	}
	t, err := r.o.Broker.Timer(ctx, f.subject)
	if errors.Is(err, broker.ErrNotFound) {
		return true, nil // it has fired
	}
	if err != nil {
		return false, fmt.Errorf("look at a repaired timer: %w", err)
	}
	return t.Seq != f.Seq, nil
}
