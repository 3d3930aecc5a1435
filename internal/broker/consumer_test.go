package broker_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
)

func TestConsumer_IsCreatedThenFoundThenUpdated(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	o := broker.ConsumerOptions{Stream: broker.StreamWork, Name: "poller-acc", Filter: broker.PollDueFilter("acc"), AckWait: time.Minute, MaxAckPending: 7}
	made, err := b.Consumer(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	c := made.CachedInfo().Config
	if c.Durable != "poller-acc" || c.FilterSubject != "recon.due.poll.acc.>" || c.AckPolicy != jetstream.AckExplicitPolicy ||
		c.MaxDeliver != -1 || c.AckWait != time.Minute || c.MaxAckPending != 7 {
		t.Errorf("created as %+v", c)
	}
	created := made.CachedInfo().Created
	found, err := b.Consumer(ctx, o)
	if err != nil || !found.CachedInfo().Created.Equal(created) {
		t.Errorf("it was not found but made anew (%v)", err)
	}
	o.AckWait, o.MaxAckPending = 2*time.Minute, 9
	updated, err := b.Consumer(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if info := updated.CachedInfo(); info.Config.AckWait != 2*time.Minute || info.Config.MaxAckPending != 9 || !info.Created.Equal(created) {
		t.Errorf("updated to %+v", info.Config)
	}
}

func TestConsumer_IsOne_WhenWorkersStartAtOnce(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := b.Consumer(ctx, broker.ConsumerOptions{Stream: broker.StreamPayments, Name: "intake", Filter: broker.FilterCreated}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// A limit of deliveries set by hand would make the broker give up silently.
func TestConsumer_TakesBackALimitOfDeliveries(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	_, err := b.JetStream().CreateConsumer(ctx, broker.StreamPayments, jetstream.ConsumerConfig{
		Durable: "intake", FilterSubject: broker.FilterCreated, AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: 5,
		Description: "by hand", Metadata: map[string]string{"owner": "ops"},
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.Consumer(ctx, broker.ConsumerOptions{Stream: broker.StreamPayments, Name: "intake", Filter: broker.FilterCreated})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.CachedInfo().Config; got.MaxDeliver != -1 || got.Description != "by hand" || got.Metadata["owner"] != "ops" {
		t.Errorf("updated to %+v", got)
	}
}

func TestConsumer_RefusesWhatIsNotOurs(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	for name, c := range map[string]jetstream.ConsumerConfig{
		"another filter":          {FilterSubject: "payments.created.eu.>", AckPolicy: jetstream.AckExplicitPolicy},
		"no filter":               {AckPolicy: jetstream.AckExplicitPolicy},
		"no acknowledgement":      {FilterSubject: broker.FilterCreated, AckPolicy: jetstream.AckNonePolicy},
		"new messages only":       {FilterSubject: broker.FilterCreated, AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverNewPolicy},
		"acknowledgement of many": {FilterSubject: broker.FilterCreated, AckPolicy: jetstream.AckAllPolicy},
	} {
		t.Run(name, func(t *testing.T) {
			c.Durable = "intake"
			if _, err := b.JetStream().CreateConsumer(ctx, broker.StreamPayments, c); err != nil {
				t.Fatal(err)
			}
			_, err := b.Consumer(ctx, broker.ConsumerOptions{Stream: broker.StreamPayments, Name: "intake", Filter: broker.FilterCreated})
			var refused *broker.SettingsError
			if !errors.As(err, &refused) || len(refused.Faults) != 1 || refused.Faults[0].Consumer != "intake" {
				t.Errorf("consumer: %v, want one fault", err)
			}
			if err := b.JetStream().DeleteConsumer(ctx, broker.StreamPayments, "intake"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestConsumer_NeverTakesTimers(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	for _, filter := range []string{">", "recon.>", "recon.*.poll.>", broker.FilterTimers, ""} {
		if _, err := b.Consumer(ctx, broker.ConsumerOptions{Stream: broker.StreamWork, Name: "greedy", Filter: filter}); err == nil {
			t.Errorf("a consumer with filter %q was made", filter)
		}
	}
	if _, err := b.JetStream().Consumer(ctx, broker.StreamWork, "greedy"); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("it exists all the same: %v", err)
	}
}

func TestConsumer_Fails_WithoutItsStream(t *testing.T) {
	_, conn := brokertest.StartBare(t)
	b, ctx := newBroker(t, conn), brokertest.Context(t)
	_, err := b.Consumer(ctx, broker.ConsumerOptions{Stream: broker.StreamPayments, Name: "intake", Filter: broker.FilterCreated})
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("consumer: %v, want that the stream is missing", err)
	}
}

func TestAckFloor_FollowsAcknowledgements(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	c, err := b.Consumer(ctx, broker.ConsumerOptions{Stream: broker.StreamPayments, Name: "intake", Filter: broker.FilterCreated})
	if err != nil {
		t.Fatal(err)
	}
	var taken []jetstream.Msg
	for range 3 {
		if _, err := b.JetStream().Publish(ctx, broker.CreatedSubject("m", "p"), nil); err != nil {
			t.Fatal(err)
		}
		m, err := c.Next(jetstream.FetchContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, m)
	}
	for i, want := range []struct{ ack, floor int }{{1, 0}, {0, 2}, {2, 3}} {
		if err := taken[want.ack].DoubleAck(ctx); err != nil {
			t.Fatal(err)
		}
		if floor, err := b.AckFloor(ctx, broker.StreamPayments, "intake"); err != nil || floor != uint64(want.floor) {
			t.Errorf("after %d acknowledgements the floor is %d, %v; want %d", i+1, floor, err, want.floor)
		}
	}
	if _, err := b.AckFloor(ctx, broker.StreamPayments, "nobody"); err == nil {
		t.Error("a consumer that does not exist has a floor")
	}
}
