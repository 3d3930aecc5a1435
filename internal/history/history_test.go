package history

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/invariant"
)

// Timers that fire while the stream is read move to its end: each piece of work
// has to be seen all the same, and once.
func TestPending_SeesEachPieceOfWorkOnce_WhileTimersFire(t *testing.T) {
	const jobs = 4000 // to read them takes longer than the broker's 250 ms between two looks at its timers
	b := brokertest.Start(t)
	ctx := brokertest.Context(t)
	soon := time.Now()
	for i := range jobs {
		id := fmt.Sprintf("p/%d", i)
		err := b.Arm(ctx, broker.Timer{
			Subject: broker.PollTimer("halyk", "shop", id), Target: broker.PollDue("halyk", "shop", id),
			At: soon.Add(time.Duration(i%1500) * time.Millisecond), Body: []byte("{}"),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	pending, err := Pending(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, p := range pending {
		seen[p.Payment]++
	}
	for i := range jobs {
		if id := fmt.Sprintf("p/%d", i); seen[id] != 1 {
			t.Fatalf("payment %s was seen %d times", id, seen[id])
		}
	}
	if len(pending) != jobs {
		t.Errorf("%d pieces of work, want %d", len(pending), jobs)
	}
}

func TestPendingOf(t *testing.T) {
	at := time.Date(2026, 2, 3, 10, 0, 0, 0, time.UTC)
	timer := nats.Header{"Nats-Schedule": []string{"@at 2026-02-03T10:00:00Z"}}
	for name, c := range map[string]struct {
		subject string
		header  nats.Header
		want    invariant.Pending
	}{
		"poll timer": {broker.PollTimer("halyk", "m/1", "p.1"), timer,
			invariant.Pending{Queue: invariant.QueueTimer, Kind: invariant.KindPoll, Account: "halyk", Merchant: "m/1", Payment: "p.1", DueAt: at}},
		"due poll": {broker.PollDue("halyk", "m", "p"), nil,
			invariant.Pending{Queue: invariant.QueueDue, Kind: invariant.KindPoll, Account: "halyk", Merchant: "m", Payment: "p"}},
		"webhook timer": {broker.WebhookTimer("m", "orders", "p", 3), timer,
			invariant.Pending{Queue: invariant.QueueTimer, Kind: invariant.KindWebhook, Merchant: "m", Endpoint: "orders", Payment: "p", Version: 3, DueAt: at}},
		"due webhook": {broker.WebhookDue("m", "orders", "p", 3), nil,
			invariant.Pending{Queue: invariant.QueueDue, Kind: invariant.KindWebhook, Merchant: "m", Endpoint: "orders", Payment: "p", Version: 3}},
	} {
		got, err := pendingOf(c.subject, c.header)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %+v (%v), want %+v", name, got, err, c.want)
		}
	}
	for name, subject := range map[string]string{"nobody's subject": "recon.due.else.x", "timer without a time": broker.PollTimer("a", "m", "p")} {
		if got, err := pendingOf(subject, nil); err == nil {
			t.Errorf("%s: read as %+v", name, got)
		}
	}
}

// A split letter is one dead letter, whole; a webhook's names its endpoint.
func TestDead_ReadsLettersWhole(t *testing.T) {
	b := brokertest.Start(t)
	ctx := brokertest.Context(t)
	large := make([]byte, broker.MaxPayload)
	for _, d := range []broker.Dead{
		{Stage: "intake", Reason: "too_large", Source: broker.Source{Stream: broker.StreamPayments, Seq: 7, Subject: "payments.created.a.b", Body: large}},
		{Stage: "webhook", Reason: "gone", Merchant: "m", Payment: "p/1",
			Source: broker.Source{Stream: broker.StreamWork, Seq: 9, Subject: broker.WebhookDue("m", "orders", "p/1", 2), Body: []byte("{}")}},
	} {
		if err := b.DeadLetter(ctx, d); err != nil {
			t.Fatal(err)
		}
	}
	dead, err := Dead(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	if len(dead) != 2 {
		t.Fatalf("%d dead letters, want 2", len(dead))
	}
	if d := dead[0]; d.Stage != invariant.StageIntake || d.Reason != "too_large" || d.SourceSeq != 7 || len(d.Body) != len(large) || d.Endpoint != "" {
		t.Errorf("the first letter is %s/%s of message %d with %d bytes", d.Stage, d.Reason, d.SourceSeq, len(d.Body))
	}
	if d := dead[1]; d.Merchant != "m" || d.Endpoint != "orders" || d.Payment != "p/1" || d.Version != 2 || d.Time.IsZero() {
		t.Errorf("the second letter is %+v, want version 2 of p/1 to orders", d)
	}
}
