package ops

import (
	"context"
	"fmt"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/pause"
	"reconciler/internal/payment"
)

// ReplayEnds says what became of a replay's webhooks.
type ReplayEnds struct {
	Name string `json:"name"`
	Run  int    `json:"run"`
	// Sent were queued. Delivered, Failed (given up, with a dead letter) and Skipped
	// (the endpoint was switched off meanwhile) are their ends; the others are on
	// their way or are tried again.
	Sent      int `json:"sent"`
	Delivered int `json:"delivered"`
	Failed    int `json:"failed"`
	Skipped   int `json:"skipped"`
}

// Ended are the webhooks that had their end.
func (e ReplayEnds) Ended() int { return e.Delivered + e.Failed + e.Skipped }

// watchEvery is how often the log is looked at.
const watchEvery = time.Second

// headerReplay is the mark of a replay on a record of the webhook log.
const headerReplay = "Recon-Replay"

// Wait follows a replay until each webhook it queued has its end, which takes as
// long as the endpoints' schedules where they fail, and for ever without a worker.
// progress, if set, is called after each look.
func (r *Replays) Wait(ctx context.Context, name string, progress func(ReplayEnds)) (ReplayEnds, error) {
	is, err := r.load(ctx, name)
	if err != nil {
		return ReplayEnds{}, err
	}
	if is.Run == 0 {
		return ReplayEnds{}, &FaultsError{[]payment.FieldError{{Field: "name", Problem: "is that of no replay"}}}
	}
	ends := ReplayEnds{Name: name, Run: is.Run, Sent: is.Counts.Sent + is.Counts.Repeated}
	seen := map[broker.WebhookRef]bool{}
	span := span{stream: broker.StreamWebhookLog, filter: is.Selection.records(), from: is.Log + 1}
	for {
		state, err := r.stateOf(ctx, broker.StreamWebhookLog)
		if span.to = state.LastSeq; err == nil {
			err = r.scan(ctx, span, func(e entry) bool {
				ends.take(e, is.mark(), seen)
				return true
			})
		}
		if err != nil {
			return ends, fmt.Errorf("wait for replay %s: %w", name, err)
		}
		span.from = span.to + 1
		if progress != nil {
			progress(ends)
		}
		if ends.Ended() >= ends.Sent {
			return ends, nil
		}
		if pause.For(ctx, watchEvery); ctx.Err() != nil {
			return ends, fmt.Errorf("wait for replay %s: %w", name, context.Cause(ctx))
		}
	}
}

// take counts a record if it is an end of the replay's.
func (n *ReplayEnds) take(e entry, mark string, seen map[broker.WebhookRef]bool) {
	outcome, of, err := broker.ParseWebhookLogSubject(e.subject)
	if err != nil || e.header.Get(headerReplay) != mark || seen[of] {
		return
	}
	switch outcome {
	case outcomeDelivered:
		n.Delivered++
	case outcomeExhausted:
		n.Failed++
	case outcomeSkipped:
		n.Skipped++
	default:
		return
	}
	seen[of] = true
}
