package simulation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
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
	sabotage := func(name string, do func(*world, context.Context, durable) error) kind {
		return kind{name, 0, 0, func(w *world, f fault) func() {
			if w.server == nil {
				return nil
			}
			all := w.durables()
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
		sabotage("consumer deleted", func(w *world, ctx context.Context, of durable) error {
			return w.broker.JetStream().DeleteConsumer(ctx, of.stream, of.name)
		}),
		sabotage("consumer with another filter", func(w *world, ctx context.Context, of durable) error {
			return w.replaceConsumer(ctx, of, func(c *jetstream.ConsumerConfig) { c.FilterSubject = "recon.due.nobody.>" })
		}),
		sabotage("consumer ahead of the stream", func(w *world, ctx context.Context, of durable) error {
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
			w.eachTimer(func(s jetstream.Stream, m *jetstream.RawStreamMsg, n int) {
				if poll, err := broker.ParsePoll(m.Subject); err == nil && (n+f.which)%3 == 0 && s.DeleteMsg(w.soon(), m.Sequence) == nil {
					w.tally.add("hit timers deleted", 1)
					w.note("the timer of payment %s is deleted", poll.Payment)
				}
			})
			return nil
		}},
		// As a publish would that was held up somewhere and comes after a later one.
		{"old timers come back", time.Hour, 12 * time.Hour, func(w *world, f fault) func() {
			old := map[string]*jetstream.RawStreamMsg{}
			w.eachTimer(func(_ jetstream.Stream, m *jetstream.RawStreamMsg, _ int) { old[m.Subject] = m })
			w.burst(f)
			w.after(f.lasts/24, func() { // those of the burst are young, and change
				w.eachTimer(func(_ jetstream.Stream, m *jetstream.RawStreamMsg, _ int) {
					if old[m.Subject] == nil {
						old[m.Subject] = m
					}
				})
			})
			return func() { w.bringBack(old) }
		}},
	}
}

// eachTimer gives every timer that is armed when it begins.
func (w *world) eachTimer(do func(s jetstream.Stream, m *jetstream.RawStreamMsg, n int)) {
	if w.server == nil {
		return
	}
	s, err := w.stream(broker.StreamWork)
	if err != nil {
		w.note("the timers could not be read: %v", err)
		return
	}
	var all []*jetstream.RawStreamMsg
	for seq := uint64(1); ; {
		m, err := s.GetMsg(w.soon(), seq, jetstream.WithGetMsgSubject(broker.FilterTimers))
		if err != nil {
			break
		}
		all, seq = append(all, m), m.Sequence+1
	}
	for n, m := range all { // not before: what is armed anew stands behind
		do(s, m, n)
	}
}

// bringBack puts old timers in the place of those that are armed now, at the same
// time: what they know is out of date, and nobody is looked at too early.
func (w *world) bringBack(old map[string]*jetstream.RawStreamMsg) {
	w.eachTimer(func(_ jetstream.Stream, m *jetstream.RawStreamMsg, _ int) {
		before := old[m.Subject]
		at, err := broker.ScheduledAt(m.Header)
		if err != nil || before == nil || before.Sequence == m.Sequence || time.Until(at) < 30*time.Second {
			return
		}
		if _, err := broker.ParsePoll(m.Subject); err != nil {
			return
		}
		t := broker.Timer{Subject: m.Subject, Target: m.Header.Get("Nats-Schedule-Target"), At: at, Body: before.Data}
		if err := w.broker.Arm(w.soon(), t); err == nil {
			w.tally.add("hit old timers come back", 1)
		}
	})
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

const filler = "FILLER"

func (w *world) makeFiller() error {
	_, err := w.broker.JetStream().CreateStream(w.soon(), jetstream.StreamConfig{Name: filler, Subjects: []string{"filler"}})
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
			for _, size := range []int{4 << 20, 64 << 10, 1 << 10, 1} {
				w.fillWith(ctx, size)
			}
			pause.For(ctx, 10*time.Second)
		}
	}()
	return func() {
		end()
		<-done
		w.purgeFiller()
	}
}

// fillWith publishes until the broker refuses.
func (w *world) fillWith(ctx context.Context, size int) {
	for ctx.Err() == nil {
		_, err := w.broker.JetStream().Publish(ctx, "filler", make([]byte, size), jetstream.WithRetryAttempts(0))
		var refused *jetstream.APIError
		if errors.As(err, &refused) {
			w.tally.add("hit store full", 1)
			return
		}
		if err != nil {
			pause.For(ctx, time.Second)
			return
		}
	}
}

// purgeFiller makes room, as soon as there is a broker to ask.
func (w *world) purgeFiller() {
	s, err := w.stream(filler)
	if err == nil {
		err = s.Purge(w.soon())
	}
	if err != nil {
		w.after(10*time.Second, w.purgeFiller)
	}
}

// fireAhead makes all timers fire now that would within a span: a broker's clock
// that steps ahead, and back again.
func (w *world) fireAhead(span time.Duration) {
	ahead := time.Now().Add(span)
	w.eachTimer(func(_ jetstream.Stream, m *jetstream.RawStreamMsg, _ int) {
		at, err := broker.ScheduledAt(m.Header)
		if err != nil || at.After(ahead) || at.Before(time.Now().Add(time.Second)) {
			return
		}
		header := nats.Header{}
		for name, values := range m.Header {
			if !strings.HasPrefix(name, "Nats-") {
				header[name] = values
			}
		}
		early := broker.Timer{Subject: m.Subject, Target: m.Header.Get("Nats-Schedule-Target"), At: time.Now(), Header: header, Body: m.Data}
		if err := w.broker.Arm(w.soon(), early); err == nil {
			w.tally.add("hit broker clock steps ahead", 1)
		}
	})
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
