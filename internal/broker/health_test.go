package broker_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
)

// A stream that takes nothing is named while somebody tries, and not after it took
// something.
func TestWriteTroubles_NameTheStreamThatTakesNothing(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		b, ctx := brokertest.Start(t), days(t, 1)
		limit := func(most int64) {
			t.Helper()
			s, err := b.JetStream().Stream(ctx, broker.StreamWork)
			if err != nil {
				t.Fatal(err)
			}
			c := s.CachedInfo().Config
			c.MaxMsgSize = int32(most)
			if _, err := b.JetStream().UpdateStream(ctx, c); err != nil {
				t.Fatal(err)
			}
		}
		try := func() error {
			limited, cancel := context.WithTimeout(ctx, 3*time.Second)
			defer cancel()
			return b.PublishDue(limited, broker.Due{Subject: broker.PollDue("acc", "m", "p"), Body: []byte("a body")})
		}
		limit(1)
		for range 3 {
			if err := try(); err == nil {
				t.Fatal("it was taken")
			}
			time.Sleep(3 * time.Second)
		}
		if err := b.AppendLog(ctx, broker.LogRecord{Subject: broker.WebhookLogSubject("failed", broker.WebhookRef{Merchant: "m", Endpoint: "e", Payment: "p", Version: 1}), ID: "x"}); err != nil {
			t.Fatal(err)
		}
		got := b.WriteTroubles()
		if len(got) != 1 || got[0].Stream != broker.StreamWork || got[0].Problem != broker.ProblemUnwritable || time.Since(got[0].Since) < 8*time.Second {
			t.Errorf("troubles: %+v", got)
		}
		limit(-1)
		if err := try(); err != nil {
			t.Fatal(err)
		}
		if got := b.WriteTroubles(); len(got) != 0 {
			t.Errorf("troubles after it took a message: %+v", got)
		}
	})
}

// What somebody changes on a stream while a worker runs is a trouble, too.
func TestStreamTroubles_TellWhatProvisionWouldRefuse(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	if got := b.StreamTroubles(ctx, broker.ProvisionOptions{}); len(got) != 0 {
		t.Errorf("troubles of good streams: %+v", got)
	}
	s, err := b.JetStream().Stream(ctx, broker.StreamWork)
	if err != nil {
		t.Fatal(err)
	}
	c := s.CachedInfo().Config
	c.MaxAge = time.Hour
	if _, err := b.JetStream().UpdateStream(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := b.JetStream().DeleteStream(ctx, broker.StreamDead); err != nil {
		t.Fatal(err)
	}
	got := map[string]broker.Problem{}
	for _, is := range b.StreamTroubles(ctx, broker.ProvisionOptions{}) {
		got[is.Stream] = is.Problem
	}
	if len(got) != 2 || got[broker.StreamWork] != broker.ProblemSettings || got[broker.StreamDead] != broker.ProblemMissing {
		t.Errorf("troubles: %v", got)
	}
}

// A consumer that was lost begins where it stood; without a place, with what the
// records still tell of.
func TestConsumer_BeginsWhereTheOneBeforeItStood(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	o := broker.ConsumerOptions{Stream: broker.StreamPayments, Name: "intake", Filter: broker.FilterCreated, Done: broker.StreamStatus}
	c, err := b.Consumer(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := b.JetStream().Publish(ctx, broker.CreatedSubject("m", "p"), nil); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		m, err := c.Next(jetstream.FetchContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		if err := m.DoubleAck(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time there is nothing new
		is, err := b.InspectConsumer(ctx, o)
		for is.Problem != "" && ctx.Err() == nil {
			// The broker counts a message for its consumers a moment after it has
			// acknowledged it; that is why one look proves nothing.
			is, err = b.InspectConsumer(ctx, o)
		}
		if err != nil || is.Problem != "" || is.Floor != 2 {
			t.Fatalf("inspect: %+v, %v", is, err)
		}
		if err := b.KeepPlace(ctx, o, is); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.JetStream().DeleteConsumer(ctx, o.Stream, o.Name); err != nil {
		t.Fatal(err)
	}
	if c, err = b.Consumer(ctx, o); err != nil {
		t.Fatal(err)
	}
	if got := c.CachedInfo().Config; got.DeliverPolicy != jetstream.DeliverByStartSequencePolicy || got.OptStartSeq != 3 {
		t.Errorf("it begins at %v %d, want 3", got.DeliverPolicy, got.OptStartSeq)
	}
	if is, err := b.InspectConsumer(ctx, o); err != nil || is.Problem != "" {
		t.Errorf("our own is not accepted: %+v, %v", is, err)
	}
	if _, err := b.Consumer(ctx, o); err != nil {
		t.Errorf("our own is not accepted: %v", err)
	}
}
