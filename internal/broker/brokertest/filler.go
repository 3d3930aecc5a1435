package brokertest

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
)

// Filler takes the room of a broker's store, in a stream of its own.
type Filler struct{ js jetstream.JetStream }

const fillerStream = "FILLER"

// NewFiller makes the stream, if it is missing; it takes no room yet.
func NewFiller(t testing.TB, b *broker.Broker) Filler {
	t.Helper()
	f := Filler{js: b.JetStream()}
	if _, err := f.js.CreateStream(Context(t), jetstream.StreamConfig{Name: fillerStream, Subjects: []string{"filler"}}); err != nil {
		t.Fatal(err)
	}
	return f
}

// Fill publishes until the broker refuses even one byte.
func (f Filler) Fill(t testing.TB) {
	t.Helper()
	if err := f.TryFill(context.Background()); err != nil {
		t.Error(err)
	}
}

// TryFill is Fill for a broker that may not answer; the error says so. Large messages
// come first, or a large store would take long.
func (f Filler) TryFill(ctx context.Context) error {
	for _, size := range []int{4 << 20, 64 << 10, 1 << 10, 1} {
		for {
			_, err := f.js.Publish(ctx, "filler", make([]byte, size), jetstream.WithRetryAttempts(0))
			var refused *jetstream.APIError
			if errors.As(err, &refused) {
				break
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Empty makes room again.
func (f Filler) Empty(t testing.TB) {
	t.Helper()
	if err := f.TryEmpty(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TryEmpty is Empty for a broker that may not answer.
func (f Filler) TryEmpty(ctx context.Context) error {
	s, err := f.js.Stream(ctx, fillerStream)
	if err != nil {
		return err
	}
	return s.Purge(ctx)
}
