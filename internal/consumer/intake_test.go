package consumer

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
)

// changed gives an object with one field changed, or left out where value is nil.
func with(body map[string]any, field string, value any) map[string]any {
	body = maps.Clone(body)
	body[field] = value
	if value == nil {
		delete(body, field)
	}
	return body
}

func (s *stage) intake() *intake {
	return &intake{broker: s.b, accounts: map[string]*Account{acme: s.options.Accounts[0]}, random: half, log: s.options.Log}
}

func (s *stage) nextCreated() jetstream.Msg {
	return s.next(broker.StreamPayments, intakeName, broker.FilterCreated)
}

// takeIn lets the intake work on a message.
func (s *stage) takeIn(msg jetstream.Msg) {
	s.Helper()
	if err := s.intake().handle(s.ctx, msg, taken()); err != nil {
		s.Fatalf("intake: %v", err)
	}
}

// taken is a slot in use.
func taken() slot {
	slots := newSlots(1)
	p, _ := slots.TryAcquire()
	return p
}

func TestIntake_KeepsEachBadInputWholeAsADeadLetter_AndDelaysNobody(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.provider.tells(s.TB, payment.Pending)
		bad := created("bad")
		inputs := []struct {
			body          any
			reason, field string
		}{
			{[]byte("not json at all"), "not_json", ""},
			{[]byte(`["an array"]`), "not_json", ""},
			{[]byte(""), "not_json", ""},
			{[]byte(`{"id":"half`), "not_json", ""},
			{with(bad, "merchant_id", nil), "invalid", "merchant_id"},
			{with(bad, "amount", "-1.00"), "invalid", "amount"},
			{with(bad, "amount", "1.001"), "invalid", "amount"},
			{with(bad, "currency", "XXX"), "invalid", "currency"},
			{with(bad, "payment_id", strings.Repeat("x", 129)), "invalid", "payment_id"},
			{with(bad, "created_at", "yesterday"), "invalid", "created_at"},
			{with(bad, "reference", nil), "invalid", "reference"},
			{with(bad, "provider", "nobody"), "unknown_provider", "provider"},
			{with(bad, "reference", map[string]string{"invoice": "1"}), "invalid_reference", "reference.order"},
			{with(bad, "metadata", map[string]string{"k": strings.Repeat("x", 70_000)}), "too_large", ""},
			{bytes.Repeat([]byte("x"), 1<<20), "too_large", ""},
		}
		for _, in := range inputs {
			s.announce(in.body)
		}
		s.announce(created("good"))
		began := time.Now()
		s.run()
		time.Sleep(time.Second)

		if all := s.events(); len(all) != 1 || all[0].PaymentID != "good" || all[0].ObservedAt.Sub(began) > time.Second {
			t.Errorf("events: %+v, want the good payment's at once", all)
		}
		if n := s.info(broker.StreamPayments, intakeName).NumAckPending; n != 0 {
			t.Errorf("%d events are not acknowledged", n)
		}
		sources := s.messages(broker.StreamPayments)
		letters := map[string]*jetstream.RawStreamMsg{}
		for _, m := range s.messages(broker.StreamDead) {
			letters[m.Header.Get("Recon-Source-Seq")] = m
		}
		if len(letters) != len(inputs) {
			t.Fatalf("%d dead letters, want %d: %v", len(letters), len(inputs), s.dead())
		}
		for i, in := range inputs {
			m := letters[seqOf(sources[i])]
			if m == nil || !bytes.Equal(m.Data, sources[i].Data) {
				t.Errorf("input %d (%s) is not kept whole", i, in.reason)
				continue
			}
			if got := m.Header.Get("Recon-Reason") + " " + m.Header.Get("Recon-Field"); got != in.reason+" "+in.field {
				t.Errorf("input %d is refused for %q, want %s %s", i, got, in.reason, in.field)
			}
		}
	})
}

func TestIntake_MakesOnePayment_OfTheSameEventTwice(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.provider.tells(s.TB, payment.Pending)
		c := created("p")
		s.announce(c)
		s.announce(c)
		s.announce(with(c, "id", "told-again"))
		s.run()
		time.Sleep(9 * time.Second)
		if all := s.events(); len(all) != 1 || len(s.dead()) != 0 {
			t.Errorf("%d events, dead letters %v; want one event", len(all), s.dead())
		}
		time.Sleep(time.Minute)
		if n := len(s.provider.times("p")); n != 6 {
			t.Errorf("%d looks in 69 s, want 6: one watch", n)
		}
	})
}

func TestIntake_CallsOtherContentAConflict(t *testing.T) {
	for field, value := range map[string]any{
		"amount": "34.00", "currency": "USD", "provider": "acme-2", "reference": map[string]string{"order": "other"},
		"metadata": map[string]string{"k": "v"}, "created_at": "2000-01-01T00:00:00Z",
	} {
		t.Run(field, func(t *testing.T) {
			inBubble(t, func(s *stage) {
				s.provider.tells(s.TB, payment.Pending)
				second := *s.options.Accounts[0]
				second.Name = "acme-2"
				s.options.Accounts = append(s.options.Accounts, &second)
				time.Sleep(time.Second)
				c := created("p")
				s.announce(c)
				s.announce(with(c, field, value))
				s.run()
				time.Sleep(time.Second)
				if all := s.events(); len(all) != 1 {
					t.Errorf("%d events, want 1", len(all))
				}
				if dead := s.dead(); !slices.Equal(dead, []string{"intake/conflict"}) {
					t.Errorf("dead letters %v, want one conflict", dead)
				}
			})
		})
	}
}

// The worker died between the first event and the first timer.
func TestIntake_ArmsTheTimer_WhenItsWorkerDiedBeforeIt(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.begun("p")
		s.announce(created("p"))
		s.takeIn(s.again(s.nextCreated(), s.nextCreated))
		timer, err := s.b.Timer(s.ctx, broker.PollTimer(acme, "m", "p"))
		if err != nil {
			t.Fatalf("no timer was armed: %v", err)
		}
		if w, err := parseWatch(timer.Body); err != nil || w.Seq != 1 || w.Version != 1 || time.Until(timer.At) != 10*time.Second {
			t.Errorf("watch %+v (%v) in %v", w, err, time.Until(timer.At))
		}
	})
}

// A first timer armed over a watch that goes on would begin its clock anew; one
// armed for a watch that has ended would begin that anew.
func TestIntake_ArmsNothing(t *testing.T) {
	cases := map[string]struct {
		prepare func(s *stage, is standing)
		again   bool // the event is delivered for the second time
	}{
		"over a timer": {again: true, prepare: func(s *stage, is standing) {
			w := newWatch(is.state, is.seq)
			w.Planned, w.Clock = time.Hour, time.Hour
			if err := arm(s.ctx, s.b, w, ""); err != nil {
				s.Fatal(err)
			}
		}},
		"beside a due poll": {again: true, prepare: func(s *stage, is standing) {
			if err := s.b.PublishDue(s.ctx, broker.Due{Subject: broker.PollDue(acme, "m", "p")}); err != nil {
				s.Fatal(err)
			}
		}},
		"for a payment closed for good": {again: true, prepare: func(s *stage, is standing) {
			s.changed(s.changed(is, payment.Authorized), payment.Voided)
		}},
		"when told of a payment whose watch has ended": {prepare: func(*stage, standing) {}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *stage) {
				event := created("p")
				c.prepare(s, s.begun("p"))
				s.announce(event)
				msg := s.nextCreated()
				if c.again {
					msg = s.again(msg, s.nextCreated)
				}
				s.takeIn(msg)
				timer, err := s.b.Timer(s.ctx, broker.PollTimer(acme, "m", "p"))
				if err == nil {
					w, _ := parseWatch(timer.Body)
					if w.Clock != time.Hour {
						t.Errorf("a timer was armed: %+v", w)
					}
				} else if !errors.Is(err, broker.ErrNotFound) {
					t.Error(err)
				}
			})
		})
	}
}

// Who may publish anywhere in the account can make JetStream acknowledge onto a
// status subject. Such a message must not keep the payment from beginning.
func TestIntake_BeginsAPayment_OverAForgedStatus(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.forge(broker.StatusSubject("succeeded", acme, "m", "p"), `{"stream":"PAYMENTS","seq":1}`)
		s.forge(broker.StatusSubject("succeeded", "another", "m", "p"), `{"stream":"PAYMENTS","seq":2}`)
		s.announce(created("p"))
		s.takeIn(s.nextCreated())
		if all := s.events(); len(all) != 1 || all[0].Version != 1 || all[0].Status != payment.Pending {
			t.Errorf("events: %+v", all)
		}
		// The same event again is known, by what can be believed.
		s.announce(created("p"))
		s.takeIn(s.nextCreated())
		if dead := s.dead(); len(dead) != 0 {
			t.Errorf("dead letters: %v", dead)
		}
	})
}

func TestIntake_LeavesAPaymentThatNewerCodeWrote(t *testing.T) {
	inBubble(t, func(s *stage) {
		is := s.begun("p")
		d := is.state.Last
		d.Version, d.PreviousStatus, d.SchemaVersion = 2, d.Status, 2
		newer := payment.Event{Type: payment.TypeOf(d.Status), Timestamp: d.ObservedAt, Data: d}
		if _, err := publish(s.ctx, s.b, newer, is); err != nil {
			t.Fatal(err)
		}
		s.announce(created("p"))
		err := s.intake().handle(s.ctx, s.nextCreated(), taken())
		var left *payment.NewerSchemaError
		if !errors.As(err, &left) || len(s.dead()) != 0 {
			t.Errorf("intake: %v, dead letters %v; want the event left to newer code", err, s.dead())
		}
	})
}

// forge publishes what no worker wrote.
func (s *stage) forge(subject, body string) {
	s.Helper()
	if _, err := s.b.JetStream().PublishMsg(s.ctx, &nats.Msg{Subject: subject, Data: []byte(body)}); err != nil {
		s.Fatal(err)
	}
}
