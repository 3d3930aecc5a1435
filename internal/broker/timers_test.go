package broker_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
)

func pollTimer(payment string, at time.Time, body string) broker.Timer {
	return broker.Timer{
		Subject: broker.PollTimer("acc", "m", payment), Target: broker.PollDue("acc", "m", payment),
		At: at, Body: []byte(body), Header: nats.Header{"traceparent": {"00-1"}},
	}
}

// pollConsumer takes what becomes due for account acc.
func pollConsumer(t *testing.T, b *broker.Broker) jetstream.Consumer {
	t.Helper()
	c, err := b.Consumer(brokertest.Context(t), broker.ConsumerOptions{Stream: broker.StreamWork, Name: "poller-acc", Filter: broker.PollDueFilter("acc")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// next waits for the next due message and finishes it.
func next(ctx context.Context, t *testing.T, c jetstream.Consumer) jetstream.Msg {
	t.Helper()
	m, err := c.Next(jetstream.FetchContext(ctx))
	if err != nil {
		t.Fatalf("nothing became due: %v", err)
	}
	if err := m.DoubleAck(ctx); err != nil {
		t.Fatal(err)
	}
	return m
}

func arm(ctx context.Context, t *testing.T, b *broker.Broker, timers ...broker.Timer) {
	t.Helper()
	for _, timer := range timers {
		if err := b.Arm(ctx, timer); err != nil {
			t.Fatal(err)
		}
	}
}

func days(t *testing.T, n int) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(n)*24*time.Hour)
	t.Cleanup(cancel)
	return ctx
}

func TestArm_FiresAtItsTimeWithHeaderAndBody(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		b, ctx := brokertest.Start(t), days(t, 2)
		c := pollConsumer(t, b)
		at := time.Now().Add(5*time.Hour + 123456789*time.Nanosecond)
		arm(ctx, t, b, pollTimer("p", at, "body"))
		armed, err := b.Timer(ctx, broker.PollTimer("acc", "m", "p"))
		if err != nil || !armed.At.Equal(at) || string(armed.Body) != "body" || armed.Target != broker.PollDue("acc", "m", "p") ||
			armed.Header.Get("traceparent") != "00-1" || len(armed.Header) != 1 {
			t.Errorf("the timer reads %+v, %v", armed, err)
		}
		if due, err := b.HasDue(ctx, broker.PollDue("acc", "m", "p")); due || err != nil {
			t.Errorf("it is due before its time: %t, %v", due, err)
		}
		m := next(ctx, t, c)
		// The server looks every 250 ms when a timer is that near.
		if late := time.Since(at); late < 0 || late > 250*time.Millisecond {
			t.Errorf("fired %v after its time", late)
		}
		if string(m.Data()) != "body" || m.Headers().Get("traceparent") != "00-1" || m.Subject() != broker.PollDue("acc", "m", "p") {
			t.Errorf("fired as %s %v %s", m.Subject(), m.Headers(), m.Data())
		}
		if _, err := b.Timer(ctx, broker.PollTimer("acc", "m", "p")); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("the timer after it fired: %v, want ErrNotFound", err)
		}
	})
}

func TestArm_ReplacesTheTimerBefore_LaterOrSooner(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		b, ctx := brokertest.Start(t), days(t, 2)
		c := pollConsumer(t, b)
		start := time.Now()
		arm(ctx, t, b,
			pollTimer("later", start.Add(1*time.Hour), "first"), pollTimer("later", start.Add(9*time.Hour), "second"),
			pollTimer("sooner", start.Add(9*time.Hour), "first"), pollTimer("sooner", start.Add(2*time.Hour), "second"))
		for _, want := range []struct {
			payment string
			hours   int
		}{{"sooner", 2}, {"later", 9}} {
			m := next(ctx, t, c)
			if m.Subject() != broker.PollDue("acc", "m", want.payment) || string(m.Data()) != "second" {
				t.Errorf("fired %s %s, want the second of %s", m.Subject(), m.Data(), want.payment)
			}
			if late := time.Since(start.Add(time.Duration(want.hours) * time.Hour)); late < 0 || late > 250*time.Millisecond {
				t.Errorf("%s fired %v after its time", want.payment, late)
			}
		}
		if n := count(ctx, t, b, broker.StreamWork, "recon.>"); n != 0 {
			t.Errorf("%d messages are left", n)
		}
	})
}

func TestArm_FiresAtOnce_WhenItsTimeIsPast(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		b, ctx := brokertest.Start(t), days(t, 2)
		c := pollConsumer(t, b)
		began := time.Now()
		arm(ctx, t, b, pollTimer("p", began.Add(-30*24*time.Hour), "old"))
		next(ctx, t, c)
		if waited := time.Since(began); waited > 250*time.Millisecond {
			t.Errorf("fired after %v", waited)
		}
	})
}

// What a worker hands back comes again at once, whatever fires or is published
// meanwhile. It did not while due subjects were rolled up: each roll-up is a
// purge, and a purge empties the server's list of messages to deliver again.
func TestDue_ComesAgainAtOnce_WhenItIsHandedBack(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		b, ctx := brokertest.Start(t), days(t, 2)
		c, err := b.Consumer(ctx, broker.ConsumerOptions{Stream: broker.StreamWork, Name: "poller-acc", Filter: broker.PollDueFilter("acc"), AckWait: 10 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		arm(ctx, t, b, pollTimer("p", time.Now(), "handed back"))
		m, err := c.Next(jetstream.FetchContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := m.Nak(); err != nil {
			t.Fatal(err)
		}
		for _, payment := range []string{"p", "other"} { // nothing pulls meanwhile
			arm(ctx, t, b, pollTimer(payment, time.Now(), "by timer"), pollTimer(payment+"-2", time.Now().Add(time.Hour), "x"))
			if err := b.PublishDue(ctx, broker.Due{Subject: broker.PollDue("acc", "m", payment), Body: []byte("by hand")}); err != nil {
				t.Fatal(err)
			}
			timer, err := b.Timer(ctx, broker.PollTimer("acc", "m", payment+"-2"))
			if err != nil {
				t.Fatal(err)
			}
			early := broker.Fire{Timer: broker.PollTimer("acc", "m", payment+"-2"), Due: broker.PollDue("acc", "m", payment), TimerSeq: timer.Seq, Body: []byte("early")}
			if err := b.FireNow(ctx, early); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		seen := map[string]int{}
		for range 7 {
			m := next(ctx, t, c)
			seen[string(m.Data())]++
		}
		if waited := time.Since(began); waited > time.Minute {
			t.Errorf("it took %v until all had come", waited)
		}
		if seen["handed back"] != 1 || seen["by timer"] != 2 || seen["by hand"] != 2 || seen["early"] != 2 {
			t.Errorf("seen: %v", seen)
		}
	})
}

func TestScheduledAt_ReadsTimersOnly(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 678, time.UTC)
	for _, row := range []struct {
		name, pattern string
		ok            bool
	}{
		{"a timer", "@at 2030-01-02T03:04:05.000000678Z", true},
		{"no timer", "", false},
		{"a timer that repeats", "@every 1h", false},
		{"no time", "@at soon", false},
	} {
		got, err := broker.ScheduledAt(nats.Header{"Nats-Schedule": {row.pattern}})
		if (err == nil) != row.ok || row.ok && !got.Equal(at) {
			t.Errorf("%s: %v, %v", row.name, got, err)
		}
	}
}

// Somebody else's message on a timer's subject is no timer and no end of the world.
func TestTimer_Refuses_AMessageThatNeverFires(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	if _, err := b.JetStream().Publish(ctx, broker.PollTimer("acc", "m", "p"), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if timer, err := b.Timer(ctx, broker.PollTimer("acc", "m", "p")); err == nil || errors.Is(err, broker.ErrNotFound) {
		t.Errorf("it is taken for %+v, %v", timer, err)
	}
}

func TestArm_RefusesATimeTheServerWouldNotFireAt(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	for _, at := range []time.Time{{}, time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if err := b.Arm(ctx, pollTimer("p", at, "")); err == nil {
			t.Errorf("armed for %v", at)
		}
	}
	power := pollTimer("p", time.Now(), "")
	power.Header = nats.Header{"Nats-TTL": {"1s"}}
	if err := b.Arm(ctx, power); err == nil {
		t.Error("armed with a header that belongs to the broker")
	}
}

func TestArm_LeavesOneTimer_WhenItsAcknowledgementIsLost(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		w, b, _ := newWire(t)
		ctx := days(t, 1)
		w.loseAnswer("recon.timer.poll")
		w.meanwhile(func() {})
		arm(ctx, t, b, pollTimer("p", time.Now().Add(time.Hour), "x"))
		next(ctx, t, pollConsumer(t, b))
		if n := count(ctx, t, b, broker.StreamWork, "recon.>"); n != 0 {
			t.Errorf("%d more messages", n)
		}
	})
}

// What has fired while nobody knew whether it was armed is not armed again: the
// second look would come at once, before the provider may be asked again.
func TestArm_FiresOnce_WhenItsAcknowledgementIsLostUntilItHasFired(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		w, b, _ := newWire(t)
		ctx := days(t, 1)
		w.loseAnswer("recon.timer.poll")
		w.meanwhile(func() { time.Sleep(time.Minute) })
		arm(ctx, t, b, pollTimer("p", time.Now().Add(10*time.Second), "x"))
		time.Sleep(time.Minute)
		if timers, due := count(ctx, t, b, broker.StreamWork, broker.FilterTimers), count(ctx, t, b, broker.StreamWork, broker.FilterDue); timers != 0 || due != 1 {
			t.Errorf("%d timers and %d due messages, want the one that fired", timers, due)
		}
	})
}

// Nor where the look was made meanwhile, and the next timer armed.
func TestArm_LeavesTheNextTimer_WhenItsAcknowledgementIsLostUntilItWasHandled(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		w, b, beside := newWire(t)
		ctx := days(t, 1)
		w.loseAnswer("recon.timer.poll")
		w.meanwhile(func() {
			next(ctx, t, pollConsumer(t, beside))
			arm(ctx, t, beside, pollTimer("p", time.Now().Add(time.Hour), "the next"))
		})
		arm(ctx, t, b, pollTimer("p", time.Now().Add(10*time.Second), "x"))
		timer, err := b.Timer(ctx, broker.PollTimer("acc", "m", "p"))
		if err != nil || string(timer.Body) != "the next" {
			t.Errorf("the timer is %q (%v), want the next one", timer.Body, err)
		}
	})
}

func TestPublishDue_MakesTheJobDueWithHeaderAndBody(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	due := broker.Due{Subject: broker.PollDue("acc", "m", "p"), Body: []byte("job"), Header: nats.Header{"traceparent": {"00-2"}}}
	if err := b.PublishDue(ctx, due); err != nil {
		t.Fatal(err)
	}
	if has, err := b.HasDue(ctx, due.Subject); !has || err != nil {
		t.Errorf("nothing is due: %v", err)
	}
	m := next(ctx, t, pollConsumer(t, b))
	if string(m.Data()) != "job" || m.Headers().Get("traceparent") != "00-2" {
		t.Errorf("due is %s %v", m.Data(), m.Headers())
	}
	if has, err := b.HasDue(ctx, due.Subject); has || err != nil {
		t.Errorf("something is left: %t, %v", has, err)
	}
}

func TestPublishDue_LeavesOneJob_WhenItsAcknowledgementIsLostForHours(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		w, b, _ := newWire(t)
		ctx := days(t, 1)
		w.loseAnswer("HPUB recon.due.")
		w.meanwhile(func() { time.Sleep(5 * time.Hour) })
		if err := b.PublishDue(ctx, broker.Due{Subject: broker.PollDue("acc", "m", "p"), ID: "job-1", Body: []byte("job")}); err != nil {
			t.Fatal(err)
		}
		if n := count(ctx, t, b, broker.StreamWork, broker.FilterDue); n != 1 {
			t.Errorf("%d jobs, want 1", n)
		}
	})
}

// A worker that works on a job arms its next timer with the same words; losing
// that request must not be taken for the job in hand.
func TestArm_TriesAgain_WhenTheRequestIsLost_WhileTheSameJobIsInHand(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		w, b, _ := newWire(t)
		ctx := days(t, 1)
		c, err := b.Consumer(ctx, broker.ConsumerOptions{Stream: broker.StreamWork, Name: "poller-acc", Filter: broker.PollDueFilter("acc"), AckWait: 20 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		arm(ctx, t, b, pollTimer("p", time.Now(), "same"))
		if _, err := c.Next(jetstream.FetchContext(ctx)); err != nil {
			t.Fatal(err)
		}
		w.loseRequest("HPUB recon.timer.poll")
		w.meanwhile(func() {})
		arm(ctx, t, b, pollTimer("p", time.Now().Add(10*time.Hour), "same"))
		if _, err := b.Timer(ctx, broker.PollTimer("acc", "m", "p")); err != nil {
			t.Errorf("the timer: %v", err)
		}
	})
}

// The same for a job: what is in hand is not what was asked for.
func TestPublishDue_TriesAgain_WhenTheRequestIsLost_WhileTheSameJobIsInHand(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		w, b, _ := newWire(t)
		ctx := days(t, 1)
		due := broker.Due{Subject: broker.PollDue("acc", "m", "p"), Body: []byte("same")}
		if err := b.PublishDue(ctx, due); err != nil {
			t.Fatal(err)
		}
		w.loseRequest("HPUB recon.due.poll")
		w.meanwhile(func() {})
		if err := b.PublishDue(ctx, due); err != nil {
			t.Fatal(err)
		}
		if n := count(ctx, t, b, broker.StreamWork, broker.FilterDue); n != 2 {
			t.Errorf("%d jobs, want 2", n)
		}
	})
}

func TestPublishDue_DropsASecondOneOfItsID(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	due := broker.Due{Subject: broker.PollDue("acc", "m", "p"), ID: "job-1"}
	for range 2 {
		if err := b.PublishDue(ctx, due); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(ctx, t, b, broker.StreamWork, broker.FilterDue); n != 1 {
		t.Errorf("%d jobs of one id, want 1", n)
	}
}
