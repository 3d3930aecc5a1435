package simulation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/pause"
	"reconciler/internal/retry"
)

// durable is a consumer of the workers.
type durable struct{ stream, name string }

func (w *world) durables() []durable {
	all := []durable{{broker.StreamPayments, "intake"}, {broker.StreamStatus, "dispatcher"}, {broker.StreamWork, "deliverer"}}
	for _, a := range w.accounts {
		all = append(all, durable{broker.StreamWork, "poller-" + broker.Token(a.Provider)})
	}
	return all
}

// streamKinds is what somebody with too many rights does to the streams.
func streamKinds() []kind {
	any := func(durable) bool { return true }
	sabotage := func(name string, can func(durable) bool, do func(*world, context.Context, durable) error) kind {
		return kind{name, 0, 0, func(w *world, f fault) func() {
			if w.server == nil {
				return nil
			}
			all := slices.DeleteFunc(w.durables(), func(d durable) bool { return !can(d) })
			of := all[f.which%len(all)]
			w.burst(f)
			if err := do(w, w.soon(), of); err != nil {
				w.note("%s: %s: %v", name, of.name, err)
				return nil
			}
			w.note("%s: %s", name, of.name)
			w.tally.add("hit "+name, 1)
			return nil
		}}
	}
	return []kind{
		sabotage("consumer deleted", any, func(w *world, ctx context.Context, of durable) error {
			return w.broker.JetStream().DeleteConsumer(ctx, of.stream, of.name)
		}),
		sabotage("consumer with another filter", any, func(w *world, ctx context.Context, of durable) error {
			return w.replaceConsumer(ctx, of, func(c *jetstream.ConsumerConfig) { c.FilterSubject = "recon.due.nobody.>" })
		}),
		// Consumers of a work queue begin with its first message, always.
		sabotage("consumer ahead of the stream", func(d durable) bool { return d.stream != broker.StreamWork }, func(w *world, ctx context.Context, of durable) error {
			s, err := w.stream(of.stream)
			if err != nil {
				return err
			}
			return w.replaceConsumer(ctx, of, func(c *jetstream.ConsumerConfig) {
				c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverByStartSequencePolicy, s.CachedInfo().State.LastSeq+1_000_000
			})
		}),
	}
}

// timerKinds is what befalls timers themselves.
func timerKinds() []kind {
	return []kind{
		{"timers deleted", 0, 0, func(w *world, f fault) func() {
			s, err := w.stream(broker.StreamWork)
			if err != nil {
				return nil
			}
			for n, t := range w.timers() {
				if poll, err := broker.ParsePoll(t.Subject); err == nil && (n+f.which)%3 == 0 && s.DeleteMsg(w.soon(), t.Seq) == nil {
					w.tally.add("hit timers deleted", 1)
					w.note("the timer of payment %s is deleted", poll.Payment)
				}
			}
			return nil
		}},
		// As a publish would that was held up somewhere and comes after a later one.
		{"old timers come back", time.Hour, 12 * time.Hour, func(w *world, f fault) func() {
			old := map[string]broker.SweptTimer{}
			keep := func() {
				for _, t := range w.timers() {
					if _, ok := old[t.Subject]; !ok {
						old[t.Subject] = t
					}
				}
			}
			keep()
			w.burst(f)
			w.after(f.lasts/24, keep) // those of the burst are young, and change
			return func() { w.bringBack(old) }
		}},
	}
}

// timers are those that are armed now.
func (w *world) timers() []broker.SweptTimer {
	var all []broker.SweptTimer
	for next := uint64(1); w.server != nil; {
		t, err := w.broker.NextTimer(w.soon(), next)
		if err != nil {
			break
		}
		if t.Fault == nil {
			all = append(all, t)
		}
		next = t.Seq + 1
	}
	return all
}

// bringBack puts old timers in the place of those that are armed now, at the same
// time: what they know is out of date, and nobody is looked at too early.
func (w *world) bringBack(old map[string]broker.SweptTimer) {
	for _, t := range w.timers() {
		before, ok := old[t.Subject]
		if _, err := broker.ParsePoll(t.Subject); err != nil || !ok || before.Seq == t.Seq || time.Until(t.At) < 30*time.Second {
			continue
		}
		if err := w.broker.Arm(w.soon(), broker.Timer{Subject: t.Subject, Target: t.Target, At: t.At, Body: before.Body}); err == nil {
			w.tally.add("hit old timers come back", 1)
		}
	}
}

// replaceConsumer puts another consumer in the place of a worker's own.
func (w *world) replaceConsumer(ctx context.Context, of durable, change func(*jetstream.ConsumerConfig)) error {
	js := w.broker.JetStream()
	found, err := js.Consumer(ctx, of.stream, of.name)
	if err != nil {
		return err
	}
	config := found.CachedInfo().Config
	if err := js.DeleteConsumer(ctx, of.stream, of.name); err != nil {
		return err
	}
	change(&config)
	if of.stream != broker.StreamWork && config.OptStartSeq == 0 {
		config.FilterSubject = "payments.nobody.>"
		if of.stream == broker.StreamStatus {
			config.FilterSubject = "payments.status.nobody.>"
		} else {
			config.FilterSubject = "payments.created.nobody.>"
		}
	}
	_, err = js.CreateConsumer(ctx, of.stream, config)
	return err
}

// fillStore takes all room of the broker's disk, and what becomes free, until the
// function it gives makes room again.
func (w *world) fillStore() func() {
	ctx, end := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if w.filler.TryFill(ctx) == nil { // else there is no broker at the moment
				w.tally.add("hit store full", 1)
			}
			pause.For(ctx, 10*time.Second)
		}
	}()
	return func() {
		end()
		<-done
		w.emptyStore()
	}
}

// emptyStore makes room, as soon as there is a broker to ask.
func (w *world) emptyStore() {
	if err := w.filler.TryEmpty(w.soon()); err != nil {
		w.after(10*time.Second, w.emptyStore)
	}
}

// fireAhead makes all timers fire now that would within a span: a broker's clock
// that steps ahead, and back again.
func (w *world) fireAhead(span time.Duration) {
	now := time.Now()
	for _, t := range w.timers() {
		if t.At.After(now.Add(span)) || t.At.Before(now.Add(time.Second)) {
			continue
		}
		if err := w.broker.Arm(w.soon(), broker.Timer{Subject: t.Subject, Target: t.Target, At: now, Header: t.Header, Body: t.Body}); err == nil {
			w.tally.add("hit broker clock steps ahead", 1)
		}
	}
}

// makeFollower makes the consumer of a backend that follows all changes.
func (w *world) makeFollower() error {
	_, err := w.broker.JetStream().CreateConsumer(w.soon(), broker.StreamStatus, jetstream.ConsumerConfig{
		Durable: follower, AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 10_000, AckWait: 5 * time.Minute,
	})
	return err
}

const follower = "backend"

// follow takes, once an hour, what the backend was sent.
func (w *world) follow() {
	w.after(time.Hour, w.follow)
	if w.server == nil {
		return
	}
	if err := w.take(); err != nil {
		w.note("the backend could not follow: %v", err)
	}
}

// take takes all that is there for the backend.
func (w *world) take() error {
	c, err := w.broker.JetStream().Consumer(w.soon(), broker.StreamStatus, follower)
	if err != nil {
		return fmt.Errorf("open the backend's consumer: %w", err)
	}
	for {
		batch, err := c.FetchNoWait(500)
		if err != nil {
			return err
		}
		n := 0
		for m := range batch.Messages() {
			n++
			w.view.saw(m)
			if err := m.Ack(); err != nil {
				return err
			}
		}
		if err := batch.Error(); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
	}
}

// longestCadence is the longest that anything is left alone by an ordinary
// configuration: a day between two looks or two attempts, jittered.
const longestCadence = retry.Day * 115 / 100
