package wire_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/simulation/wire"
)

func TestLink_ChangesNothing_WithoutFaults(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r, ctx := newRig(t), days(t, 30)
		began := time.Now()
		if seq, err := r.behind.AppendStatus(ctx, change(1, 0)); err != nil || seq != 1 {
			t.Fatalf("append: %d, %v", seq, err)
		}
		if time.Since(began) != 0 {
			t.Errorf("the link took %v", time.Since(began))
		}
		last, err := r.beside.LastStatus(ctx, broker.PaymentKey("m", "p"))
		if err != nil || string(last.Body) != "1" || last.Header.Get("ce-id") != "p/1" {
			t.Errorf("stored: %+v, %v", last, err)
		}
	})
}

// What a verdict on the first append leads to: it is stored once whatever
// happens, and the log and the numbers say what happened.
func TestVerdicts_OnAnAppend(t *testing.T) {
	const doubt = 5*time.Second + 25*time.Millisecond // the client's time limit, and its pause
	lost := func(d time.Duration) wire.Fate { return wire.Fate{Lose: d == 0, Delay: d} }
	for _, row := range []struct {
		name  string
		v     wire.Verdict
		took  time.Duration // until it was certain
		calls int           // the append and the questions that follow
	}{
		{"passes", wire.Verdict{}, 0, 1},
		{"is lost", wire.Verdict{Fate: lost(0)}, doubt, 3},          // append, read, append
		{"answer is lost", wire.Verdict{Answer: lost(0)}, doubt, 3}, // append, two reads
		{"is delayed within its time", wire.Verdict{Fate: lost(4 * time.Second)}, 4 * time.Second, 1},
		{"answer is delayed within its time", wire.Verdict{Answer: lost(4 * time.Second)}, 4 * time.Second, 1},
		{"is delayed beyond its time", wire.Verdict{Fate: lost(time.Minute)}, doubt, 3},
		{"answer is delayed beyond its time", wire.Verdict{Answer: lost(time.Minute)}, doubt, 3},
		{"cut before", wire.Verdict{Cut: wire.Before}, doubt, 3},
		{"cut after", wire.Verdict{Cut: wire.After}, doubt, 3},
		{"cut at the answer", wire.Verdict{Cut: wire.Answering}, doubt, 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			brokertest.Bubble(t, func(t *testing.T) {
				r, ctx := newRig(t), days(t, 30)
				r.link.SetPolicy(first(wire.StatusAppend, row.v))
				began, calls := time.Now(), r.link.Counter().Calls()
				if seq, err := r.behind.AppendStatus(ctx, change(1, 0)); err != nil || seq != 1 {
					t.Errorf("append: %d, %v; want sequence 1", seq, err)
				}
				if took := time.Since(began); took != row.took {
					t.Errorf("it took %v, want %v", took, row.took)
				}
				if n := r.link.Counter().Calls() - calls; n != row.calls {
					t.Errorf("%d calls, want %d", n, row.calls)
				}
				if n := r.behind.Conn().Stats().Reconnects; (n == 1) != (row.v.Cut != wire.Never) {
					t.Errorf("%d connections after the first", n)
				}
				time.Sleep(2 * time.Minute) // what was delayed has come
				if n := stored(ctx, t, r.beside, broker.StreamStatus); n != 1 {
					t.Errorf("%d changes are stored, want 1", n)
				}
			})
		})
	}
}

// A change that hangs in the network while another worker writes is refused when
// it arrives, and its writer told so.
func TestDelay_LetsACompetingWriteWin(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r, ctx := newRig(t), days(t, 30)
		r.link.SetPolicy(first(wire.StatusAppend, wire.Verdict{Fate: wire.Fate{Delay: 3 * time.Second}}))
		other := change(1, 0)
		other.ID, other.Body = "other", []byte("what another worker saw")
		time.AfterFunc(time.Second, func() {
			if _, err := r.beside.AppendStatus(ctx, other); err != nil {
				t.Error(err)
			}
		})
		began := time.Now()
		if _, err := r.behind.AppendStatus(ctx, change(1, 0)); !isConflict(err) || time.Since(began) != 3*time.Second {
			t.Errorf("append: %v after %v, want a conflict after 3 s", err, time.Since(began))
		}
	})
}

// The answer "stored" comes after another worker went on from it: late, but true.
func TestDelayedAnswer_ComesAfterACompetingWrite(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r, ctx := newRig(t), days(t, 30)
		r.link.SetPolicy(first(wire.StatusAppend, wire.Verdict{Answer: wire.Fate{Delay: 3 * time.Second}}))
		time.AfterFunc(time.Second, func() {
			if seq, err := r.beside.AppendStatus(ctx, change(2, 1)); err != nil || seq != 2 {
				t.Errorf("the other append: %d, %v", seq, err)
			}
		})
		if seq, err := r.behind.AppendStatus(ctx, change(1, 0)); err != nil || seq != 1 {
			t.Errorf("append: %d, %v; want sequence 1", seq, err)
		}
	})
}

// An acknowledgement that comes after the ack wait meets a message that has been
// given to somebody else, and one that is delayed holds up nothing else.
func TestDelayedAck_ComesTooLate(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r, ctx := newRig(t), days(t, 30)
		due := broker.Due{Subject: broker.PollDue("acc", "m", "p")}
		if err := r.beside.PublishDue(ctx, due); err != nil {
			t.Fatal(err)
		}
		mine, theirs := polls(ctx, t, r.behind), polls(ctx, t, r.beside)
		m, err := mine.Next(jetstream.FetchContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		kinds := make(chan string, 10)
		r.link.SetPolicy(func(f *wire.Frame) wire.Verdict {
			if f.Class != wire.Ack {
				return wire.Verdict{}
			}
			kinds <- f.AckKind()
			return wire.Verdict{Fate: wire.Fate{Delay: time.Minute}}
		})
		if err := m.Ack(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.behind.AppendStatus(ctx, change(1, 0)); err != nil {
			t.Errorf("a call after the delayed one: %v", err)
		}
		began := time.Now()
		again, err := theirs.Next(jetstream.FetchContext(ctx))
		if took := time.Since(began).Truncate(time.Second); err != nil || took != 30*time.Second {
			t.Fatalf("the other consumer: %v after %v, want the message after the ack wait", err, took)
		}
		if err := again.DoubleAck(ctx); err != nil {
			t.Error(err)
		}
		if kind := <-kinds; kind != "+ACK" {
			t.Errorf("the ack is a %s", kind)
		}
	})
}

func TestLostAck_MakesTheMessageComeAgain(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r, ctx := newRig(t), days(t, 30)
		if err := r.beside.PublishDue(ctx, broker.Due{Subject: broker.PollDue("acc", "m", "p")}); err != nil {
			t.Fatal(err)
		}
		c := polls(ctx, t, r.behind)
		r.link.SetPolicy(first(wire.Ack, wire.Verdict{Fate: wire.Fate{Lose: true}}))
		began := time.Now()
		for want, after := range []time.Duration{0, 30 * time.Second} {
			m, err := c.Next(jetstream.FetchContext(ctx))
			if err != nil {
				t.Fatal(err)
			}
			meta, err := m.Metadata()
			if err != nil || int(meta.NumDelivered) != want+1 || time.Since(began).Truncate(time.Second) != after {
				t.Errorf("delivery %d after %v: %v", meta.NumDelivered, time.Since(began), err)
			}
			if err := m.Ack(); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if n := stored(ctx, t, r.beside, broker.StreamWork); n != 0 {
			t.Errorf("%d jobs are left", n)
		}
	})
}

// A delivery that is lost on its way down comes again after the ack wait.
func TestLostDelivery_ComesAgain(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r, ctx := newRig(t), days(t, 30)
		if err := r.beside.PublishDue(ctx, broker.Due{Subject: broker.PollDue("acc", "m", "p")}); err != nil {
			t.Fatal(err)
		}
		c := polls(ctx, t, r.behind)
		r.link.SetPolicy(first(wire.Delivery, wire.Verdict{Fate: wire.Fate{Lose: true}}))
		began := time.Now()
		for {
			m, err := c.Next(jetstream.FetchMaxWait(10 * time.Second))
			if err != nil && time.Since(began) < 5*time.Minute {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := m.DoubleAck(ctx); err != nil {
				t.Fatal(err)
			}
			break
		}
		if took := time.Since(began); took < 30*time.Second || took > 41*time.Second {
			t.Errorf("it came after %v, want the ack wait", took)
		}
	})
}

func TestReplace_MakesAWrongWriter(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*wire.Message)
		ok     bool
	}{
		{"leaves it as it is", func(*wire.Message) {}, false},
		{"strips the expectation", func(m *wire.Message) {
			m.Header.Del("Nats-Expected-Last-Subject-Sequence")
			m.Header.Del("Nats-Expected-Last-Subject-Sequence-Subject")
		}, true},
		{"spells the wildcard of an empty place", func(m *wire.Message) {
			m.Header.Set("Nats-Expected-Last-Subject-Sequence-Subject", "payments.status.*.*.m.another")
			m.Payload = []byte("a body of another length")
		}, true},
		{"has no header at all", func(m *wire.Message) { m.Header = nil }, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			brokertest.Bubble(t, func(t *testing.T) {
				r, ctx := newRig(t), days(t, 30)
				if _, err := r.beside.AppendStatus(ctx, change(1, 0)); err != nil {
					t.Fatal(err)
				}
				r.link.SetPolicy(func(f *wire.Frame) wire.Verdict {
					if f.Class != wire.StatusAppend {
						return wire.Verdict{}
					}
					m := f.Message()
					row.change(m)
					return wire.Verdict{Replace: m}
				})
				second := change(1, 0) // as if nothing were there
				second.ID = "second"
				seq, err := r.behind.AppendStatus(ctx, second)
				if row.ok && (err != nil || seq != 2) || !row.ok && !isConflict(err) {
					t.Errorf("append: %d, %v; want it stored: %t", seq, err, row.ok)
				}
			})
		})
	}
}
