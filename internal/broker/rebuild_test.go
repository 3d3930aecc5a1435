package broker_test

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
)

// Between a look and the act upon it another worker may have been there.
func TestRebuild_LeavesWhatAnotherHasMadeAnew(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	o := broker.ConsumerOptions{Stream: broker.StreamWork, Name: "poller-acc", Filter: broker.PollDueFilter("acc")}
	if _, err := b.JetStream().CreateConsumer(ctx, o.Stream, jetstream.ConsumerConfig{
		Durable: o.Name, FilterSubject: broker.PollDueFilter("another"), AckPolicy: jetstream.AckExplicitPolicy,
	}); err != nil {
		t.Fatal(err)
	}
	seen, err := b.InspectConsumer(ctx, o)
	if err != nil || seen.Problem != broker.ProblemNotOurs {
		t.Fatalf("inspect: %+v, %v", seen, err)
	}
	for i, want := range []bool{true, false} {
		if done, err := b.Rebuild(ctx, o, seen); done != want || err != nil {
			t.Fatalf("rebuild %d: %v, %v", i+1, done, err)
		}
	}
	now, err := b.InspectConsumer(ctx, o)
	if err != nil || now.Problem != "" {
		t.Errorf("afterwards: %+v, %v", now, err)
	}
	if done, err := b.Rebuild(ctx, o, seen); done || err != nil {
		t.Errorf("a third time: %v, %v", done, err)
	}
	if again, err := b.InspectConsumer(ctx, o); err != nil || !again.Created.Equal(now.Created) {
		t.Errorf("it was made anew: %+v, %v", again, err)
	}
}
