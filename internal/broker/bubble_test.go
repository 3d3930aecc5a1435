package broker_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
)

// A timer survives a clean stop of its server; what came due meanwhile fires at once.
func TestTimers_SurviveARestart(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		dir, ctx := t.TempDir(), days(t, 10)
		start := time.Now()
		e, b := brokertest.StartServer(t, brokertest.WithDataDir(dir))
		arm(ctx, t, b, pollTimer("during", start.Add(2*time.Hour), "x"), pollTimer("after", start.Add(50*time.Hour), "x"), pollTimer("replaced", start.Add(time.Hour), "old"))
		arm(ctx, t, b, pollTimer("replaced", start.Add(60*time.Hour), "new"))
		if _, err := b.AppendStatus(ctx, change("p", 1, 0)); err != nil {
			t.Fatal(err)
		}
		b.Conn().Close()
		brokertest.Shutdown(t, e)
		time.Sleep(5 * time.Hour)

		b = brokertest.Start(t, brokertest.WithDataDir(dir))
		if _, err := b.AppendStatus(ctx, change("p", 2, 1)); err != nil {
			t.Errorf("the state is not there after the restart: %v", err)
		}
		c := pollConsumer(t, b)
		for _, want := range []struct {
			payment, body string
			hours         int
		}{{"during", "x", 5}, {"after", "x", 50}, {"replaced", "new", 60}} {
			m := next(ctx, t, c)
			if m.Subject() != broker.PollDue("acc", "m", want.payment) || string(m.Data()) != want.body {
				t.Errorf("fired %s %s, want %s %s", m.Subject(), m.Data(), want.payment, want.body)
			}
			if late := time.Since(start.Add(time.Duration(want.hours) * time.Hour)); late < 0 || late > time.Second {
				t.Errorf("%s fired %v after %d h", want.payment, late, want.hours)
			}
		}
	})
}

// A lease, a heartbeat and a tap's state are kept for a day from when they were
// written, each by itself.
func TestBucket_ForgetsEachValueAfterItsTime(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		ctx, b := days(t, 10), brokertest.Start(t)
		bucket, err := b.Bucket(ctx, broker.BucketOptions{Name: "RECON_TEST", History: 1, TTL: 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"old", "young"} {
			if _, err := bucket.Create(ctx, key, []byte("x")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(23 * time.Hour)
		}
		if _, err := bucket.Get(ctx, "old"); !errors.Is(err, jetstream.ErrKeyNotFound) {
			t.Errorf("a value of 46 hours ago: %v", err)
		}
		if _, err := bucket.Get(ctx, "young"); err != nil {
			t.Errorf("a value of 23 hours ago: %v", err)
		}
	})
}

// Days of hourly polls with a restart each day: none is lost, none comes early.
func TestTimers_KeepTheirHours_ForDaysOfRestarts(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		const payments, hours = 5, 3 * 24
		dir, ctx := t.TempDir(), days(t, 30)
		e, b := brokertest.StartServer(t, brokertest.WithDataDir(dir))
		for p := range payments {
			arm(ctx, t, b, pollTimer(fmt.Sprint("p", p), time.Now().Add(time.Hour), ""))
		}
		polls := map[string]int{}
		for h := range hours {
			if h%24 == 23 {
				b.Conn().Close()
				brokertest.Shutdown(t, e)
				e, b = brokertest.StartServer(t, brokertest.WithDataDir(dir))
			}
			c := pollConsumer(t, b)
			began := time.Now()
			for range payments {
				m := next(ctx, t, c)
				of, err := broker.ParsePoll(m.Subject())
				if err != nil {
					t.Fatal(err)
				}
				polls[of.Payment]++
				arm(ctx, t, b, pollTimer(of.Payment, time.Now().Add(time.Hour), ""))
			}
			if waited := time.Since(began); waited < 59*time.Minute || waited > 61*time.Minute {
				t.Fatalf("hour %d took %v", h, waited)
			}
		}
		counts := []int{}
		for _, n := range polls {
			counts = append(counts, n)
		}
		if !slices.Equal(counts, slices.Repeat([]int{hours}, payments)) {
			t.Errorf("polls per payment: %v, want %d each", counts, hours)
		}
	})
}

// A write may come to lie so that the store looks at its block again and again while
// its clock stands still: without the nudge this would take a core for hours.
func TestBubble_LetsTimePass_AfterAWriteTenSecondsBeforeTheStoresClockTicks(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		began, ctx, b := time.Now(), days(t, 1), brokertest.Start(t)
		time.Sleep(time.Until(began.Add(brokertest.StoreTick - 10*time.Second + time.Nanosecond)))
		if err := b.PublishDue(ctx, broker.Due{Subject: broker.PollDue("acc", "m", "p")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * brokertest.StoreTick)
		if due, err := b.HasDue(ctx, broker.PollDue("acc", "m", "p")); err != nil || !due {
			t.Errorf("due %v, error %v, want what was written", due, err)
		}
	})
}
