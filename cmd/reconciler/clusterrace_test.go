package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/history"
	"reconciler/internal/payment"
)

const (
	racePayments = 10_000
	raceVersions = 2
	raceAtOnce   = 64 // payments
)

// race is two writers that both want to write every version of every payment.
type race struct {
	created [racePayments]payment.Created
	// stored and conflicts count what the writers were told.
	stored, conflicts atomic.Int64
}

func newRace(t *testing.T) *race {
	t.Helper()
	money, err := payment.ParseMoney("33.00", "USD")
	if err != nil {
		t.Fatal(err)
	}
	r := &race{}
	for i := range r.created {
		id := fmt.Sprint("p-", i)
		r.created[i] = payment.Created{
			ID: "created-" + id, PaymentID: id, MerchantID: "m-1", Account: "main", Expected: money, CreatedAt: time.Now(),
		}
	}
	return r
}

// run has the writers take each payment to its last version, both at once.
func (r *race) run(ctx context.Context, t *testing.T, writers []*broker.Broker) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range raceAtOnce {
		all.Go(func() {
			for i := next.Add(1) - 1; i < racePayments; i = next.Add(1) - 1 {
				var both sync.WaitGroup
				for w, b := range writers {
					both.Go(func() {
						if err := r.lead(ctx, b, r.created[i], fmt.Sprint("writer ", w)); err != nil {
							t.Errorf("writer %d, %s: %v", w, r.created[i].PaymentID, err)
						}
					})
				}
				both.Wait()
			}
		})
	}
	all.Wait()
}

// lead takes one payment to its last version: it reads what is stored, makes the
// event that follows, and appends it if the other writer was not faster.
func (r *race) lead(ctx context.Context, b *broker.Broker, c payment.Created, writer string) error {
	for {
		stored, err := b.LastStatus(ctx, broker.PaymentKey(c.MerchantID, c.PaymentID))
		if err != nil && !errors.Is(err, broker.ErrNotFound) {
			return err
		}
		event, more, err := nextEvent(c, stored, writer)
		if err != nil || !more {
			return err
		}
		body, err := event.Body()
		if err != nil {
			return err
		}
		d := event.Data
		key := broker.StatusKey(d.Account, d.MerchantID, d.PaymentID)
		if d.Version == 1 {
			key = broker.PaymentKey(d.MerchantID, d.PaymentID)
		}
		_, err = b.AppendStatus(ctx, broker.Append{
			Subject: broker.StatusSubject(string(d.Status), d.Account, d.MerchantID, d.PaymentID), Key: key,
			Expected: stored.Seq, ID: event.ID(), Body: body,
		})
		var conflict *broker.ConflictError
		switch {
		case errors.As(err, &conflict):
			r.conflicts.Add(1)
		case err != nil:
			return err
		default:
			r.stored.Add(1)
		}
	}
}

// nextEvent is the event after what is stored, if there is one more. It tells who
// wrote it, so that no writer's event is the other's to the byte.
func nextEvent(c payment.Created, stored broker.Stored, writer string) (next payment.Event, more bool, err error) {
	state, first := payment.Begin(c, time.Now())
	if stored.Seq == 0 {
		first.Data.ProviderMessage = writer
		return first, true, nil
	}
	last, err := payment.ParseEvent(stored.Body)
	if err != nil || last.Data.Version >= raceVersions {
		return payment.Event{}, false, err
	}
	state.Last = last.Data
	statuses := []payment.Status{payment.RequiresAction, payment.Processing, payment.Authorized} // of versions 2, 3 ...
	move, next := payment.Apply(state, payment.Look{
		Observation: payment.Observation{Status: statuses[last.Data.Version-1], ProviderMessage: writer, Amount: c.Expected},
		Trigger:     payment.TriggerPoll, At: time.Now(),
	})
	if move != payment.Changed || next.Data.Version != last.Data.Version+1 {
		return payment.Event{}, false, fmt.Errorf("nothing follows version %d", last.Data.Version)
	}
	return next, true, nil
}

// depose makes the leader of the status stream step down, again and again, each
// time when the writers have gone on, and gives how often another led.
func (r *race) depose(ctx context.Context, t *testing.T, c *cluster, js jetstream.JetStream) (changes int) {
	for {
		before := r.stored.Load()
		leader := c.leads(ctx, js, broker.StreamStatus)
		if leader == nil {
			return changes
		}
		limited, cancel := context.WithTimeout(ctx, 2*time.Second)
		_, err := js.Conn().RequestWithContext(limited, "$JS.API.STREAM.LEADER.STEPDOWN."+broker.StreamStatus, nil)
		cancel()
		if err != nil && ctx.Err() == nil {
			t.Logf("the leader did not answer: %v", err) // it may have stepped down all the same
		}
		next := c.leads(ctx, js, broker.StreamStatus)
		if next != nil && next != leader {
			changes++
		}
		if !until(ctx, func() bool { return r.stored.Load() >= before+racePayments*raceVersions/50 }) {
			return changes
		}
	}
}

// Two writers, every version of 10,000 payments, and a new leader again and again.
func TestCluster_GivesEachVersionOnce_WhenTheLeaderChangesInTheMiddleOfRaces(t *testing.T) {
	onlyWithCluster(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	c := natsCluster(t)
	_, js := connectCluster(ctx, t, c.url())
	r := newRace(t)
	writers := []*broker.Broker{raceWriter(ctx, t, c), raceWriter(ctx, t, c)}
	deposing, end := context.WithCancel(ctx)
	changes := make(chan int, 1)
	go func() { changes <- r.depose(deposing, t, c, js) }()
	began := time.Now()
	r.run(ctx, t, writers)
	end()
	times := <-changes
	t.Logf("%d events stored, %d conflicts, %d changes of leader in %s",
		r.stored.Load(), r.conflicts.Load(), times, time.Since(began).Round(100*time.Millisecond))
	if times < 3 || r.conflicts.Load() < racePayments*raceVersions/2 {
		t.Error("that was no race, or nothing befell it")
	}
	r.judge(ctx, t, writers[0])
}

// raceWriter is a broker as a worker has it.
func raceWriter(ctx context.Context, t *testing.T, c *cluster) *broker.Broker {
	t.Helper()
	conn, err := broker.Connect(ctx, broker.ConnectOptions{URL: c.url(), Name: "writer"}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	b, err := broker.New(ctx, broker.Options{Conn: conn, Log: zerolog.Nop(), Replicas: 3})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// judge reads the stream as it is stored: versions 1 to n of each payment, each
// following the one before it, and as many as the writers were told.
func (r *race) judge(ctx context.Context, t *testing.T, b *broker.Broker) {
	t.Helper()
	events, err := history.Events(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]payment.Data{}
	for _, e := range events {
		is, err := payment.ParseEvent(e.Body)
		if err != nil {
			t.Fatalf("sequence %d: %v", e.Seq, err)
		}
		was := last[e.Payment]
		if is.Data.Version != was.Version+1 || is.Data.PreviousStatus != was.Status || is.Data.PaymentID != e.Payment {
			t.Errorf("sequence %d: version %d of %s (%s after %q) follows version %d (%s)",
				e.Seq, is.Data.Version, e.Payment, is.Data.Status, is.Data.PreviousStatus, was.Version, was.Status)
		}
		last[e.Payment] = is.Data
	}
	for _, c := range r.created {
		if got := last[c.PaymentID].Version; got != raceVersions {
			t.Errorf("%s ends with version %d, want %d", c.PaymentID, got, raceVersions)
		}
	}
	if n := int64(len(events)); n != racePayments*raceVersions || r.stored.Load() != n {
		t.Errorf("%d events are stored, and the writers were told of %d; want %d", n, r.stored.Load(), racePayments*raceVersions)
	}
}
