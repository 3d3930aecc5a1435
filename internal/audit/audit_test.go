package audit

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
)

func TestAudit_FindsNothing_WhileWorkersRun(t *testing.T) {
	inBubble(t, func(t *testing.T, b *broker.Broker) {
		s := worked(t, b, 200)
		o := s.options()
		o.Memory = 64 << 10
		for range 5 {
			r := s.audit(o)
			if r.Left() != 0 {
				t.Fatalf("found %+v", r)
			}
			time.Sleep(13 * time.Second)
		}
		s.provider.tells(payment.Failed)
		time.Sleep(time.Hour)
		r := s.audit(o)
		if r.Left() != 0 || r.Passes < 2 || r.Payments != 201 || r.Created != 201 || r.Events != 402 || r.Attempts < 402 || r.Timers < 201 || len(r.Notes) > 0 {
			t.Errorf("found %+v", r)
		}
	})
}

func TestAudit_FindsAndRepairs_ADeletedWorkStream(t *testing.T) {
	inBubble(t, func(t *testing.T, b *broker.Broker) {
		s := worked(t, b, 0)
		time.Sleep(time.Minute)
		const payments = 30
		for i := range payments {
			s.announce(fmt.Sprint("p", i))
		}
		time.Sleep(2 * time.Minute)
		s.stop()
		if err := b.JetStream().DeleteStream(s.ctx, broker.StreamWork); err != nil {
			t.Fatal(err)
		}
		if r, err := New(s.options()).Run(s.ctx); err == nil || r.Counts[KindStream].Found != 1 {
			t.Errorf("without the stream: %+v, %v", r, err)
		}
		if err := b.Provision(s.ctx, broker.ProvisionOptions{}); err != nil {
			t.Fatal(err)
		}
		want := map[Kind]int{KindTimerMissing: payments + 1, KindWebhookLost: payments + 1}
		if r := s.audit(s.options()); !maps.Equal(r.kinds(), want) || r.Left() != 2*(payments+1) {
			t.Fatalf("found %+v, want %v", r, want)
		}
		o := s.repairing()
		o.Limit = 7
		r := s.audit(o)
		if !maps.Equal(r.kinds(), want) || r.Left() != 0 || len(r.Findings) != 14 || !r.Findings[0].Repaired {
			t.Errorf("repaired %+v", r)
		}
		jobs, err := b.PendingWebhooks(s.ctx, "m", "orders", "p7")
		if err != nil || !jobs[1].Due {
			t.Errorf("the webhook of p7 is %+v, %v", jobs, err)
		}
		if f := s.one(s.audit(s.options()), KindConsumer); f.Consumer != "deliverer" {
			t.Errorf("found %+v", f)
		}
		s = newStage(t, b)
		s.run() // what was made again is worked on
		time.Sleep(10 * time.Minute)
		s.sound()
	})
}

func TestAudit_FindsAndRepairs_ADeletedTimer(t *testing.T) {
	inBubble(t, func(t *testing.T, b *broker.Broker) {
		s := worked(t, b, 3)
		time.Sleep(5*time.Minute + 5*time.Second)
		s.stop()
		s.deleteLast(broker.StreamWork, broker.PollTimer(acme, "m", "p1"))
		f := s.one(s.audit(s.options()), KindTimerMissing)
		if f.Payment != "p1" || f.Merchant != "m" || f.Repaired {
			t.Errorf("found %+v", f)
		}
		if f := s.one(s.audit(s.repairing()), KindTimerMissing); !f.Repaired {
			t.Errorf("repaired %+v", f)
		}
		s.sound()
	})
}

func TestAudit_ReportsADeletedEvent(t *testing.T) {
	for _, c := range []struct {
		name   string
		status payment.Status // of the event that is deleted
		kind   Kind
		detail string
	}{
		{"in the middle", payment.Processing, KindViolation, "version 3 follows where 2 was due"},
		{"the last one", payment.Failed, KindEventLost, "its timer knows version 3, the log ends with version 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *broker.Broker) {
				s := worked(t, b, 2)
				for _, status := range []payment.Status{payment.Processing, payment.Failed} {
					time.Sleep(5 * time.Minute)
					s.provider.tells(status)
				}
				time.Sleep(time.Hour)
				s.stop()
				s.sound()
				s.deleteLast(broker.StreamStatus, broker.StatusSubject(string(c.status), acme, "m", "p1"))
				r := s.audit(s.repairing())
				found := false
				for _, f := range r.Findings {
					if f.Payment != "p1" || f.Do == "" || f.Repaired {
						t.Errorf("found %+v", f)
					}
					found = found || f.Kind == c.kind && f.Detail == c.detail
				}
				if !found || len(r.Notes) != 1 {
					t.Errorf("found %+v", r)
				}
			})
		})
	}
}

func TestAudit_ReportsForeignMessages(t *testing.T) {
	for _, c := range []struct{ name, stream, subject string }{
		{"an event", broker.StreamStatus, broker.StatusSubject("succeeded", acme, "m", "p1")},
		{"an event on a strange subject", broker.StreamStatus, "payments.status.x"},
		{"work", broker.StreamWork, "recon.due.else.x"},
		{"a timer that never fires", broker.StreamWork, broker.PollTimer(acme, "m", "nobody")},
		{"a record", broker.StreamWebhookLog, "webhooks.x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *broker.Broker) {
				s := worked(t, b, 2)
				time.Sleep(5*time.Minute + 5*time.Second)
				s.stop()
				s.publish(c.subject, []byte("{}"))
				f := s.one(s.audit(s.repairing()), KindForeign)
				if f.Stream != c.stream || f.Seq == 0 {
					t.Errorf("found %+v", f)
				}
				if c.stream == broker.StreamStatus { // it hides nothing
					s.deleteLast(broker.StreamWork, broker.PollTimer(acme, "m", "p1"))
					if f := s.one(s.audit(s.repairing()), KindTimerMissing); !f.Repaired {
						t.Errorf("repaired %+v", f)
					}
				}
				if err := s.stream(c.stream).DeleteMsg(s.ctx, f.Seq); err != nil { // as it says
					t.Fatal(err)
				}
				s.sound()
			})
		})
	}
}

func TestAudit_ReportsAnEvent_ThatNamesNoCreatedEvent(t *testing.T) {
	inBubble(t, func(t *testing.T, b *broker.Broker) {
		s := worked(t, b, 2)
		time.Sleep(5*time.Minute + 5*time.Second)
		s.stop()
		real, err := s.stream(broker.StreamStatus).GetLastMsgForSubject(s.ctx, broker.StatusSubject("pending", acme, "m", "p1"))
		if err != nil {
			t.Fatal(err)
		}
		copied := &nats.Msg{Subject: real.Subject, Header: nats.Header{"ce-id": {real.Header.Get("ce-id")}, "ce-version": {"1"}}, Data: real.Data}
		if _, err := b.JetStream().PublishMsg(s.ctx, copied); err != nil {
			t.Fatal(err)
		}
		if f := s.one(s.audit(s.options()), KindForeign); f.Payment != "p1" || f.Seq <= real.Sequence {
			t.Errorf("found %+v", f)
		}
	})
}

// What lies before the intake's mark must have led to something.
func TestAudit_ReportsALostInput_AndWaitsForOneThatIsNotTaken(t *testing.T) {
	inBubble(t, func(t *testing.T, b *broker.Broker) {
		s := worked(t, b, 1)
		time.Sleep(5 * time.Minute)
		s.publish(broker.CreatedSubject("m", "bad"), []byte("no JSON")) // becomes a dead letter
		time.Sleep(time.Minute)
		s.stop()
		s.announce("late")
		if r := s.audit(s.options()); r.Left() != 0 || r.WaitingCreated != 1 || r.Letters != 1 {
			t.Errorf("found %+v", r)
		}
		c, err := s.stream(broker.StreamPayments).Consumer(s.ctx, "intake")
		if err != nil {
			t.Fatal(err)
		}
		msg, err := c.Next(jetstream.FetchMaxWait(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if err := msg.DoubleAck(s.ctx); err != nil {
			t.Fatal(err)
		}
		f := s.one(s.audit(s.options()), KindInputLost)
		if f.Payment != "late" || f.Seq != 4 {
			t.Errorf("found %+v", f)
		}
	})
}

func TestAudit_ReportsDuePolls_ThatNoConsumerCounts_AndStrays(t *testing.T) {
	inBubble(t, func(t *testing.T, b *broker.Broker) {
		s := worked(t, b, 1)
		time.Sleep(5*time.Minute + 5*time.Second)
		s.stop()
		for range 3 {
			s.publish(broker.PollDue("gone", "m", "x"), []byte("{}"))
		}
		r := s.audit(s.options())
		if f := s.one(r, KindConsumer); f.Detail != `3 due polls are of account "gone", which is not configured: no consumer counts them` {
			t.Errorf("found %+v", f)
		}
		if f := s.one(r, KindStray); f.Payment != "x" {
			t.Errorf("found %+v", f)
		}
	})
}

// Age takes created events and a payment's first events, which are no gaps then.
func TestAudit_JudgesInPart_WhatHasAged(t *testing.T) {
	inBubble(t, func(t *testing.T, b *broker.Broker) {
		const payments = 10
		s := worked(t, b, payments-1)
		for _, status := range []payment.Status{payment.Processing, payment.Failed} {
			time.Sleep(5 * time.Minute)
			s.provider.tells(status)
		}
		time.Sleep(time.Hour)
		s.stop()
		for _, stream := range []string{broker.StreamStatus, broker.StreamPayments} {
			if err := s.stream(stream).Purge(s.ctx, jetstream.WithPurgeSequence(payments+1)); err != nil {
				t.Fatal(err)
			}
		}
		if r := s.audit(s.options()); r.Left() != 0 || r.Partial != payments || r.Created != 0 || r.Payments != payments {
			t.Errorf("found %+v", r)
		}
		s.publish(broker.CreatedSubject("m", "x"), []byte("{}"))
		s.deleteLast(broker.StreamStatus, broker.StatusSubject("failed", acme, "m", "p1"))
		if f := s.one(s.audit(s.options()), KindEventLost); f.Payment != "p1" {
			t.Errorf("found %+v", f)
		}
	})
}

func TestAudit_ReportsADeadLetter_ThatIsNotWhole(t *testing.T) {
	inBubble(t, func(t *testing.T, b *broker.Broker) {
		s := worked(t, b, 1)
		time.Sleep(time.Minute)
		s.publish(broker.CreatedSubject("m", "bad"), make([]byte, broker.MaxPayload)) // takes two pieces
		time.Sleep(5 * time.Minute)
		s.stop()
		s.sound()
		letters := s.stream(broker.StreamDead)
		if err := letters.DeleteMsg(s.ctx, 1); err != nil {
			t.Fatal(err)
		}
		r := s.audit(s.options())
		if f := r.Findings[0]; r.Left() != 2 || f.Stream != broker.StreamDead || f.Seq == 0 || f.Rule != 6 {
			t.Errorf("found %+v", r)
		}
	})
}

func TestBehind_NeedsTwoLooks(t *testing.T) {
	peer := func(offline, current bool, lag uint64) look {
		p := replicaOf("S", &jetstream.PeerInfo{Name: "n1", Offline: offline, Current: current, Lag: lag})
		return look{replicas: map[string]replica{"S/n1": p}}
	}
	for _, c := range []struct {
		name          string
		first, second look
		want          string
	}{
		{"well", peer(false, true, 0), peer(false, true, 3), ""},
		{"away for a moment", peer(true, false, 10), peer(false, true, 0), ""},
		{"under load", peer(false, true, 2000), peer(false, true, 1500), ""},
		{"offline", peer(true, false, 7), peer(true, false, 9), "its replica on n1 is offline, 9 messages behind the leader"},
		{"catching up", peer(false, false, 7), peer(false, false, 5), "its replica on n1 is not current, 5 messages behind the leader"},
		{"falling behind", peer(false, true, 2000), peer(false, true, 2001), "its replica on n1 falls behind, 2001 messages behind the leader"},
	} {
		r := &run{o: Options{Limit: 9}, report: Report{Counts: map[Kind]Count{}}}
		r.behind(c.first, c.second)
		got := ""
		for _, f := range r.report.Findings {
			got += f.Detail
		}
		if got != c.want {
			t.Errorf("%s: found %q, want %q", c.name, got, c.want)
		}
	}
}

func TestQuoted(t *testing.T) {
	for value, want := range map[string]string{"shop-1": "shop-1", "": "''", "a b": "'a b'", "o'n": `'o'\''n'`, "$x": "'$x'"} {
		if got := quoted(value); got != want {
			t.Errorf("%q is quoted as %s, want %s", value, got, want)
		}
	}
}
