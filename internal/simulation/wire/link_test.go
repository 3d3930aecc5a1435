package wire_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/simulation/wire"
)

// rig is a broker behind a link, and another one beside it that is not.
type rig struct {
	server         *broker.Embedded
	link           *wire.NATSLink
	behind, beside *broker.Broker
}

func newRig(t *testing.T, options ...brokertest.Option) rig {
	t.Helper()
	e, beside := brokertest.StartServer(t, options...)
	link := wire.NewNATS(wire.NATSOptions{Name: "worker", Server: e})
	t.Cleanup(func() {
		link.Kill()
		if err := link.Err(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log("\n" + link.Log())
		}
	})
	return rig{server: e, link: link, behind: behind(t, link), beside: beside}
}

// behind connects through the link.
func behind(t *testing.T, link *wire.NATSLink) *broker.Broker {
	t.Helper()
	ctx := days(t, 30)
	conn, err := broker.Connect(ctx, broker.ConnectOptions{URL: "nats://127.0.0.1:4222", Dialer: link, Rand: half}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	b, err := broker.New(ctx, broker.Options{Conn: conn, Log: zerolog.Nop(), Rand: half})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func half() float64 { return 0.5 }

func days(t *testing.T, n int) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(n)*24*time.Hour)
	t.Cleanup(cancel)
	return ctx
}

// change is version n of one payment.
func change(n int, expected uint64) broker.Append {
	key := broker.StatusKey("acc", "m", "p")
	if n == 1 {
		key = broker.PaymentKey("m", "p")
	}
	id := "p/" + strconv.Itoa(n)
	return broker.Append{
		Subject: broker.StatusSubject("pending", "acc", "m", "p"), Key: key, Expected: expected,
		ID: id, Header: nats.Header{"ce-id": {id}}, Body: []byte(strconv.Itoa(n)),
	}
}

func isConflict(err error) bool {
	var conflict *broker.ConflictError
	return errors.As(err, &conflict)
}

func timer(at time.Time) broker.Timer {
	return broker.Timer{Subject: broker.PollTimer("acc", "m", "p"), Target: broker.PollDue("acc", "m", "p"), At: at, Body: []byte("poll")}
}

func pollOptions() broker.ConsumerOptions {
	return broker.ConsumerOptions{Stream: broker.StreamWork, Name: "poller", Filter: broker.PollDueFilter("acc"), AckWait: 30 * time.Second}
}

func polls(ctx context.Context, t *testing.T, b *broker.Broker) jetstream.Consumer {
	t.Helper()
	c, err := b.Consumer(ctx, pollOptions())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// stored is how many messages a stream holds.
func stored(ctx context.Context, t *testing.T, b *broker.Broker, stream string) int {
	t.Helper()
	s, err := b.JetStream().Stream(ctx, stream)
	if err != nil {
		t.Fatal(err)
	}
	return int(s.CachedInfo().State.Msgs)
}

// first gives a policy that judges the first frame of a class, and lets the rest pass.
func first(class wire.Class, v wire.Verdict) wire.Policy {
	done := make(chan struct{}, 1)
	return func(f *wire.Frame) wire.Verdict {
		if f.Class != class {
			return wire.Verdict{}
		}
		select {
		case done <- struct{}{}:
			return v
		default:
			return wire.Verdict{}
		}
	}
}
