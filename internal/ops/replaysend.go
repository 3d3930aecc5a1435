package ops

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/notify"
	"reconciler/internal/pause"
	"reconciler/internal/payment"
)

// replayRun is a replay at work, in one goroutine.
type replayRun struct {
	*Replays
	wish    ReplayWish
	is      replayRecord
	resumed bool
	// missed is nil where every webhook is meant.
	missed    missed
	letters   letters
	endpoints map[string][]View // by merchant
	// kept is what the status stream held when this went on.
	kept jetstream.StreamState
	// dispatched is an old value of what the dispatcher has done; it only grows.
	dispatched uint64
	next       time.Time // when the next webhook may be queued
	rows       map[rowKey]*ReplayCounts
}

type rowKey struct{ merchant, endpoint, eventType string }

// page is how many events are read ahead; the endpoints are looked at again with each.
const page = 256

// candidate is an event that is selected.
type candidate struct {
	broker.WebhookRef // without endpoint
	seq               uint64
	eventType         string
}

// all does what is left of the replay, page by page.
func (r *replayRun) all(ctx context.Context) error {
	if err := r.collect(ctx); err != nil {
		return err
	}
	begun := r.is.Position == 0
	err := r.aged(ctx)
	if err != nil {
		return err
	}
	for done := false; !done; {
		var found []candidate
		if found, done, err = r.read(ctx); err != nil {
			return err
		}
		for _, c := range found {
			if err := r.event(ctx, c); err != nil {
				return err
			}
		}
		if err := r.look(ctx); err != nil {
			return err
		}
	}
	r.is.Position = max(r.is.Position, r.is.To)
	if sel := r.is.Selection; begun && len(sel.Types) == 0 && sel.Since.IsZero() && sel.Until.IsZero() && sel.ToSeq == 0 {
		r.expired()
	}
	r.is.FinishedAt = time.Now().UTC()
	return r.keep(ctx)
}

// collect reads which webhooks were missed, where that is what is asked for.
func (r *replayRun) collect(ctx context.Context) error {
	reading := func(stream string, to uint64) func(uint64) {
		return func(seq uint64) {
			if r.wish.Progress != nil && seq%page == 0 {
				is := r.result(false)
				is.Reading = &ReplayReading{Stream: stream, Position: seq, To: to}
				r.wish.Progress(is)
			}
		}
	}
	var err error
	if r.letters, err = r.Replays.letters(ctx, r.is, reading(broker.StreamDead, r.is.Dead)); err != nil {
		return err
	}
	r.missed, err = r.Replays.missed(ctx, r.is, r.letters, reading(broker.StreamWebhookLog, r.is.Log))
	return err
}

// expired counts the missed webhooks whose events were not met on the whole way:
// those that were are taken out.
func (r *replayRun) expired() {
	for event, endpoints := range r.missed {
		for id := range endpoints {
			r.count(candidate{WebhookRef: event}, id).Expired++
			r.is.Counts.Expired++
		}
	}
}

// keep writes down how far the run is, though ctx may have ended: what was queued
// must not be queued again.
func (r *replayRun) keep(ctx context.Context) error {
	if r.wish.Progress != nil {
		r.wish.Progress(r.result(false))
	}
	if r.wish.DryRun {
		return nil
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
	defer cancel()
	return r.save(limited, &r.is)
}

// lastWord bounds what an interrupted replay does to end in good order.
const lastWord = 10 * time.Second

// horizon reads how far back events are kept.
func (r *replayRun) horizon(ctx context.Context) error {
	var err error
	r.kept, err = r.stateOf(ctx, broker.StreamStatus)
	return err
}

// look reads which endpoints there are and how they stand.
func (r *replayRun) look(ctx context.Context) error {
	views, err := r.o.Endpoints.List(ctx, r.is.Selection.Merchant)
	if err != nil {
		return err
	}
	r.endpoints = map[string][]View{}
	id, merchants := r.is.Selection.Endpoint, 0
	for _, v := range views {
		if id != "" && id != v.ID {
			continue
		}
		known := r.endpoints[v.Merchant]
		if slices.ContainsFunc(known, func(other View) bool { return other.ID == v.ID }) {
			continue // the configuration's wins
		}
		if len(known) == 0 {
			merchants++
		}
		r.endpoints[v.Merchant] = append(known, v)
	}
	if id != "" && merchants == 0 {
		return ErrNoEndpoint
	}
	if id != "" && merchants > 1 {
		return &FaultsError{[]payment.FieldError{{Field: "merchant", Problem: "is needed: several merchants have an endpoint of that id"}}}
	}
	return nil
}

// read gives the next events that are selected; done: there are no more of them.
func (r *replayRun) read(ctx context.Context) (found []candidate, done bool, err error) {
	done = true
	s := r.is.Selection
	err = r.scan(ctx, span{stream: broker.StreamStatus, filter: s.events(), from: r.is.Position + 1, to: r.is.To}, func(e entry) bool {
		status, of, err := broker.ParseStatusSubject(e.subject)
		version, bad := strconv.Atoi(e.header.Get("ce-version"))
		if errors.Join(err, bad) != nil {
			return true // the dispatcher has made a dead letter of it
		}
		c := candidate{broker.WebhookRef{Merchant: of.Merchant, Payment: of.Payment, Version: version}, e.seq, payment.TypeOf(payment.Status(status))}
		if !s.wants(c.eventType, e.at) || r.missed != nil && r.missed[c.WebhookRef] == nil || r.missed == nil && len(r.endpoints[c.Merchant]) == 0 {
			return true
		}
		found = append(found, c)
		done = len(found) < page // a full page may have something behind it
		return done
	})
	return found, done, err
}

// event queues an event for each endpoint that it is meant for.
func (r *replayRun) event(ctx context.Context, c candidate) error {
	for _, id := range r.targets(c) {
		if slices.Contains(r.is.Done, id) {
			continue
		}
		what, err := r.webhook(ctx, c, id)
		if err != nil {
			return errors.Join(err, r.keep(ctx))
		}
		what(r.count(c, id))
		what(&r.is.Counts)
		r.is.Done = append(r.is.Done, id)
	}
	delete(r.missed, c.WebhookRef)
	r.is.Position, r.is.Done = c.seq, nil
	return r.keep(ctx)
}

// targets are the endpoints that an event is meant for.
func (r *replayRun) targets(c candidate) []string {
	var all []string
	if r.missed != nil {
		for id := range r.missed[c.WebhookRef] {
			all = append(all, id)
		}
		slices.Sort(all)
		return all
	}
	for _, v := range r.endpoints[c.Merchant] {
		if notify.Interested(notify.Endpoint{Events: v.Events}, c.eventType) {
			all = append(all, v.ID)
		}
	}
	return all
}

func (r *replayRun) count(c candidate, endpoint string) *ReplayCounts {
	key := rowKey{c.Merchant, endpoint, c.eventType}
	if r.rows[key] == nil {
		r.rows[key] = &ReplayCounts{}
	}
	return r.rows[key]
}

// queue makes a webhook due once the rate allows it. The context may end the wait
// for that, and not the publishing: nobody would know then whether it was done.
func (r *replayRun) queue(ctx context.Context, due broker.Due) error {
	if r.wish.DryRun {
		return nil
	}
	if pause.For(ctx, time.Until(r.next)); ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if now := time.Now(); r.next.Before(now) {
		r.next = now // time that was not used is not made up for
	}
	r.next = r.next.Add(time.Duration(float64(time.Second) / r.wish.Rate))
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
	defer cancel()
	return r.o.Broker.PublishDue(limited, due)
}

func (r *replayRun) result(rows bool) ReplayResult {
	is := r.is
	all := ReplayResult{
		Name: is.Name, Run: is.Run, Selection: is.Selection, DryRun: r.wish.DryRun, Resumed: r.resumed, Finished: !is.FinishedAt.IsZero() && !r.wish.DryRun,
		From: max(is.Selection.FromSeq, 1), Position: is.Position, To: is.To, Counts: is.Counts,
	}
	if r.kept.Msgs > 0 {
		all.KeptFrom, all.KeptSince = r.kept.FirstSeq, r.kept.FirstTime
	}
	if !rows {
		return all
	}
	for key, counts := range r.rows {
		all.Rows = append(all.Rows, ReplayRow{key.merchant, key.endpoint, key.eventType, *counts})
	}
	slices.SortFunc(all.Rows, func(a, b ReplayRow) int {
		return cmp.Or(cmp.Compare(a.Merchant, b.Merchant), cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Type, b.Type))
	})
	return all
}
