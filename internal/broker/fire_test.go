package broker_test

import (
	"maps"
	"testing"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
)

func fire(seq uint64, body string) broker.Fire {
	return broker.Fire{Timer: broker.PollTimer("acc", "m", "p"), Due: broker.PollDue("acc", "m", "p"), TimerSeq: seq, Body: []byte(body)}
}

func TestFireNow_MakesTheJobDueAndRemovesTheTimer(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		b, ctx := brokertest.Start(t), days(t, 30)
		c := pollConsumer(t, b)
		arm(ctx, t, b, pollTimer("p", time.Now().Add(10*time.Hour), "by timer"))
		timer, err := b.Timer(ctx, broker.PollTimer("acc", "m", "p"))
		if err != nil {
			t.Fatal(err)
		}
		if err := b.FireNow(ctx, fire(timer.Seq, "by hint")); err != nil {
			t.Fatal(err)
		}
		if err := b.FireNow(ctx, fire(timer.Seq, "by a second hint")); !isConflict(err) {
			t.Errorf("firing it again: %v, want a conflict", err)
		}
		began := time.Now()
		if m := next(ctx, t, c); string(m.Data()) != "by hint" || time.Since(began) > time.Second {
			t.Errorf("due after %v: %s", time.Since(began), m.Data())
		}
		time.Sleep(20 * time.Hour)
		if n := count(ctx, t, b, broker.StreamWork, "recon.>"); n != 0 {
			t.Errorf("%d messages came later", n)
		}
	})
}

func TestFireNow_Conflicts_WhenTheTimerIsNotTheOneRead(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	if err := b.FireNow(ctx, fire(1, "x")); !isConflict(err) {
		t.Errorf("without a timer: %v, want a conflict", err)
	}
	arm(ctx, t, b, pollTimer("p", time.Now().Add(time.Hour), "old"))
	old, err := b.Timer(ctx, broker.PollTimer("acc", "m", "p"))
	if err != nil {
		t.Fatal(err)
	}
	arm(ctx, t, b, pollTimer("p", time.Now().Add(2*time.Hour), "new"))
	if err := b.FireNow(ctx, fire(old.Seq, "x")); !isConflict(err) {
		t.Errorf("after it was replaced: %v, want a conflict", err)
	}
	if has, err := b.HasDue(ctx, broker.PollDue("acc", "m", "p")); has || err != nil {
		t.Errorf("a refused one is due: %t, %v", has, err)
	}
	if timer, err := b.Timer(ctx, broker.PollTimer("acc", "m", "p")); err != nil || string(timer.Body) != "new" {
		t.Errorf("the new timer is %+v, %v", timer, err)
	}
}

func TestFireNow_KnowsItsOwnJob_WhenTheAcknowledgementIsLost(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		w, b, beside := newWire(t)
		ctx := days(t, 1)
		arm(ctx, t, beside, pollTimer("p", time.Now().Add(10*time.Hour), "by timer"))
		timer, err := beside.Timer(ctx, broker.PollTimer("acc", "m", "p"))
		if err != nil {
			t.Fatal(err)
		}
		w.loseAnswer("HPUB recon.due.poll")
		w.meanwhile(func() {})
		if err := b.FireNow(ctx, fire(timer.Seq, "by hint")); err != nil {
			t.Errorf("fire: %v", err)
		}
		if n := count(ctx, t, b, broker.StreamWork, "recon.>"); n != 1 {
			t.Errorf("%d messages, want the job only", n)
		}
	})
}

func TestFireNow_Fires_WhenTheRequestIsLost(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		w, b, beside := newWire(t)
		ctx := days(t, 1)
		arm(ctx, t, beside, pollTimer("p", time.Now().Add(10*time.Hour), "by timer"))
		timer, err := beside.Timer(ctx, broker.PollTimer("acc", "m", "p"))
		if err != nil {
			t.Fatal(err)
		}
		w.loseRequest("HPUB recon.due.poll")
		w.meanwhile(func() {})
		if err := b.FireNow(ctx, fire(timer.Seq, "by hint")); err != nil {
			t.Errorf("fire: %v", err)
		}
		if m := next(ctx, t, pollConsumer(t, b)); string(m.Data()) != "by hint" {
			t.Errorf("due is %s", m.Data())
		}
	})
}

func TestPendingWebhooks_TellsArmedFromDue_PerVersion(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	later := time.Now().Add(time.Hour)
	hook := func(endpoint string, version int) broker.Timer {
		return broker.Timer{Subject: broker.WebhookTimer("m", endpoint, "p", version), Target: broker.WebhookDue("m", endpoint, "p", version), At: later}
	}
	arm(ctx, t, b, hook("e", 3), hook("e", 4), hook("other", 9))
	for _, version := range []int{2, 3} {
		if err := b.PublishDue(ctx, broker.Due{Subject: broker.WebhookDue("m", "e", "p", version)}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := b.PendingWebhooks(ctx, "m", "e", "p")
	want := map[int]broker.PendingState{2: {Due: true}, 3: {Armed: true, Due: true}, 4: {Armed: true}}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("pending: %v, %v; want %v", got, err, want)
	}
	if got, err := b.PendingWebhooks(ctx, "m", "e", "another"); err != nil || len(got) != 0 {
		t.Errorf("pending of a payment without any: %v, %v", got, err)
	}
}
