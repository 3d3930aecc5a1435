package broker_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
)

func sweptTimer(payment string, in time.Duration) broker.Timer {
	return broker.Timer{
		Subject: broker.PollTimer("a", "m", payment), Target: broker.PollDue("a", "m", payment),
		At: time.Now().Add(in), Body: []byte(payment),
	}
}

func TestNextTimer_TellsEachTimerOnce_AndNoDueMessage(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	for i := range 3 {
		if err := b.Arm(ctx, sweptTimer(fmt.Sprint("p", i), time.Hour)); err != nil {
			t.Fatal(err)
		}
		if err := b.PublishDue(ctx, broker.Due{Subject: broker.PollDue("a", "m", fmt.Sprint("q", i))}); err != nil {
			t.Fatal(err)
		}
	}
	elsewhere := sweptTimer("elsewhere", time.Hour)
	elsewhere.Target = broker.PollDue("a", "m", "p0")
	if err := b.Arm(ctx, elsewhere); err != nil {
		t.Fatal(err)
	}
	if _, err := b.JetStream().Publish(ctx, broker.PollTimer("a", "m", "never"), nil); err != nil {
		t.Fatal(err)
	}
	var good, bad []string
	for seq := uint64(0); ; {
		timer, err := b.NextTimer(ctx, seq)
		if errors.Is(err, broker.ErrNotFound) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		of, err := broker.ParsePoll(timer.Subject)
		if err != nil {
			t.Fatal(err)
		}
		if timer.Fault != nil {
			bad = append(bad, of.Payment)
		} else {
			good = append(good, of.Payment)
		}
		seq = timer.Seq + 1
	}
	if !slices.Equal(good, []string{"p0", "p1", "p2"}) || !slices.Equal(bad, []string{"elsewhere", "never"}) {
		t.Errorf("timers %v, and none of ours %v", good, bad)
	}
}

func TestArmIf_ReplacesNothingButWhatWasExpected(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	mustConflict := func(expected uint64) {
		t.Helper()
		var conflict *broker.ConflictError
		if err := b.ArmIf(ctx, sweptTimer("p", time.Minute), expected); !errors.As(err, &conflict) {
			t.Errorf("expecting %d gave %v", expected, err)
		}
	}
	if err := b.ArmIf(ctx, sweptTimer("p", time.Hour), 0); err != nil {
		t.Fatal(err)
	}
	first, err := b.Timer(ctx, broker.PollTimer("a", "m", "p"))
	if err != nil {
		t.Fatal(err)
	}
	mustConflict(0)
	if err := b.ArmIf(ctx, sweptTimer("p", 2*time.Hour), first.Seq); err != nil {
		t.Fatal(err)
	}
	mustConflict(first.Seq)
	second, err := b.Timer(ctx, broker.PollTimer("a", "m", "p"))
	if err != nil || second.At.Before(first.At) {
		t.Errorf("the timer is for %v, %v", second.At, err)
	}
}

func TestArmIf_IsCertain_WhenItsAnswerIsLost(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		w, behind, beside := newWire(t)
		w.loseAnswer("recon.timer.poll.a.m.p")
		w.meanwhile(func() {})
		ctx := brokertest.Context(t)
		if err := behind.ArmIf(ctx, sweptTimer("p", time.Hour), 0); err != nil {
			t.Errorf("it gave %v, although its timer is there", err)
		}
		if timer, err := beside.Timer(ctx, broker.PollTimer("a", "m", "p")); err != nil || time.Until(timer.At) < 59*time.Minute {
			t.Errorf("the timer is %+v, %v", timer, err)
		}
	})
}

func TestHasPoll_SeesTimersAndDueMessages(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	if err := b.Arm(ctx, sweptTimer("armed", time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := b.PublishDue(ctx, broker.Due{Subject: broker.PollDue("a", "m", "due")}); err != nil {
		t.Fatal(err)
	}
	for payment, want := range map[string]bool{"armed": true, "due": true, "neither": false} {
		got, err := b.HasPoll(ctx, broker.PaymentRef{Account: "a", Merchant: "m", Payment: payment})
		if err != nil || got != want {
			t.Errorf("payment %s: %t, %v, want %t", payment, got, err, want)
		}
	}
}

func TestChanges_TellsAPartOfTheLog_AndLeavesNoConsumer(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	for i := range 6 {
		subject := broker.StatusSubject("pending", "a", "m", fmt.Sprint("p", i))
		if i == 3 {
			subject = "payments.status.nobody"
		}
		header := nats.Header{"ce-id": {fmt.Sprint("id", i)}, "ce-version": {fmt.Sprint(i)}}
		if _, err := b.JetStream().PublishMsg(ctx, &nats.Msg{Subject: subject, Header: header, Data: []byte("body")}); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		name     string
		from, to uint64
		most     int
		want     []int
	}{
		{"all", 0, 100, 100, []int{0, 1, 2, 4, 5}},
		{"a part", 2, 5, 100, []int{1, 2, 4}},
		{"until told to stop", 1, 100, 2, []int{0, 1}},
		{"behind the end", 7, 100, 100, nil},
		{"nothing", 5, 4, 100, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got []int
			err := b.Changes(ctx, row.from, row.to, func(c broker.Change) bool {
				if c.Status != "pending" || c.Of.Payment != fmt.Sprint("p", c.Version) || c.ID != fmt.Sprint("id", c.Version) || c.Seq != uint64(c.Version)+1 {
					t.Errorf("told %+v", c)
				}
				got = append(got, c.Version)
				return len(got) < row.most
			})
			if err != nil || !slices.Equal(got, row.want) {
				t.Errorf("told %v, %v, want %v", got, err, row.want)
			}
		})
	}
	stream, err := b.JetStream().Stream(ctx, broker.StreamStatus)
	if err != nil {
		t.Fatal(err)
	}
	if n := stream.CachedInfo().State.Consumers; n != 0 {
		t.Errorf("%d consumers are left", n)
	}
}

func TestEmbed_RefusesWhatExceedsItsStore(t *testing.T) {
	b, ctx := brokertest.Start(t, brokertest.WithMaxStore(1<<20)), brokertest.Context(t)
	stored := 0
	for ; stored < 40; stored++ {
		if _, err := b.JetStream().Publish(ctx, "payments.created.m.p", make([]byte, 64<<10)); err != nil {
			break
		}
	}
	if stored < 8 || stored > 17 {
		t.Errorf("%d messages of 64 KiB fit into 1 MiB", stored)
	}
}
