package consumer

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// What reached our subjects without a worker having written it, and what newer
// code wrote.

func TestPoller_MakesADeadLetter_OfWhatNoWorkerWrote(t *testing.T) {
	rows := map[string]struct {
		reason string
		forge  func(s *stage, is standing)
	}{
		"an acknowledgement": {"poll/forged", func(s *stage, _ standing) {
			s.forge(broker.PollDue(acme, "m", "p"), `{"stream":"PAYMENTS","seq":1}`)
		}},
		"no JSON": {"poll/forged", func(s *stage, _ standing) { s.forge(broker.PollDue(acme, "m", "p"), "x") }},
		"another payment's watch": {"poll/forged", func(s *stage, is standing) {
			body, _ := newWatch(is.state, is.seq).encode()
			s.forge(broker.PollDue(acme, "m", "other"), string(body))
		}},
		"another account's watch": {"poll/forged", func(s *stage, is standing) {
			w := newWatch(is.state, is.seq)
			w.Account = "other"
			body, _ := w.encode()
			s.forge(broker.PollDue(acme, "m", "p"), string(body))
		}},
		"a payment that the log does not know": {"poll/no_state", func(s *stage, is standing) {
			w := newWatch(is.state, is.seq)
			w.PaymentID = "ghost"
			s.due(w)
		}},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *stage) {
				s.provider.tells(s.TB, payment.Processing)
				row.forge(s, s.begun("p"))
				s.mustPoll(s.nextDue())
				if dead := s.dead(); !slices.Equal(dead, []string{row.reason}) {
					t.Errorf("dead letters %v, want %s", dead, row.reason)
				}
				synctest.Wait() // for the acknowledgement
				if n := s.lastSeq(broker.StreamStatus); n != 1 {
					t.Errorf("%d status messages, want 1", n)
				}
				if n := len(s.messages(broker.StreamWork)); n != 0 {
					t.Errorf("%d messages are left", n)
				}
			})
		})
	}
}

// The type of a field may change with the schema: reading it as ours would make
// a dead letter of a payment's only timer.
func TestPoller_LeavesAWatchThatNewerCodeWrote(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.forge(broker.PollDue(acme, "m", "p"), `{"schema":2,"clock":"1h","status":{"now":"pending"}}`)
		var left *payment.NewerSchemaError
		if err := s.poll(s.nextDue()); !errors.As(err, &left) || left.Version != 2 || len(s.dead()) != 0 {
			t.Errorf("poll: %v, dead letters %v", err, s.dead())
		}
	})
}

func TestPoller_PublishesPastAForgedStatus(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.provider.tells(s.TB, payment.Processing, payment.Succeeded)
		s.watched("p")
		s.forge(broker.StatusSubject("refunded", acme, "m", "p"), `{"stream":"PAYMENTS","seq":1}`)
		s.mustPoll(s.nextDue())
		s.mustPoll(s.nextDue())
		want := []payment.Status{payment.Pending, payment.Processing, payment.Succeeded}
		if got := s.statuses(); !slices.Equal(got, want) {
			t.Errorf("published %v, want %v", got, want)
		}
	})
}

func TestPoller_TreatsAPanicOfTheAdapterAsAnUnreadableAnswer(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.provider.does(func(int, providers.Query) (payment.Observation, error) { panic("no such field") })
		s.watched("p")
		s.mustPoll(s.nextDue())
		w, at, ok := s.armed("p")
		if !ok || time.Until(at) != 10*time.Second || len(w.Looks) != 1 || w.Looks[0].Saw != "unreadable" || w.Clock != 0 {
			t.Errorf("watch %+v in %v", w, time.Until(at))
		}
		if s.guard.Snapshot().InUse != 0 {
			t.Error("a permit stays out")
		}
	})
}

// Who may publish anywhere in the account can make JetStream acknowledge onto the
// webhook log. That must not pass for a delivery.
func TestDeliverer_BelievesNoForgedRecord(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.endpoint("shop")
		s.changed(s.begun("p"), payment.Succeeded)
		for version := 1; version <= 2; version++ {
			ref := broker.WebhookRef{Merchant: "m", Endpoint: "shop", Payment: "p", Version: version}
			s.forge(broker.WebhookLogSubject(outcomeDelivered, ref), `{"stream":"PAYMENTS","seq":1}`)
		}
		s.run()
		time.Sleep(time.Minute)
		if got := s.shop.versions("shop"); !slices.Equal(got, []int{1, 2}) {
			t.Errorf("versions %v arrived", got)
		}
	})
}

func TestDeliverer_MakesADeadLetter_OfWhatNoWorkerWrote(t *testing.T) {
	rows := map[string]func(*job, *jobMsg){
		"no header":        func(_ *job, m *jobMsg) { m.header = "" },
		"another payment":  func(j *job, _ *jobMsg) { j.PaymentID = "q" },
		"another version":  func(j *job, _ *jobMsg) { j.Version = 2 },
		"another endpoint": func(j *job, _ *jobMsg) { j.Endpoint = "other" },
		"no event":         func(_ *job, m *jobMsg) { m.body = "{}" },
	}
	for name, forge := range rows {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *stage) {
				s.endpoint("shop")
				s.begun("p")
				s.forgeJob(forge)
				s.mustDeliver(s.nextJob())
				if dead := s.dead(); !slices.Equal(dead, []string{"webhook/forged"}) {
					t.Errorf("dead letters %v", dead)
				}
				if n := len(s.shop.deliveries("shop")); n != 0 {
					t.Errorf("%d attempts", n)
				}
			})
		})
	}
}

func TestDeliverer_LeavesAJobThatNewerCodeWrote(t *testing.T) {
	rows := map[string]func(*job, *jobMsg){
		"the job": func(_ *job, m *jobMsg) { m.header = `{"schema":3,"version":"1"}` },
		"the event": func(_ *job, m *jobMsg) {
			m.body = strings.Replace(m.body, `"schema_version":1`, `"schema_version":2`, 1)
		},
	}
	for name, forge := range rows {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *stage) {
				s.endpoint("shop")
				s.begun("p")
				s.forgeJob(forge)
				var left *payment.NewerSchemaError
				if err := s.deliverer().handle(s.ctx, s.nextJob(), taken()); !errors.As(err, &left) || len(s.dead()) != 0 {
					t.Errorf("deliver: %v, dead letters %v", err, s.dead())
				}
			})
		})
	}
}

// jobMsg is a job's message before it is published.
type jobMsg struct{ header, body string }

// forgeJob publishes the job of the first event's webhook, changed.
func (s *stage) forgeJob(change func(*job, *jobMsg)) {
	s.Helper()
	s.dispatch()
	msg := s.nextJob()
	j, err := readJob(msg)
	if err != nil {
		s.Fatal(err)
	}
	if err := msg.DoubleAck(s.ctx); err != nil {
		s.Fatal(err)
	}
	due := broker.Due{Subject: j.dueSubject()}
	m := &jobMsg{header: "-", body: string(j.Body)}
	change(&j, m)
	if due.Header, err = j.header(); err != nil {
		s.Fatal(err)
	}
	if m.header != "-" {
		due.Header.Set(headerJob, m.header)
	}
	due.Body = []byte(m.body)
	if err := s.b.PublishDue(s.ctx, due); err != nil {
		s.Fatal(err)
	}
}
