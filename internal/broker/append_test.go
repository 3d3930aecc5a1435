package broker_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
)

func withSubjects(filter string) jetstream.StreamInfoOpt { return jetstream.WithSubjectFilter(filter) }

// change is version n of one payment.
func change(payment string, n int, expected uint64) broker.Append {
	key := broker.StatusKey("acc", "m", payment)
	if n == 1 {
		key = broker.PaymentKey("m", payment)
	}
	return broker.Append{
		Subject: broker.StatusSubject("pending", "acc", "m", payment), Key: key,
		Expected: expected, ID: payment + "/" + strconv.Itoa(n), Body: []byte(strconv.Itoa(n)),
		Header: nats.Header{"ce-id": {payment + "/" + strconv.Itoa(n)}},
	}
}

func isConflict(err error) bool {
	var conflict *broker.ConflictError
	return errors.As(err, &conflict)
}

func TestAppendStatus_StoresHeaderBodyAndOrder(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	key := broker.PaymentKey("m", "p")
	if _, err := b.LastStatus(ctx, key); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("the state of an unknown payment: %v, want ErrNotFound", err)
	}
	first, err := b.AppendStatus(ctx, change("p", 1, 0))
	if err != nil {
		t.Fatal(err)
	}
	second, err := b.AppendStatus(ctx, change("p", 2, first))
	if err != nil {
		t.Fatal(err)
	}
	last, err := b.LastStatus(ctx, key)
	if err != nil || last.Seq != second || string(last.Body) != "2" || last.Header.Get("ce-id") != "p/2" || last.Header.Get(nats.MsgIdHdr) != "p/2" {
		t.Errorf("the last change is %+v, %v", last, err)
	}
	if at, err := b.StatusAt(ctx, first); err != nil || string(at.Body) != "1" || at.Subject != broker.StatusSubject("pending", "acc", "m", "p") {
		t.Errorf("the first change is %+v, %v", at, err)
	}
	if _, err := b.StatusAt(ctx, second+1); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("a change that is not there: %v, want ErrNotFound", err)
	}
}

func TestAppendStatus_Conflicts_WhenSomethingElseIsStored(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	first, err := b.AppendStatus(ctx, change("p", 1, 0))
	if err != nil {
		t.Fatal(err)
	}
	other := change("p", 1, 0)
	other.Subject, other.ID = broker.StatusSubject("failed", "another-account", "m", "p"), "other"
	for name, a := range map[string]broker.Append{
		"a first version of its own":       change("p", 9, 0),
		"one under another account":        other,
		"one that expects what never was":  change("p", 2, first+5),
		"the very same, in a second life":  change("p", 1, 0),
		"the same version, other contents": {Subject: other.Subject, Key: other.Key, ID: "p/1", Body: []byte("x")},
	} {
		if seq, err := b.AppendStatus(ctx, a); !isConflict(err) {
			t.Errorf("%s: %d, %v; want a conflict", name, seq, err)
		}
	}
	if n := count(ctx, t, b, broker.StreamStatus, broker.FilterStatus); n != 1 {
		t.Errorf("%d changes are stored, want 1", n)
	}
}

func TestAppendStatus_RefusesWhatNoCallerMaySend(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	noID, noKey, power, hidden := change("p", 1, 0), change("p", 1, 0), change("p", 1, 0), change("p", 1, 0)
	noID.ID, noKey.Key = "", ""
	power.Header = nats.Header{"Nats-Rollup": {"all"}}
	hidden.Header = nats.Header{"nats-ttl": {"1s"}}
	for name, a := range map[string]broker.Append{"no id": noID, "no key": noKey, "a header with power": power, "one in small letters": hidden} {
		if _, err := b.AppendStatus(ctx, a); err == nil || isConflict(err) {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
}

// Two workers see the same payments and append as fast as they can, under the
// same ids and with words of their own: every version exists once, in order,
// whoever wrote it.
func TestAppendStatus_GivesVersionsWithoutGap_WhenWorkersRace(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	const payments, workers, each = 200, 2, 3
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for p := range payments {
				for range each {
					appendNext(ctx, t, b, fmt.Sprint("p", p), w)
				}
			}
		})
	}
	all.Wait()
	versions := map[string]int{}
	for _, m := range readAll(ctx, t, b, broker.StreamStatus) {
		_, of, err := broker.ParseStatusSubject(m.Subject())
		if err != nil {
			t.Fatal(err)
		}
		versions[of.Payment]++
		if got := versionIn(m.Data()); got != versions[of.Payment] {
			t.Errorf("%s: version %d stored as number %d", of.Payment, got, versions[of.Payment])
		}
	}
	if len(versions) != payments {
		t.Errorf("%d payments are stored, want %d", len(versions), payments)
	}
	for p, n := range versions {
		if n != workers*each {
			t.Errorf("%s has %d versions, want %d", p, n, workers*each)
		}
	}
}

// appendNext adds the next version of a payment, as a worker of that number.
func appendNext(ctx context.Context, t *testing.T, b *broker.Broker, payment string, worker int) {
	for {
		last, err := b.LastStatus(ctx, broker.PaymentKey("m", payment))
		if err != nil && !errors.Is(err, broker.ErrNotFound) {
			t.Error(err)
			return
		}
		next := change(payment, versionIn(last.Body)+1, last.Seq)
		next.Body = fmt.Appendf(next.Body, " by worker %d", worker)
		_, err = b.AppendStatus(ctx, next)
		if !isConflict(err) {
			if err != nil {
				t.Error(err)
			}
			return
		}
	}
}

// versionIn reads the number a change's body begins with; 0 for no change.
func versionIn(body []byte) int {
	number, _, _ := strings.Cut(string(body), " ")
	n, _ := strconv.Atoi(number)
	return n
}

// readAll gives every message of a stream, oldest first.
func readAll(ctx context.Context, t *testing.T, b *broker.Broker, stream string) []jetstream.Msg {
	t.Helper()
	s, err := b.JetStream().Stream(ctx, stream)
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	var all []jetstream.Msg
	for range s.CachedInfo().State.Msgs {
		m, err := consumer.Next(jetstream.FetchContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

func TestAppendStatus_FindsItsOwn_WhenTheAcknowledgementIsLost(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		w, b, _ := newWire(t)
		w.loseAnswer("payments.status.pending")
		w.meanwhile(func() {})
		ctx := brokertest.Context(t)
		seq, err := b.AppendStatus(ctx, change("p", 1, 0))
		if err != nil || seq != 1 {
			t.Errorf("append: %d, %v; want sequence 1", seq, err)
		}
		if n := count(ctx, t, b, broker.StreamStatus, broker.FilterStatus); n != 1 {
			t.Errorf("%d changes are stored, want 1", n)
		}
	})
}

func TestAppendStatus_TriesAgain_WhenTheRequestIsLost(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		w, b, _ := newWire(t)
		w.loseRequest("payments.status.pending")
		w.meanwhile(func() {})
		ctx := brokertest.Context(t)
		seq, err := b.AppendStatus(ctx, change("p", 1, 0))
		if err != nil || seq != 1 {
			t.Errorf("append: %d, %v; want sequence 1", seq, err)
		}
		if n := count(ctx, t, b, broker.StreamStatus, broker.FilterStatus); n != 1 {
			t.Errorf("%d changes are stored, want 1", n)
		}
	})
}

func TestAppendStatus_FindsItsOwn_EvenUnderneathALaterChange(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		w, b, beside := newWire(t)
		ctx := brokertest.Context(t)
		w.loseAnswer("payments.status.pending")
		w.meanwhile(func() {
			if _, err := beside.AppendStatus(ctx, change("p", 2, 1)); err != nil {
				t.Error(err)
			}
		})
		if seq, err := b.AppendStatus(ctx, change("p", 1, 0)); err != nil || seq != 1 {
			t.Errorf("append: %d, %v; want sequence 1", seq, err)
		}
	})
}

func TestAppendStatus_Conflicts_WhenAnotherTookThePlaceOfALostRequest(t *testing.T) {
	for name, same := range map[string]bool{"under an id of its own": false, "under the same id with other bytes": true} {
		t.Run(name, func(t *testing.T) {
			brokertest.Bubble(t, func(t *testing.T) {
				w, b, beside := newWire(t)
				ctx := brokertest.Context(t)
				other := change("p", 1, 0)
				other.Body = []byte("what another worker saw")
				if !same {
					other.ID = "another"
				}
				w.loseRequest("payments.status.pending")
				w.meanwhile(func() {
					if _, err := beside.AppendStatus(ctx, other); err != nil {
						t.Error(err)
					}
				})
				if seq, err := b.AppendStatus(ctx, change("p", 1, 0)); !isConflict(err) {
					t.Errorf("append: %d, %v; want a conflict", seq, err)
				}
			})
		})
	}
}

func TestAppendStatus_ClaimsNothing_WhenTheBrokerStaysAway(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		w, b, _ := newWire(t)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		began := time.Now()
		w.loseAnswer("payments.status.pending")
		_, err := b.AppendStatus(ctx, change("p", 1, 0))
		if !errors.Is(err, context.DeadlineExceeded) || isConflict(err) {
			t.Errorf("append: %v, want the context's error", err)
		}
		if waited := time.Since(began); waited != 3*time.Minute {
			t.Errorf("it gave up after %v, want 3 minutes", waited)
		}
		close(w.mended)
	})
}

func TestResolve_JudgesByWhatFollowsTheExpected(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	var seqs []uint64
	for n := range 4 { // one change of another payment between each two
		for _, payment := range []string{"p", "other"} {
			last, err := b.LastStatus(ctx, broker.PaymentKey("m", payment))
			if err != nil && n > 0 {
				t.Fatal(err)
			}
			seq, err := b.AppendStatus(ctx, change(payment, n+1, last.Seq))
			if err != nil {
				t.Fatal(err)
			}
			if payment == "p" {
				seqs = append(seqs, seq)
			}
		}
	}
	otherID, otherBody := change("p", 2, seqs[0]), change("p", 2, seqs[0])
	otherID.ID, otherBody.Body = "x", []byte("x")
	for _, row := range []struct {
		name    string
		a       broker.Append
		doubt   bool
		seq     uint64
		decided bool
	}{
		{"nothing has followed yet", change("p", 5, seqs[3]), true, 0, false},
		{"nothing is stored at all", change("new", 1, 0), true, 0, false},
		{"ours is the last", change("p", 4, seqs[2]), true, seqs[3], true},
		{"ours lies under later ones", change("p", 2, seqs[0]), true, seqs[1], true},
		{"ours was the first", change("p", 1, 0), true, seqs[0], true},
		{"another id", otherID, true, 0, true},
		{"other bytes", otherBody, true, 0, true},
		{"the same bytes, but no attempt in doubt", change("p", 4, seqs[2]), false, 0, true},
		{"what was expected is gone", change("p", 5, seqs[3]+100), true, 0, true},
	} {
		seq, decided, err := broker.Resolve(ctx, b, row.a, row.doubt)
		if err != nil || seq != row.seq || decided != row.decided {
			t.Errorf("%s: %d, %t, %v; want %d, %t", row.name, seq, decided, err, row.seq, row.decided)
		}
	}
}

// The server forgets an id only after two minutes, also when its message was
// erased; until then it would drop ours and call it stored.
func TestAppendStatus_StoresAgain_WhatWasErased(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		b, ctx := brokertest.Start(t), days(t, 1)
		if _, err := b.AppendStatus(ctx, change("p", 1, 0)); err != nil {
			t.Fatal(err)
		}
		stream, err := b.JetStream().Stream(ctx, broker.StreamStatus)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.SecureDeleteMsg(ctx, 1); err != nil {
			t.Fatal(err)
		}
		seq, err := b.AppendStatus(ctx, change("p", 1, 0))
		if err != nil || seq != 2 {
			t.Errorf("append: %d, %v; want sequence 2", seq, err)
		}
		if last, err := b.LastStatus(ctx, broker.PaymentKey("m", "p")); err != nil || last.Seq != 2 {
			t.Errorf("the state is %+v, %v", last, err)
		}
	})
}

// alarm closes its channel at the first line that is logged.
type alarm struct {
	once sync.Once
	rang chan struct{}
}

func (a *alarm) Write(p []byte) (int, error) {
	a.once.Do(func() { close(a.rang) })
	return len(p), nil
}

// A full disk refuses for as long as it is full; nothing may be given up or lost.
func TestPublishes_GoOn_WhenTheStoreHasRoomAgain(t *testing.T) {
	s := foreign(t, server.Options{JetStream: true, JetStreamMaxStore: 1 << 20})
	conn, err := broker.Connect(brokertest.Context(t), broker.ConnectOptions{URL: s.ClientURL()}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	refused, ctx := &alarm{rang: make(chan struct{})}, brokertest.Context(t)
	b, err := broker.New(ctx, broker.Options{Conn: conn, Log: zerolog.New(refused).Level(zerolog.WarnLevel)})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Provision(ctx, broker.ProvisionOptions{}); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = b.JetStream().Publish(ctx, broker.CreatedSubject("m", "p"), noise(100<<10))
	}
	var all sync.WaitGroup
	for name, f := range map[string]func() error{
		"append": func() error { _, err := b.AppendStatus(ctx, change("p", 1, 0)); return err },
		"arm":    func() error { return b.Arm(ctx, pollTimer("p", time.Now().Add(time.Hour), "x")) },
		"due":    func() error { return b.PublishDue(ctx, broker.Due{Subject: broker.PollDue("acc", "m", "p")}) },
		"record": func() error { return b.AppendLog(ctx, record("failed", 1)) },
		"bury":   func() error { return b.DeadLetter(ctx, deadOf(7, []byte("x"))) },
	} {
		all.Go(func() {
			if err := f(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	<-refused.rang // one of them has been refused six times
	payments, err := b.JetStream().Stream(ctx, broker.StreamPayments)
	if err != nil {
		t.Fatal(err)
	}
	if err := payments.Purge(ctx); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	for _, stream := range []string{broker.StreamStatus, broker.StreamWork, broker.StreamWebhookLog, broker.StreamDead} {
		if n := count(ctx, t, b, stream, ">"); n == 0 {
			t.Errorf("%s is empty", stream)
		}
	}
}
