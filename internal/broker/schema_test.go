package broker_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/payment"
	"reconciler/internal/schematest"
)

const schemas = "testdata/schema/v1/"

// store puts the very message into its stream and gives its sequence.
func store(t *testing.T, b *broker.Broker, m schematest.Message) uint64 {
	t.Helper()
	msg := nats.NewMsg(m.Subject)
	msg.Header, msg.Data = nats.Header(m.Header), m.Body
	ack, err := b.JetStream().PublishMsg(brokertest.Context(t), msg)
	if err != nil {
		t.Fatal(err)
	}
	return ack.Sequence
}

func TestSchema_TimersOfTheFirstVersionAreRead(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	at := time.Date(2100, 1, 2, 3, 4, 5, 600000000, time.UTC)
	for file, want := range map[string]broker.Timer{
		"timer_poll.msg": {
			Subject: broker.PollTimer("finipay-main", "m-1", "p.1"), Target: broker.PollDue("finipay-main", "m-1", "p.1"),
			At: at, Header: nats.Header{"traceparent": {"00-1"}}, Body: []byte(`{"schema":1}`),
		},
		"timer_webhook.msg": {
			Subject: broker.WebhookTimer("m-1", "orders", "p.1", 2), Target: broker.WebhookDue("m-1", "orders", "p.1", 2),
			At: at, Header: nats.Header{"Recon-Job": {`{"schema":1}`}}, Body: []byte(`{"type":"payment.succeeded"}`),
		},
	} {
		golden := schematest.ReadMessage(t, schemas+file)
		seq := store(t, b, golden)
		got, err := b.Timer(ctx, want.Subject)
		stored := broker.ArmedTimer{Seq: seq, At: want.At, Target: want.Target, Header: want.Header, Body: want.Body}
		if err != nil || !reflect.DeepEqual(got, stored) {
			t.Errorf("%s: read as\n%+v, %v; want\n%+v", file, got, err, stored)
		}
		if err := b.Arm(ctx, want); err != nil {
			t.Fatal(err)
		}
		written := lastOn(t, b, broker.StreamWork, golden.Subject)
		for name, values := range golden.Header {
			if !slices.Equal(written.Header[name], values) {
				t.Errorf("%s: armed with %s %q, want %q", file, name, written.Header[name], values)
			}
		}
	}
}

func lastOn(t *testing.T, b *broker.Broker, stream, subject string) *nats.Msg {
	t.Helper()
	ctx := brokertest.Context(t)
	s, err := b.JetStream().Stream(ctx, stream)
	if err != nil {
		t.Fatal(err)
	}
	last, err := s.GetLastMsgForSubject(ctx, subject)
	if err != nil {
		t.Fatal(err)
	}
	return &nats.Msg{Subject: last.Subject, Header: last.Header, Data: last.Data}
}

func storedLetter(header nats.Header) broker.Dead {
	return broker.Dead{
		Stage: "intake", Reason: "not_json", Merchant: "m-1", Payment: "p.1", Field: "amount", Detail: "is missing",
		Source: broker.Source{Stream: broker.StreamPayments, Seq: 7, Subject: "payments.created.m-1.p=2E1", Header: header, Body: []byte(`{"id":`)},
	}
}

func TestSchema_DeadLettersOfTheFirstVersionAreRead(t *testing.T) {
	for file, header := range map[string]nats.Header{
		"dead.msg":        {"traceparent": {"00-1"}, "Nats-Rollup": {"all"}},
		"dead_inline.msg": {"traceparent": {" 00-1 "}}, // would not come out as it went in
	} {
		b, ctx := brokertest.Start(t), brokertest.Context(t)
		golden, want := schematest.ReadMessage(t, schemas+file), storedLetter(header)
		got, err := b.ReadDead(ctx, store(t, b, golden))
		if err != nil || !reflect.DeepEqual(got.Dead, want) {
			t.Errorf("%s: read as\n%+v, %v; want\n%+v", file, got.Dead, err, want)
		}
		if err := b.DeadLetter(ctx, want); err != nil {
			t.Fatal(err)
		}
		if all := letters(t, b); len(all) != 1 {
			t.Errorf("%s: the same letter has another identity now", file)
		}
		written := brokertest.Start(t)
		if err := written.DeadLetter(ctx, want); err != nil {
			t.Fatal(err)
		}
		letter := lastOn(t, written, broker.StreamDead, golden.Subject)
		for name := range letter.Header {
			if name[:5] != "Recon" {
				letter.Header.Del(name)
			}
		}
		if !reflect.DeepEqual(map[string][]string(letter.Header), golden.Header) || !bytes.Equal(letter.Data, golden.Body) {
			t.Errorf("%s: written as\n%v\n%s\nwant\n%v\n%s", file, letter.Header, letter.Data, golden.Header, golden.Body)
		}
		golden.Header["Recon-Letter-Schema"] = []string{"999"}
		golden.Subject += "9" // another letter, whatever it is
		var newer *payment.NewerSchemaError
		if _, err := b.ReadDead(ctx, store(t, b, golden)); !errors.As(err, &newer) || newer.Version != schematest.Later {
			t.Errorf("%s of a newer version: %v, want it left to newer code", file, err)
		}
	}
}

// The subject says everything. What newer code may put beside it is passed over.
func TestSchema_AReferenceOfTheFirstVersionIsRead(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	golden := schematest.ReadMessage(t, schemas+"reference.msg")
	of := broker.PaymentRef{Account: "finipay-main", Merchant: "m-1", Payment: "p.1"}
	if got := broker.ReferenceSubject(of, "ORDER-1"); got != golden.Subject {
		t.Errorf("it is recorded as %q, want %q", got, golden.Subject)
	}
	store(t, b, golden)
	found, err := b.Referred(ctx, of.Account, "ORDER-1")
	if err != nil || !slices.Equal(found, []broker.PaymentRef{of}) {
		t.Errorf("it is about %v, %v; want %v", found, err, of)
	}
	later := golden
	later.Subject, later.Body = golden.Subject+".v999", []byte(`{"schema":999}`)
	seq := store(t, b, later)
	if found, err = b.Referred(ctx, of.Account, "ORDER-1"); err != nil || !slices.Equal(found, []broker.PaymentRef{of}) {
		t.Errorf("beside one of a newer version it is about %v, %v; want %v", found, err, of)
	}
	if err := b.RecordReferences(ctx, of, []string{"ORDER-1"}); err != nil {
		t.Fatal(err)
	}
	if s, err := b.JetStream().Stream(ctx, broker.StreamReferences); err != nil {
		t.Error(err)
	} else if msg, err := s.GetMsg(ctx, seq); err != nil || string(msg.Data) != string(later.Body) {
		t.Errorf("what newer code wrote was overwritten: %v", err)
	}
}
