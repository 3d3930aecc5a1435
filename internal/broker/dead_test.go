package broker_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
)

// noise is a body no two pieces of which are alike.
func noise(size int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(size)))
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func deadOf(seq uint64, body []byte) broker.Dead {
	return broker.Dead{
		Stage: "intake", Reason: "not_json", Merchant: "m", Payment: "p.1", Field: "amount", Detail: "two\r\nlines",
		Source: broker.Source{Stream: broker.StreamPayments, Seq: seq, Subject: "payments.created.m.p", Body: body,
			Header: nats.Header{"traceparent": {"00-1"}, "Many": {"a", "b"}}},
	}
}

// letters reads all dead letters, oldest first.
func letters(t *testing.T, b *broker.Broker) []broker.Letter {
	t.Helper()
	ctx := brokertest.Context(t)
	var all []broker.Letter
	for _, m := range readAll(ctx, t, b, broker.StreamDead) {
		if !server.SubjectsCollide(m.Subject(), broker.FilterDeadLetters) {
			continue // a further piece
		}
		meta, err := m.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		letter, err := b.ReadDead(ctx, meta.Sequence.Stream)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, letter)
	}
	return all
}

// sameSource compares without the bodies' bytes in the message.
func sameSource(t *testing.T, got, want broker.Source) {
	t.Helper()
	if !bytes.Equal(got.Body, want.Body) {
		t.Errorf("the body of %d bytes came back as %d other bytes", len(want.Body), len(got.Body))
	}
	if got.Stream != want.Stream || got.Seq != want.Seq || got.Subject != want.Subject {
		t.Errorf("the source is %s %d %s, want %s %d %s", got.Stream, got.Seq, got.Subject, want.Stream, want.Seq, want.Subject)
	}
	if !maps.EqualFunc(got.Header, want.Header, slices.Equal) {
		t.Errorf("the header has %d names, want %d, or other values", len(got.Header), len(want.Header))
	}
}

func TestDeadLetter_HoldsTheWholeMessage(t *testing.T) {
	long := nats.Header{}
	for i := range 500 {
		long.Set(fmt.Sprint("X-", i), strings.Repeat("v", 90))
	}
	for _, row := range []struct {
		name   string
		body   []byte
		header nats.Header
		split  bool
	}{
		{"small", []byte("{"), nats.Header{"a": {"b"}}, false},
		{"empty, without a header", nil, nil, false},
		{"900 KiB", noise(900 << 10), nats.Header{"a": {"b"}}, false},
		{"the largest the server takes", noise(broker.MaxPayload), nil, true},
		{"the largest with its header", noise(broker.MaxPayload - 30<<10), nats.Header{"a": {strings.Repeat("v", 29<<10)}}, true},
		{"a header of 45 KiB", []byte("body"), long, false},
		{"headers that don't travel", []byte("body"), nats.Header{"with space": {"x"}, "value": {" padded ", "two\nlines"}, "bytes": {"\xff"}}, false},
		{"headers with power", []byte("body"), nats.Header{"Nats-Rollup": {"all"}, "Nats-TTL": {"1s"}, "Nats-Schedule": {"@at 2001-01-01T00:00:00Z"},
			"Nats-Msg-Id": {"same"}, "Nats-Expected-Last-Sequence": {"999"}, "Status": {"503"}}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, ctx := brokertest.Start(t), brokertest.Context(t)
			want := deadOf(7, row.body)
			want.Source.Header = row.header
			if err := b.DeadLetter(ctx, want); err != nil {
				t.Fatal(err)
			}
			all := letters(t, b)
			if len(all) != 1 {
				t.Fatalf("%d letters, want 1", len(all))
			}
			got := all[0]
			sameSource(t, got.Source, want.Source)
			if got.Stage != "intake" || got.Reason != "not_json" || got.Merchant != "m" || got.Payment != "p.1" || got.Field != "amount" || got.Detail != "two  lines" {
				t.Errorf("it says %s %s %s %s %s %q", got.Stage, got.Reason, got.Merchant, got.Payment, got.Field, got.Detail)
			}
			if n := count(ctx, t, b, broker.StreamDead, broker.FilterDead); (n > 1) != row.split {
				t.Errorf("kept in %d messages, split wanted: %t", n, row.split)
			}
		})
	}
}

// Whoever looks at the letter with a NATS tool sees the original's bytes.
func TestDeadLetter_HasTheOriginalBytesAsItsBody(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	if err := b.DeadLetter(ctx, deadOf(7, []byte("not json"))); err != nil {
		t.Fatal(err)
	}
	m := readAll(ctx, t, b, broker.StreamDead)[0]
	if string(m.Data()) != "not json" || m.Headers().Get("Recon-Original-traceparent") != "00-1" || m.Headers().Get("Recon-Source-Seq") != "7" {
		t.Errorf("kept as %v %s", m.Headers(), m.Data())
	}
	if ref, err := broker.ParseDeadSubject(m.Subject()); err != nil || ref.Seq != 7 || ref.Stream != broker.StreamPayments || ref.Payment != "p.1" {
		t.Errorf("kept under %s: %+v, %v", m.Subject(), ref, err)
	}
}

// A redelivery comes long after the server has forgotten ids, and may be judged
// differently, by newer code or another configuration.
func TestDeadLetter_IsKeptOnce_HoweverOftenTheMessageComes(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		b, ctx := brokertest.Start(t), days(t, 3)
		for _, reason := range []string{"not_json", "not_json", "unknown_currency"} {
			d := deadOf(7, []byte("x"))
			d.Reason, d.Payment = reason, reason
			if err := b.DeadLetter(ctx, d); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Hour)
		}
		other := deadOf(7, []byte("x"))
		other.Stage = "deliver"
		for _, d := range []broker.Dead{other, deadOf(8, []byte("x")), deadOf(7, []byte("of a stream made anew"))} {
			if err := b.DeadLetter(ctx, d); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(letters(t, b)); n != 4 {
			t.Errorf("%d letters, want 4: one each for two stages, two sequences and two contents", n)
		}
	})
}

func TestDeadLetter_IsKeptOnce_WhenTheAcknowledgementIsLost(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		w, b, _ := newWire(t)
		ctx := days(t, 1)
		w.loseAnswer("HPUB recon.dead.")
		w.meanwhile(func() { time.Sleep(5 * time.Hour) })
		if err := b.DeadLetter(ctx, deadOf(7, []byte("x"))); err != nil {
			t.Fatal(err)
		}
		if n := len(letters(t, b)); n != 1 {
			t.Errorf("%d letters, want 1", n)
		}
	})
}

// A worker that dies between the pieces leaves no letter, and the next one
// completes it with the pieces that are there.
func TestDeadLetter_IsCompleteOrAbsent(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	want := deadOf(7, noise(3*broker.MaxPayload)) // as if it came from a server with a larger limit
	parts, err := broker.DeadParts(ctx, b, want)
	if err != nil || parts != 3 {
		t.Fatalf("%d pieces are stored without the letter, %v; want all but the first", parts, err)
	}
	if n := len(letters(t, b)); n != 0 {
		t.Fatalf("%d letters can be seen before all pieces are stored", n)
	}
	want.Reason = "too_large"
	if err := b.DeadLetter(ctx, want); err != nil {
		t.Fatal(err)
	}
	all := letters(t, b)
	if len(all) != 1 {
		t.Fatalf("%d letters, want 1", len(all))
	}
	sameSource(t, all[0].Source, want.Source)
}

func TestReadDead_RefusesWhatIsNotWhole(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	if _, err := b.ReadDead(ctx, 1); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("no letter there: %v, want ErrNotFound", err)
	}
	if err := b.DeadLetter(ctx, deadOf(7, noise(2*broker.MaxPayload))); err != nil {
		t.Fatal(err)
	}
	stream, err := b.JetStream().Stream(ctx, broker.StreamDead)
	if err != nil {
		t.Fatal(err)
	}
	last := stream.CachedInfo().State.LastSeq
	if err := stream.DeleteMsg(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := b.ReadDead(ctx, last); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("a letter without one of its pieces: %v, want ErrNotFound", err)
	}
	forged := broker.DeadSubject(broker.DeadRef{Stage: "s", Reason: "r", Stream: "X", Seq: 1, Digest: "0011223344556677"})
	ack, err := b.JetStream().Publish(ctx, forged, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.ReadDead(ctx, ack.Sequence); err == nil {
		t.Error("a letter with other content than its subject says was taken")
	}
}

func TestDeadLetter_NeedsStageAndReason(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	if err := b.DeadLetter(ctx, broker.Dead{Stage: "intake"}); err == nil {
		t.Error("a letter without a reason was kept")
	}
}
