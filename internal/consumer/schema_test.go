package consumer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
	"reconciler/internal/schematest"
)

const schemas = "testdata/schema/"

// opened is when the payment of all golden files was created.
func opened() time.Time { return time.Date(2026, 2, 3, 10, 0, 0, 0, time.UTC) }

const storedTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// wantNewer fails the test unless each variant is left to newer code.
func wantNewer(t *testing.T, golden []byte, key string, read func([]byte) error) {
	t.Helper()
	for _, later := range schematest.Newer(t, golden, key) {
		var newer *payment.NewerSchemaError
		if err := read(later); !errors.As(err, &newer) || newer.Version != schematest.Later {
			t.Errorf("%s: %v, want it left to newer code", later, err)
		}
	}
}

func storedEvent(t *testing.T) (payment.Event, payment.Origin) {
	t.Helper()
	at := opened().Add(5*time.Minute + 123456789)
	return payment.Event{Type: "payment.succeeded", Timestamp: at, Data: payment.Data{
			PaymentID: "p.1", MerchantID: "m-1", Account: "finipay-main", Version: 2, Status: payment.Succeeded, PreviousStatus: payment.Pending,
			Final: true, Trigger: payment.TriggerPoll, Expected: euros(t, "33.00"), Captured: euros(t, "33.00"), ProviderReference: "777", ObservedAt: at, SchemaVersion: 1,
		}}, payment.Origin{
			CreatedID: "e-1", Digest: "9ec4ea1ee49b3631e7634b3b870ce0e9", Reference: payment.Reference{"order_number": "ORDER-1"},
			CreatedAt: opened(), ExpiresAt: opened().Add(30 * time.Minute),
		}
}

func TestSchema_AStatusEventOfTheFirstVersionIsReadWithItsHeaders(t *testing.T) {
	golden := schematest.ReadMessage(t, schemas+"v1/status.msg")
	event, origin := storedEvent(t)
	gotEvent, gotOrigin, err := readEvent(golden.Subject, golden.Header, golden.Body)
	if err != nil || !reflect.DeepEqual(gotEvent, event) || !reflect.DeepEqual(gotOrigin, origin) {
		t.Errorf("read as\n%+v\n%+v, %v; want\n%+v\n%+v", gotEvent, gotOrigin, err, event, origin)
	}
	header, err := eventHeader(event, origin, storedTrace)
	if err != nil || !reflect.DeepEqual(map[string][]string(header), golden.Header) {
		t.Errorf("its headers are written as\n%v, %v; want\n%v", header, err, golden.Header)
	}
	schematest.Complete(t, payment.Origin{}, []byte(nats.Header(golden.Header).Get(headerOrigin)))
	wantNewer(t, golden.Body, "schema_version", func(body []byte) error {
		header := nats.Header{headerOrigin: {`["of another type"]`}}
		_, _, err := readEvent("of.another.form", header, body)
		return err
	})
}

func TestSchema_APollTimerOfTheFirstVersionIsRead(t *testing.T) {
	golden := schematest.Read(t, schemas+"v1/poll.json")
	at := opened()
	want := watch{
		Schema: 1, MerchantID: "m-1", PaymentID: "p.1", Account: "finipay-main", Reference: payment.Reference{"order_number": "ORDER-1"},
		Expected: euros(t, "33.00"), CreatedAt: at, ExpiresAt: at.Add(30 * time.Minute), Seq: 17, Version: 2, Status: payment.PartiallyRefunded,
		Since: at.Add(5 * time.Minute), Captured: euros(t, "33.00"), Refunded: euros(t, "3.50"), Bound: "777",
		Clock: 90 * time.Second, Planned: 15 * time.Second, Answered: 7,
		Doubt: &doubt{Reason: payment.ReasonAmountMismatch, Count: 2, First: at.Add(time.Minute)},
		Looks: looks{{Saw: "REFUND", First: at.Unix(), Last: at.Unix() + 60, Count: 3}},
	}
	got, err := parseWatch(golden)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read as\n%+v, %v; want\n%+v", got, err, want)
	}
	if body, err := want.encode(); err != nil || !bytes.Equal(body, golden) {
		t.Errorf("written as\n%s, %v; want\n%s", body, err, golden)
	}
	schematest.Complete(t, watch{}, golden)
	wantNewer(t, golden, "schema", func(body []byte) error {
		_, err := parseWatch(body)
		return err
	})
}

// delivered is a message as a consumer gets it; nobody acknowledges it here.
type delivered struct {
	jetstream.Msg
	schematest.Message
}

func (d delivered) Subject() string      { return d.Message.Subject }
func (d delivered) Headers() nats.Header { return d.Header }
func (d delivered) Data() []byte         { return d.Body }

// The second version is that of replays.
func TestSchema_WebhookJobsOfBothVersionsAreRead(t *testing.T) {
	event, _ := storedEvent(t)
	var golden [][]byte
	for version, mark := range map[int]string{1: "", 2: "night#2"} {
		msg := delivered{Message: schematest.ReadMessage(t, fmt.Sprintf("%sv%d/webhook.msg", schemas, version))}
		want := job{
			Schema: version, EventID: event.ID(), MerchantID: "m-1", PaymentID: "p.1", Endpoint: "orders", Version: 2, Seq: 17, Before: 9,
			Attempts: 3, Waits: 2, Replay: mark, Trace: storedTrace, Body: msg.Body,
		}
		got, err := readJob(msg)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("read as\n%+v, %v; want\n%+v", got, err, want)
		}
		if header, err := want.header(); err != nil || !reflect.DeepEqual(map[string][]string(header), msg.Header) {
			t.Errorf("its headers are written as\n%v, %v; want\n%v", header, err, msg.Header)
		}
		if due, err := broker.DueOf(got.timerSubject()); err != nil || due != msg.Message.Subject {
			t.Errorf("its timer fires to %q, %v; want %q", due, err, msg.Message.Subject)
		}
		text := []byte(msg.Headers().Get(headerJob))
		golden = append(golden, text)
		wantNewer(t, text, "schema", func(text []byte) error {
			later := msg
			later.Header = map[string][]string{headerJob: {string(text)}}
			_, err := readJob(later)
			return err
		})
		wantNewer(t, msg.Body, "schema_version", func(body []byte) error {
			later := msg
			later.Body = body
			_, err := readJob(later)
			return err
		})
	}
	schematest.Complete(t, job{}, golden...)
}

func storedAttempt() (attemptRecord, broker.WebhookRef) {
	of := broker.WebhookRef{Merchant: "m-1", Endpoint: "orders", Payment: "p.1", Version: 2}
	return attemptRecord{
		SchemaVersion: 1, EventID: payment.EventID("m-1", "p.1", 2), MerchantID: "m-1", Endpoint: "orders", PaymentID: "p.1", Version: 2,
		Attempt: 3, Outcome: outcomeFailed, At: opened(), LatencyMS: 120, Status: 503, Class: "http", Reason: "http_status", Detail: "it answered 503",
		Excerpt: "busy", Remote: "203.0.113.7:443", NextAt: opened().Add(time.Minute), Replay: "night",
	}, of
}

func TestSchema_AWebhookAttemptOfTheFirstVersionIsRead(t *testing.T) {
	golden := schematest.Read(t, schemas+"v1/attempt.json")
	want, of := storedAttempt()
	got, err := readAttempt(of, golden)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read as\n%+v, %v; want\n%+v", got, err, want)
	}
	if body, err := json.Marshal(want); err != nil || !bytes.Equal(body, golden) {
		t.Errorf("written as\n%s, %v; want\n%s", body, err, golden)
	}
	schematest.Complete(t, attemptRecord{}, golden)
	wantNewer(t, golden, "schema_version", func(body []byte) error {
		_, err := readAttempt(of, body)
		return err
	})
}

// Another attempt after one that newer code recorded might be one too many.
func TestDeliverer_LeavesAWebhookWhoseAttemptNewerCodeRecorded(t *testing.T) {
	golden := schematest.Read(t, schemas+"v1/attempt.json")
	for _, later := range schematest.Newer(t, golden, "schema_version") {
		inBubble(t, func(s *stage) {
			s.endpoint("shop")
			s.begun("p")
			s.dispatch()
			subject := broker.WebhookLogSubject(outcomeFailed, broker.WebhookRef{Merchant: "m", Endpoint: "shop", Payment: "p", Version: 1})
			if err := s.b.AppendLog(s.ctx, broker.LogRecord{Subject: subject, ID: "later", Body: later}); err != nil {
				s.Fatal(err)
			}
			var newer *payment.NewerSchemaError
			if err := s.deliverer().handle(s.ctx, s.nextJob(), taken()); !errors.As(err, &newer) {
				s.Errorf("deliver: %v, want it left to newer code", err)
			}
			if n := len(s.shop.deliveries("shop")); n != 0 || len(s.dead()) != 0 || s.lastSeq(broker.StreamWebhookLog) != 1 || len(s.messages(broker.StreamWork)) != 1 {
				s.Errorf("%d attempts, dead letters %v; want nothing done, and the job where it was", n, s.dead())
			}
		})
	}
}

func TestSchema_ALeaseOfTheSweepOfTheFirstVersionIsRead(t *testing.T) {
	golden := schematest.Read(t, schemas+"v1/lease.json")
	at := opened()
	want := leaseRecord{
		Schema: 1, Worker: "w-1", Until: at.Add(time.Minute), Began: at, From: 12, Low: 40,
		Timers: extent{Made: at.Add(-time.Hour), Next: 5, End: 900, Seen: true},
		Log:    extent{Made: at.Add(-time.Hour), Next: 78, End: 77, Done: true, Seen: true},
	}
	got, err := parseLease(golden)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read as\n%+v, %v; want\n%+v", got, err, want)
	}
	if body, err := json.Marshal(want); err != nil || !bytes.Equal(body, golden) {
		t.Errorf("written as\n%s, %v; want\n%s", body, err, golden)
	}
	schematest.Complete(t, leaseRecord{}, golden)
	for _, later := range schematest.Newer(t, golden, "schema") {
		if _, err := parseLease(later); !errors.Is(err, errNewerLease) {
			t.Errorf("%s: %v, want it left to newer code", later, err)
		}
	}
}
