package ops

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
)

// aged replays the missed events that the status stream does not keep any more, of
// which dead letters hold the bytes, in the order that the stream had. They come
// before all that it still has.
func (r *replayRun) aged(ctx context.Context) error {
	old, err := r.old(ctx)
	if err != nil {
		return err
	}
	for _, c := range old {
		is, err := r.whole(ctx, &c)
		if err == nil && is {
			err = r.event(ctx, c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// old are the events that are to be replayed from letters, in order.
func (r *replayRun) old(ctx context.Context) ([]candidate, error) {
	if len(r.letters) == 0 {
		return nil, nil
	}
	var all []candidate
	seen := map[broker.WebhookRef]bool{}
	for of, l := range r.letters {
		event, _ := ofEvent(of)
		if !r.missed.has(of) || seen[event] {
			continue
		}
		if l.event == 0 {
			var err error
			if l.event, err = r.eventOf(ctx, l); err != nil {
				return nil, err
			}
		}
		if l.event == 0 || l.event >= r.kept.FirstSeq || l.event <= r.is.Position || l.event > r.is.To {
			continue
		}
		seen[event] = true
		all = append(all, candidate{WebhookRef: event, seq: l.event})
	}
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Compare(a.seq, b.seq) })
	return all, nil
}

// eventOf reads the event's sequence where the letter's headers do not tell it; 0:
// nothing tells it.
func (r *replayRun) eventOf(ctx context.Context, l letter) (uint64, error) {
	whole, err := r.o.Broker.ReadDead(ctx, l.seq)
	if ctx.Err() != nil {
		return 0, fmt.Errorf("read dead letter %d: %w", l.seq, context.Cause(ctx))
	}
	if err != nil {
		return 0, nil // what is left of it is no webhook
	}
	job, _, _ := readBuried(whole)
	return job.Seq, nil
}

// whole fills in of an event what only its letters tell, and reports whether it is
// to be sent: a selection may leave it out, and a letter may hold no event.
func (r *replayRun) whole(ctx context.Context, c *candidate) (bool, error) {
	for id := range r.missed[c.WebhookRef] {
		of := c.WebhookRef
		of.Endpoint = id
		l, ok := r.letters[of]
		if !ok {
			continue
		}
		kept, err := r.o.Broker.ReadDead(ctx, l.seq)
		if ctx.Err() != nil {
			return false, fmt.Errorf("read dead letter %d: %w", l.seq, context.Cause(ctx))
		}
		event, bad := payment.ParseEvent(kept.Source.Body)
		if errors.Join(err, bad) != nil {
			continue
		}
		c.eventType = event.Type
		return r.is.Selection.wants(event.Type, event.Timestamp), nil
	}
	for id := range r.missed[c.WebhookRef] {
		r.count(*c, id).Unreadable++
		r.is.Counts.Unreadable++
	}
	delete(r.missed, c.WebhookRef)
	return false, nil
}

// fromLetter queues an event that the status stream does not keep any more.
func (r *replayRun) fromLetter(ctx context.Context, c candidate, id string) (tally, error) {
	of := c.WebhookRef
	of.Endpoint = id
	l, ok := r.letters[of]
	if !ok {
		return func(n *ReplayCounts) { n.Expired++ }, nil
	}
	kept, err := r.o.Broker.ReadDead(ctx, l.seq)
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("read dead letter %d: %w", l.seq, context.Cause(ctx))
	case errors.Is(err, broker.ErrNotFound):
		return func(n *ReplayCounts) { n.Expired++ }, nil
	}
	due, bad := letterJob(kept, r.is.mark())
	if errors.Join(err, bad) != nil {
		return func(n *ReplayCounts) { n.Unreadable++ }, nil
	}
	if err := r.queue(ctx, due); err != nil {
		return nil, err
	}
	return func(n *ReplayCounts) { n.Sent++ }, nil
}
