package ops

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/consumer"
	"reconciler/internal/notify"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/payment"
)

// BenchmarkReplay queues b.N events without a rate, and beside it, as the floor,
// publishes the very same jobs one after the other and nothing else. "sync" writes
// to disk before each acknowledgement, as production does.
func BenchmarkReplay(b *testing.B) {
	for name, options := range map[string][]brokertest.Option{"nosync": nil, "sync": {brokertest.WithSync()}} {
		b.Run(name, func(b *testing.B) {
			on := brokertest.Start(b, options...)
			store, err := endpoint.OpenStore(b.Context(), endpoint.StoreOptions{Broker: on})
			if err != nil {
				b.Fatal(err)
			}
			for n := range b.N {
				appendFirst(b, on, "p-"+strconv.Itoa(n))
			}
			var made []broker.Due
			replays := NewReplays(ReplayOptions{
				Broker:    on,
				Endpoints: NewEndpoints(Options{Store: store, Configured: []notify.Endpoint{{ID: "shop", Merchant: "m"}}}),
				Job: func(e broker.Stored, id, mark string) (broker.Due, error) {
					due, err := consumer.ReplayJob(e, id, mark)
					made = append(made, due)
					return due, err
				},
				Dispatched: func(context.Context, *broker.Broker) (uint64, error) { return 1 << 40, nil },
			})
			b.ResetTimer()
			is, err := replays.Run(b.Context(), ReplayWish{Selection: Selection{All: true}, Rate: 1e6})
			b.StopTimer()
			if err != nil || is.Counts.Sent != b.N {
				b.Fatalf("%+v, %v", is, err)
			}
			took := b.Elapsed()
			began := time.Now()
			for n, due := range made {
				due.Subject, due.ID = broker.WebhookDue("m", "floor", "p-"+strconv.Itoa(n), 1), "floor-"+strconv.Itoa(n)
				if err := on.PublishDue(b.Context(), due); err != nil {
					b.Fatal(err)
				}
			}
			floor := time.Since(began)
			b.ReportMetric(float64(b.N)/took.Seconds(), "webhooks/s")
			b.ReportMetric(float64(b.N)/floor.Seconds(), "floor-publishes/s")
			b.ReportMetric(float64(len(made[0].Body)), "body-bytes")
		})
	}
}

// appendFirst publishes the first event of a payment.
func appendFirst(b *testing.B, on *broker.Broker, id string) {
	b.Helper()
	created, err := payment.ParseCreated(fmt.Appendf(nil, `{"id":"c-%s","payment_id":%[1]q,"merchant_id":"m","provider":"acme","reference":{"order":"1"},
		"amount":"33.00","currency":"EUR","created_at":%q}`, id, time.Now().UTC().Format(time.RFC3339)), time.Now())
	if err != nil {
		b.Fatal(err)
	}
	state, event := payment.Begin(created, time.Now())
	origin, _ := json.Marshal(state.Origin)
	body, err := event.Body()
	if err == nil {
		_, err = on.AppendStatus(b.Context(), broker.Append{
			Subject: broker.StatusSubject("pending", "acme", "m", id), Key: broker.PaymentKey("m", id), ID: event.ID(), Body: body,
			Header: nats.Header{"ce-id": {event.ID()}, "ce-version": {"1"}, "Recon-Origin": {string(origin)}},
		})
	}
	if err != nil {
		b.Fatal(err)
	}
}
