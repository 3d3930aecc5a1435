package recovery

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
)

// client is the broker as a worker in its process uses it.
type client struct {
	*broker.Broker
	conn *nats.Conn
}

func open(ctx context.Context, e *broker.Embedded) (client, error) {
	conn, err := e.Connect(ctx, broker.ConnectOptions{Name: "recovery"}, zerolog.Nop())
	if err != nil {
		return client{}, err
	}
	b, err := broker.New(ctx, broker.Options{Conn: conn, PublishTimeout: time.Minute})
	if err != nil {
		conn.Close()
		return client{}, err
	}
	return client{Broker: b, conn: conn}, nil
}

func (c client) close() { c.conn.Close() }

// due provisions and gives the due polls of all accounts.
func (c client) due(ctx context.Context) (jetstream.MessagesContext, error) {
	if err := c.Provision(ctx, broker.ProvisionOptions{LongestWatch: 28 * 24 * time.Hour}); err != nil {
		return nil, err
	}
	consumer, err := c.Consumer(ctx, broker.ConsumerOptions{Stream: broker.StreamWork, Name: "poller", Filter: "recon.due.poll.>", MaxAckPending: 10_000})
	if err != nil {
		return nil, err
	}
	return consumer.Messages(jetstream.PullMaxMessages(2000))
}

func (c client) state(ctx context.Context) (jetstream.StreamState, error) {
	stream, err := c.JetStream().Stream(ctx, broker.StreamWork)
	if err != nil {
		return jetstream.StreamState{}, fmt.Errorf("ask for the state of %s: %w", broker.StreamWork, err)
	}
	return stream.CachedInfo().State, nil
}
