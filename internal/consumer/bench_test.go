package consumer

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/guard"
	"reconciler/internal/payment"
)

// The three loops below carry one worker's load, with a provider and a merchant
// that answer at once, so what is measured is the loops and the broker: without
// the disk, and with a write to it before each acknowledgement as in production.
func onBrokers(b *testing.B, f func(s *stage, n int)) {
	for name, options := range map[string][]brokertest.Option{"disk=later": nil, "disk=each": {brokertest.WithSync()}} {
		b.Run(name, func(b *testing.B) {
			s := newStage(b, brokertest.Start(b, options...))
			s.options.Workers = 64
			s.guard = newGuard(b, guard.Options{Name: acme, Concurrency: 64, TimeLimit: s.options.AckWait, Consecutive: 5, Reopen: []time.Duration{time.Minute}})
			s.options.Accounts[0].Guard = s.guard
			s.provider.tells(b, payment.Pending)
			f(s, b.N)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}

// publishAll publishes n messages, some at a time.
func (s *stage) publishAll(n int, message func(i int) *nats.Msg) {
	s.Helper()
	for i := range n {
		if _, err := s.b.JetStream().PublishMsgAsync(message(i)); err != nil {
			s.Fatal(err)
		}
		if i%100 == 99 || i == n-1 {
			<-s.b.JetStream().PublishAsyncComplete()
		}
	}
}

// timed runs the loops until n messages came to a subject.
func (s *stage) timed(b *testing.B, subject string, n int) {
	done, seen := make(chan struct{}), 0
	sub, err := s.b.Conn().Subscribe(subject, func(*nats.Msg) {
		if seen++; seen == n {
			close(done)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	stop := s.run()
	<-done
	b.StopTimer()
	stop()
}

// BenchmarkIntake: a created event becomes a first event and a timer.
func BenchmarkIntake(b *testing.B) {
	onBrokers(b, func(s *stage, n int) {
		s.publishAll(n, func(i int) *nats.Msg {
			body, err := json.Marshal(created(fmt.Sprint("p", i)))
			if err != nil {
				b.Fatal(err)
			}
			return &nats.Msg{Subject: broker.CreatedSubject("m", "any"), Data: body}
		})
		s.timed(b, broker.FilterTimers, n)
	})
}

// BenchmarkPoll: a due poll finds no change and arms the next timer.
func BenchmarkPoll(b *testing.B) {
	onBrokers(b, func(s *stage, n int) {
		s.publishAll(n, func(i int) *nats.Msg {
			w := watching(b, payment.Pending)
			w.Account, w.PaymentID = acme, fmt.Sprint("p", i)
			body, err := w.encode()
			if err != nil {
				b.Fatal(err)
			}
			return &nats.Msg{Subject: broker.PollDue(acme, "m", w.PaymentID), Data: body}
		})
		s.timed(b, broker.FilterTimers, n)
	})
}

// BenchmarkWebhook: a first event is dispatched to one endpoint, posted, recorded.
func BenchmarkWebhook(b *testing.B) {
	onBrokers(b, func(s *stage, n int) {
		s.endpoint("shop")
		for i := range n {
			s.begun(fmt.Sprint("p", i))
		}
		s.timed(b, broker.FilterWebhookLog, n)
	})
}
