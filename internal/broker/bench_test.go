package broker_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
)

// How many callers wait for the broker at once.
const benchCallers = 32

// disks are the two ways to keep the store: as production does, and without
// waiting for the disk.
func disks(b *testing.B, f func(b *testing.B, options ...brokertest.Option)) {
	b.Run("disk=every-write", func(b *testing.B) { f(b, brokertest.WithSync()) })
	b.Run("disk=later", func(b *testing.B) { f(b) })
}

// BenchmarkFsyncFloor is what the disk allows: one write of 1 KiB and its fsync
// at a time. Compare every figure with disk=every-write to it.
func BenchmarkFsyncFloor(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "floor"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	block := noise(1 << 10)
	for b.Loop() {
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b, "fsyncs/s")
}

func perSecond(b *testing.B, unit string) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), unit)
}

// BenchmarkTimerCycle arms timers that are due, takes what they made due and
// acknowledges it: all the broker does for a poll that found no change.
func BenchmarkTimerCycle(b *testing.B) {
	disks(b, func(b *testing.B, options ...brokertest.Option) {
		br, ctx := brokertest.Start(b, options...), context.Background()
		c, err := br.Consumer(ctx, broker.ConsumerOptions{Stream: broker.StreamWork, Name: "poller-acc", Filter: broker.PollDueFilter("acc"), MaxAckPending: 10000})
		if err != nil {
			b.Fatal(err)
		}
		body := noise(600)
		b.ResetTimer()
		finished := make(chan error, 1)
		go func() { finished <- takeAll(c, b.N) }()
		var id atomic.Int64
		b.SetParallelism(benchCallers / 2)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				t := pollTimer(fmt.Sprint("p", id.Add(1)), time.Now(), "")
				t.Body = body
				if err := br.Arm(ctx, t); err != nil {
					b.Error(err)
				}
			}
		})
		if err := <-finished; err != nil {
			b.Fatal(err)
		}
		perSecond(b, "cycles/s")
	})
}

func takeAll(c jetstream.Consumer, n int) error {
	messages, err := c.Messages(jetstream.PullMaxMessages(1000))
	if err != nil {
		return err
	}
	defer messages.Stop()
	for range n {
		m, err := messages.Next()
		if err != nil {
			return err
		}
		if err := m.Ack(); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkAppend compares the key of a payment's first change, which leaves
// status and account open, with that of all others, and with a plain publish. The log
// holds 50,000 payments of 20 accounts in 3 statuses before.
func BenchmarkAppend(b *testing.B) {
	keys := map[string]func(account, payment string) string{
		"key=two-stars": func(_, payment string) string { return broker.PaymentKey("m", payment) },
		"key=one-star": func(account, payment string) string {
			return broker.StatusKey(account, "m", payment)
		},
		"key=none": nil,
	}
	for _, name := range []string{"key=two-stars", "key=one-star", "key=none"} {
		b.Run(name, func(b *testing.B) {
			disks(b, func(b *testing.B, options ...brokertest.Option) {
				benchAppend(b, brokertest.Start(b, options...), keys[name])
			})
		})
	}
}

func benchAppend(b *testing.B, br *broker.Broker, key func(account, payment string) string) {
	ctx, body := context.Background(), noise(900)
	fill(b, br, 50_000, func(i int) string {
		return broker.StatusSubject([]string{"pending", "processing", "succeeded"}[i%3], fmt.Sprint("acc", i%20), "m", fmt.Sprint("old", i))
	})
	var id atomic.Int64
	b.SetParallelism(benchCallers / 2)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := id.Add(1)
			account, payment := fmt.Sprint("acc", n%20), fmt.Sprint("p", n)
			subject := broker.StatusSubject("pending", account, "m", payment)
			var err error
			if key == nil {
				_, err = br.JetStream().Publish(ctx, subject, body)
			} else {
				_, err = br.AppendStatus(ctx, broker.Append{Subject: subject, Key: key(account, payment), ID: payment, Body: body})
			}
			if err != nil {
				b.Error(err)
			}
		}
	})
	perSecond(b, "appends/s")
}

// fill stores n messages of 900 bytes as fast as possible.
func fill(b *testing.B, br *broker.Broker, n int, subject func(int) string) {
	b.Helper()
	body := noise(900)
	for i := range n {
		if _, err := br.JetStream().PublishAsync(subject(i), body, jetstream.WithStallWait(time.Minute)); err != nil {
			b.Fatal(err)
		}
	}
	select {
	case <-br.JetStream().PublishAsyncComplete():
	case <-time.After(5 * time.Minute):
		b.Fatal("the store is not filled")
	}
}

// BenchmarkPendingWebhooks is the one question a webhook job asks before it is
// sent, with 100,000 jobs in the work stream and as many finished between them.
func BenchmarkPendingWebhooks(b *testing.B) {
	br, ctx := brokertest.Start(b), context.Background()
	fill(b, br, 200_000, func(i int) string {
		if i%2 == 1 {
			return broker.PollDue("acc", "m", fmt.Sprint("p", i))
		}
		return broker.WebhookDue(fmt.Sprint("m", i/2%50), fmt.Sprint("e", i/2%3), fmt.Sprint("p", i/4), 1+i/2%2)
	})
	c, err := br.Consumer(ctx, broker.ConsumerOptions{Stream: broker.StreamWork, Name: "poller-acc", Filter: broker.PollDueFilter("acc"), MaxAckPending: 10000})
	if err != nil {
		b.Fatal(err)
	}
	if err := takeAll(c, 100_000); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	n := 0
	for b.Loop() {
		n++
		if _, err := br.PendingWebhooks(ctx, fmt.Sprint("m", n%50), fmt.Sprint("e", n%3), fmt.Sprint("p", n/2)); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b, "questions/s")
}

// BenchmarkReads are the other questions: one payment's state among 100,000.
func BenchmarkReads(b *testing.B) {
	br, ctx := brokertest.Start(b), context.Background()
	fill(b, br, 100_000, func(i int) string {
		return broker.StatusSubject("pending", fmt.Sprint("acc", i%20), "m", fmt.Sprint("p", i))
	})
	b.Run("LastStatus", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n = (n + 7919) % 100_000
			if _, err := br.LastStatus(ctx, broker.PaymentKey("m", fmt.Sprint("p", n))); err != nil {
				b.Fatal(err)
			}
		}
		perSecond(b, "reads/s")
	})
	b.Run("HasDue", func(b *testing.B) {
		for b.Loop() {
			if _, err := br.HasDue(ctx, broker.PollDue("acc", "m", "p")); err != nil {
				b.Fatal(err)
			}
		}
		perSecond(b, "reads/s")
	})
}
