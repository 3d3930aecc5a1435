package broker_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
)

func record(outcome string, attempt int) broker.LogRecord {
	of := broker.WebhookRef{Merchant: "m", Endpoint: "e", Payment: "p", Version: 2}
	return broker.LogRecord{
		Subject: broker.WebhookLogSubject(outcome, of), ID: fmt.Sprint("p/2/e/", attempt),
		Header: nats.Header{"x": {"y"}}, Body: []byte(fmt.Sprint(outcome, attempt)),
	}
}

func TestAppendLog_KeepsEveryAttempt_AndGivesTheLast(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	of := broker.WebhookRef{Merchant: "m", Endpoint: "e", Payment: "p", Version: 2}
	if _, _, err := b.LastLog(ctx, of); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("no attempt yet: %v, want ErrNotFound", err)
	}
	for attempt, outcome := range []string{"failed", "failed", "delivered"} {
		if err := b.AppendLog(ctx, record(outcome, attempt)); err != nil {
			t.Fatal(err)
		}
	}
	outcome, last, err := b.LastLog(ctx, of)
	if err != nil || outcome != "delivered" || string(last.Body) != "delivered2" || last.Header.Get("x") != "y" {
		t.Errorf("the last record is %s %+v, %v", outcome, last, err)
	}
	if n := count(ctx, t, b, broker.StreamWebhookLog, broker.FilterWebhookLog); n != 3 {
		t.Errorf("%d records, want 3", n)
	}
}

func TestAppendLog_RecordsAnAttemptOnce(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	for range 3 {
		if err := b.AppendLog(ctx, record("failed", 1)); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(ctx, t, b, broker.StreamWebhookLog, broker.FilterWebhookLog); n != 1 {
		t.Errorf("%d records, want 1", n)
	}
}

// The server forgets ids after two minutes; a broker that is away for longer
// must not lead to a second record.
func TestAppendLog_RecordsOnce_WhenTheAcknowledgementIsLostForHours(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		w, b, _ := newWire(t)
		ctx := days(t, 1)
		w.loseAnswer("HPUB webhooks.failed")
		w.meanwhile(func() { time.Sleep(5 * time.Hour) })
		if err := b.AppendLog(ctx, record("failed", 1)); err != nil {
			t.Fatal(err)
		}
		if n := count(ctx, t, b, broker.StreamWebhookLog, broker.FilterWebhookLog); n != 1 {
			t.Errorf("%d records, want 1", n)
		}
	})
}

func TestAppendLog_RefusesARecordThatCouldNotBeFound(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	noID, elsewhere := record("failed", 1), record("failed", 1)
	noID.ID, elsewhere.Subject = "", "webhooks.failed.m"
	for _, r := range []broker.LogRecord{noID, elsewhere} {
		if err := b.AppendLog(ctx, r); err == nil {
			t.Errorf("recorded %+v", r)
		}
	}
}
