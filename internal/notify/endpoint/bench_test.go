package endpoint

import (
	"fmt"
	"testing"

	"github.com/rs/zerolog"

	"reconciler/internal/broker/brokertest"
	"reconciler/internal/notify"
	"reconciler/internal/secret"
)

// What each event and attempt pays for endpoints that may change: nothing is asked
// of anybody.
func BenchmarkLive(b *testing.B) {
	var configured []notify.Endpoint
	for i := range 1000 {
		configured = append(configured, notify.Endpoint{
			ID: "orders", Merchant: fmt.Sprint("shop-", i), URL: "https://shop.example",
			Secrets: []secret.Text{secret.New("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")},
		})
	}
	l, err := New(brokertest.Context(b), Options{Broker: brokertest.Start(b), Configured: configured, Log: zerolog.Nop()})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("For", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if len(l.For("shop-500")) != 1 {
				b.Fatal("it is not there")
			}
		}
	})
	b.Run("Find", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := l.Find("shop-500", "orders"); !ok {
				b.Fatal("it is not there")
			}
		}
	})
	b.Run("Report", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l.Report(b.Context(), "shop-500", "orders", notify.Delivered)
		}
	})
}
