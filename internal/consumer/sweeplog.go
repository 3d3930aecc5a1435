package consumer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
)

// sweepPage is how many payments of the log are looked at together: a payment's
// events are mostly close to each other, and only its last one is a question.
const sweepPage = 32_768

// latest is the last event of a payment within a page.
type latest struct {
	of      broker.PaymentRef
	seq     uint64
	version int
	status  payment.Status
	at      time.Time
}

// log arms a timer for each payment that must be watched and has none.
func (r *round) log(ctx context.Context) error {
	rec := &r.lease.record
	anew, other, err := r.begin(ctx, &rec.Log, broker.StreamStatus)
	if err != nil {
		return err
	}
	if other {
		rec.From = 0
	}
	if anew {
		rec.Log.Next, rec.Low = max(rec.From, 1), 0
	}
	for !rec.Log.Done {
		page, end, err := r.page(ctx)
		if err != nil {
			return err
		}
		for _, p := range page {
			if err := r.payment(ctx, p); err != nil {
				return err
			}
			rec.Log.Next = p.seq + 1
		}
		rec.Log.Next = end + 1
		if end >= rec.Log.End {
			rec.Log.finish()
			rec.From = rec.Log.End + 1
			if rec.Low > 0 {
				rec.From = rec.Low
			}
		}
	}
	return nil
}

// page reads headers until it has a page of payments, and gives their last events
// in order, and where it ended.
func (r *round) page(ctx context.Context) (page []latest, end uint64, err error) {
	e := r.lease.record.Log
	found := map[broker.PaymentRef]latest{}
	var paced error
	read := 0
	end = e.End
	err = r.o.Broker.Changes(ctx, e.Next, e.End, func(c broker.Change) bool {
		// What nobody of ours wrote is passed over: believed, it could hide that a
		// payment is open.
		if c.Version > 0 && c.ID == payment.EventID(c.Of.Merchant, c.Of.Payment, c.Version) {
			found[c.Of] = latest{of: c.Of, seq: c.Seq, version: c.Version, status: payment.Status(c.Status), at: c.At}
		}
		if read++; read%(reading*8) == 0 {
			paced = r.step(ctx, 8, partOfAll)
		}
		if len(found) >= sweepPage {
			end = c.Seq
		}
		return paced == nil && len(found) < sweepPage
	})
	if err = errors.Join(err, paced); err != nil {
		return nil, 0, err
	}
	for _, p := range found {
		page = append(page, p)
	}
	slices.SortFunc(page, func(a, b latest) int { return cmp.Compare(a.seq, b.seq) })
	return page, end, nil
}

// payment arms a payment's timer if it must be watched and nothing of it is left.
func (r *round) payment(ctx context.Context, p latest) error {
	if r.over(p) {
		return nil
	}
	if err := r.step(ctx, 1, partOfAll); err != nil {
		return err
	}
	r.result.Payments++
	found, err := r.o.Broker.HasPoll(ctx, p.of)
	if err != nil {
		return err
	}
	if found || time.Since(p.at) < settled {
		r.keepLow(p.seq)
		return nil
	}
	is, err := readStanding(ctx, r.o.Broker, broker.StatusKey(p.of.Account, p.of.Merchant, p.of.Payment), p.of.Payment)
	var newer *payment.NewerSchemaError
	switch {
	case errors.As(err, &newer):
		r.keepLow(p.seq)
		r.result.Left++
		return nil
	case err != nil:
		return err
	case is.state.Last.Version != p.version, is.state.Last.Status.ClosedForGood():
		return nil // a later event says what is to be done
	}
	return r.watchAgain(ctx, p, is)
}

// over reports whether nothing can be left to watch, were this the payment's last
// event. An event is stored after the look it tells of, so this is never early.
func (r *round) over(p latest) bool {
	if p.status.ClosedForGood() {
		return true
	}
	account := r.accounts[p.of.Account]
	if account == nil || p.status.Open() {
		return false
	}
	return time.Since(p.at) >= account.Policy.Cadence.Watch(phase(p.status))
}

func (r *round) keepLow(seq uint64) {
	if low := &r.lease.record.Low; *low == 0 || seq < *low {
		*low = seq
	}
}

// watchAgain arms the timer of a payment of which nothing is left but its log.
func (r *round) watchAgain(ctx context.Context, p latest, is standing) error {
	account := r.accounts[p.of.Account]
	if account == nil {
		r.keepLow(p.seq)
		if is.state.Last.Status.Open() {
			r.result.Left++ // of a decided one nobody here knows how long it is watched
		}
		return nil
	}
	w := newWatch(is.state, is.seq)
	var err error
	if w.Since, err = r.since(ctx, is); err != nil {
		return err
	}
	delay, more := cadenceDelay(w, time.Now(), account.Policy)
	if !more {
		return nil
	}
	r.keepLow(p.seq)
	// When the lost timer would have fired nobody knows: any time up to one interval
	// from now. Many payments that lost theirs together don't come together again.
	w.Planned = max(time.Duration(float64(delay)*r.o.Random()), account.Policy.Floor)
	armed, err := r.armFirst(ctx, p.of, w, is.trace)
	if armed {
		r.result.Missing++
	}
	return err
}

// armFirst arms a timer where there still is nothing.
func (r *round) armFirst(ctx context.Context, of broker.PaymentRef, w watch, trace string) (bool, error) {
	// The requests since the first question, and those to come.
	if err := r.step(ctx, 4, partOfAll); err != nil {
		return false, err
	}
	found, err := r.o.Broker.HasPoll(ctx, of)
	if err != nil || found {
		return false, err
	}
	body, err := w.encode()
	if err != nil {
		return false, err
	}
	header := nats.Header{}
	if trace != "" {
		header.Set(headerTrace, trace)
	}
	err = r.o.Broker.ArmIf(ctx, broker.Timer{
		Subject: broker.PollTimer(of.Account, of.Merchant, of.Payment), Target: broker.PollDue(of.Account, of.Merchant, of.Payment),
		At: time.Now().Add(w.Planned), Header: header, Body: body,
	}, 0)
	if isConflict(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("arm the missing timer of payment %q: %w", of.Payment, err)
	}
	return true, nil
}

// since is when a payment came to its status: of several events of one status, a
// further refund for example, the first. Without it a watch that has ended would
// begin again.
func (r *round) since(ctx context.Context, is standing) (time.Time, error) {
	first := is.state.Last.ObservedAt
	for seq := is.seq; seq > 0; {
		stored, err := r.o.Broker.StatusAt(ctx, seq)
		if errors.Is(err, broker.ErrNotFound) {
			break // older than what the log keeps
		}
		if err != nil {
			return time.Time{}, fmt.Errorf("read an earlier event of payment %q: %w", is.state.Last.PaymentID, err)
		}
		seq = precedingSeq(stored.Header)
		event, err := readStored(stored)
		if err != nil {
			continue // not ours; what is ours follows it all the same
		}
		first = event.state.Last.ObservedAt
		if event.state.Last.PreviousStatus != event.state.Last.Status {
			break
		}
	}
	return first, nil
}
