package consumer

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/guard"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

func (s *stage) poller() *poller {
	return &poller{broker: s.b, account: s.options.Accounts[0], ackWait: s.options.AckWait, random: half, log: s.options.Log}
}

func (s *stage) nextDue() jetstream.Msg {
	return s.next(broker.StreamWork, pollerPrefix+acme, broker.PollDueFilter(acme))
}

// poll lets the poller work on a due message.
func (s *stage) poll(msg jetstream.Msg) error {
	s.Helper()
	p, ok := tap{s.guard}.TryAcquire()
	if !ok {
		s.Fatal("the tap gives no permit")
	}
	return s.poller().handle(s.ctx, msg, p)
}

// mustPoll is poll where nothing may fail.
func (s *stage) mustPoll(msg jetstream.Msg) {
	s.Helper()
	if err := s.poll(msg); err != nil {
		s.Fatalf("poll: %v", err)
	}
}

// watched makes a payment that is due now.
func (s *stage) watched(id string) standing {
	s.Helper()
	is := s.begun(id)
	s.due(newWatch(is.state, is.seq))
	return is
}

func (s *stage) due(w watch) {
	s.Helper()
	body, err := w.encode()
	if err != nil {
		s.Fatal(err)
	}
	if err := s.b.PublishDue(s.ctx, broker.Due{Subject: broker.PollDue(w.Account, w.MerchantID, w.PaymentID), Body: body}); err != nil {
		s.Fatal(err)
	}
}

// armed is the payment's next timer; false if it has none.
func (s *stage) armed(id string) (watch, time.Time, bool) {
	s.Helper()
	timer, err := s.b.Timer(s.ctx, broker.PollTimer(acme, "m", id))
	if errors.Is(err, broker.ErrNotFound) {
		return watch{}, time.Time{}, false
	}
	if err != nil {
		s.Fatal(err)
	}
	w, err := parseWatch(timer.Body)
	if err != nil {
		s.Fatal(err)
	}
	return w, timer.At, true
}

func (s *stage) statuses() []payment.Status {
	var all []payment.Status
	for _, d := range s.events() {
		all = append(all, d.Status)
	}
	return all
}

// lastSeq is the last sequence of a stream: how much was ever written to it.
func (s *stage) lastSeq(stream string) uint64 {
	s.Helper()
	is, err := s.b.JetStream().Stream(s.ctx, stream)
	if err != nil {
		s.Fatal(err)
	}
	return is.CachedInfo().State.LastSeq
}

// A poll without news is what happens nearly always: it must cost one write.
func TestPoller_ReadsNothingAndWritesOneMessage_WhenNothingChanged(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.provider.tells(s.TB, payment.Pending)
		s.watched("p")
		msg := s.nextDue()
		before, log := s.lastSeq(broker.StreamWork), s.lastSeq(broker.StreamStatus)
		asked, err := s.b.Conn().SubscribeSync("$JS.API.>")
		if err != nil {
			t.Fatal(err)
		}
		s.mustPoll(msg)
		if err := s.b.Conn().Flush(); err != nil {
			t.Fatal(err)
		}
		if m, err := asked.NextMsg(0); err == nil {
			t.Errorf("the poll asked for %s", m.Subject)
		}
		if _, err := s.b.AckFloor(s.ctx, broker.StreamWork, pollerPrefix+acme); err != nil {
			t.Fatal(err)
		}
		if _, err := asked.NextMsg(time.Second); err != nil {
			t.Error("requests are not seen, so nothing is shown")
		}
		if n := s.lastSeq(broker.StreamWork) - before; n != 1 {
			t.Errorf("%d messages were written, want the timer", n)
		}
		if n := s.lastSeq(broker.StreamStatus) - log; n != 0 {
			t.Errorf("%d status messages were written", n)
		}
	})
}

func TestPoller_PublishesAChangeOnce(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.provider.tells(s.TB, payment.Processing, payment.Processing, payment.Succeeded, payment.Succeeded)
		s.watched("p")
		for range 4 {
			s.mustPoll(s.nextDue())
		}
		want := []payment.Status{payment.Pending, payment.Processing, payment.Succeeded}
		if got := s.statuses(); !slices.Equal(got, want) {
			t.Errorf("published %v, want %v", got, want)
		}
		if w, _, _ := s.armed("p"); w.Version != 3 || w.Seq != 3 || w.Status != payment.Succeeded {
			t.Errorf("watch %+v", w)
		}
	})
}

// Two workers have the same due message; the other one was faster.
func TestPoller_DecidesAnew_OnWhatAnotherWorkerPublished(t *testing.T) {
	rows := []struct {
		name        string
		other, seen payment.Status
		want        []payment.Status
	}{
		{"the same is no news", payment.Processing, payment.Processing, []payment.Status{payment.Pending, payment.Processing}},
		{"something further follows it", payment.Processing, payment.Succeeded, []payment.Status{payment.Pending, payment.Processing, payment.Succeeded}},
		{"a contradiction goes to a person", payment.Succeeded, payment.Failed, []payment.Status{payment.Pending, payment.Succeeded, payment.Review}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(s *stage) {
				is := s.watched("p")
				s.provider.does(func(int, providers.Query) (payment.Observation, error) {
					s.changed(is, row.other)
					time.Sleep(time.Millisecond) // seen after that was told
					return saw(t, row.seen, noon).observation, nil
				})
				s.mustPoll(s.nextDue())
				if got := s.statuses(); !slices.Equal(got, row.want) {
					t.Errorf("published %v, want %v", got, row.want)
				}
				for i, d := range s.events() {
					if d.Version != i+1 || i > 0 && d.PreviousStatus != row.want[i-1] {
						t.Errorf("event %d is version %d after %q", i+1, d.Version, d.PreviousStatus)
					}
				}
				if _, _, ok := s.armed("p"); !ok {
					t.Error("no timer is armed")
				}
			})
		})
	}
}

// A worker that froze with an answer in hand: what it saw is older than what has
// been published since, and so contradicts nothing.
func TestPoller_DropsALook_OlderThanWhatWasPublishedSince(t *testing.T) {
	inBubble(t, func(s *stage) {
		is := s.watched("p")
		w := newWatch(is.state, is.seq)
		old := saw(t, payment.Failed, time.Now())
		time.Sleep(time.Minute)
		s.changed(is, payment.Succeeded)
		after, event, err := s.poller().publish(s.ctx, record(w, old), old)
		if err != nil || event != nil {
			t.Errorf("published %+v, %v", event, err)
		}
		if after.Status != payment.Succeeded || after.Seq != 2 || after.Doubt != nil {
			t.Errorf("the watch goes on as %+v", after)
		}
	})
}

// After a redelivery: was the look made by somebody else?
func TestPoller_DropsARedeliveredMessage_OnlyWhenItsSuccessorIsThere(t *testing.T) {
	rows := map[string]struct {
		prepare func(*stage, watch)
		looks   int
	}{
		"its worker died before the timer":     {func(*stage, watch) {}, 1},
		"the next timer is armed":              {func(s *stage, w watch) { s.rearm(w) }, 0},
		"the next timer has come due already":  {func(s *stage, w watch) { s.due(w) }, 0},
		"its acknowledgement came in the mean": {func(s *stage, _ watch) { s.finishDue("p") }, 0},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *stage) {
				s.provider.tells(s.TB, payment.Pending)
				is := s.watched("p")
				msg := s.again(s.nextDue(), s.nextDue)
				row.prepare(s, newWatch(is.state, is.seq))
				s.mustPoll(msg)
				if n := len(s.provider.times("p")); n != row.looks {
					t.Errorf("%d looks, want %d", n, row.looks)
				}
			})
		})
	}
}

func (s *stage) rearm(w watch) {
	s.Helper()
	w.Planned, w.Answered = time.Hour, 99
	if err := arm(s.ctx, s.b, w, ""); err != nil {
		s.Fatal(err)
	}
}

// finishDue removes the due message of a payment, as another worker's
// acknowledgement does.
func (s *stage) finishDue(id string) {
	s.Helper()
	is, err := s.b.JetStream().Stream(s.ctx, broker.StreamWork)
	if err != nil {
		s.Fatal(err)
	}
	if err := is.Purge(s.ctx, jetstream.WithPurgeSubject(broker.PollDue(acme, "m", id))); err != nil {
		s.Fatal(err)
	}
}

// A worker that was frozen for longer than the ack wait must not put its old
// watch over the timer of the worker that took the message over.
func TestPoller_LeavesTheNewerTimer_WhenItWasFrozen(t *testing.T) {
	inBubble(t, func(s *stage) {
		is := s.watched("p")
		s.provider.does(func(int, providers.Query) (payment.Observation, error) {
			time.Sleep(s.options.AckWait)
			s.rearm(newWatch(is.state, is.seq))
			return saw(t, payment.Pending, noon).observation, nil
		})
		s.mustPoll(s.nextDue())
		if w, _, _ := s.armed("p"); w.Answered != 99 {
			t.Errorf("the timer is now %+v", w)
		}
	})
}

func TestPoller_EndsTheWatch(t *testing.T) {
	rows := map[string]struct {
		status payment.Status
		since  time.Duration
		seen   payment.Status
	}{
		"of a refunded payment":               {payment.Succeeded, time.Hour, payment.Refunded},
		"of a success after 14 days":          {payment.Succeeded, 14 * 24 * time.Hour, payment.Succeeded},
		"of a failure after 72 hours":         {payment.Failed, 72 * time.Hour, payment.Failed},
		"of one given up, after 14 days more": {payment.Unknown, 14 * 24 * time.Hour, payment.Pending},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *stage) {
				s.provider.tells(s.TB, row.seen)
				is := s.begun("p")
				if row.status == payment.Unknown {
					next, err := publish(s.ctx, s.b, payment.GiveUp(is.state, row.status, "", payment.Look{At: time.Now()}), is)
					if err != nil {
						t.Fatal(err)
					}
					is = next
				} else {
					is = s.changed(is, row.status)
				}
				w := newWatch(is.state, is.seq)
				w.Since = time.Now().Add(-row.since)
				s.due(w)
				s.mustPoll(s.nextDue())
				if w, _, ok := s.armed("p"); ok {
					t.Errorf("a timer is armed: %+v", w)
				}
				synctest.Wait() // for the acknowledgement
				if n := len(s.messages(broker.StreamWork)); n != 0 {
					t.Errorf("%d messages are left", n)
				}
			})
		})
	}
}

// The stop came while the provider was asked: no verdict on anybody.
func TestPoller_CountsNothing_WhenItIsCutShort(t *testing.T) {
	inBubble(t, func(s *stage) {
		work, cut := context.WithCancel(s.ctx)
		s.provider.does(func(int, providers.Query) (payment.Observation, error) {
			cut()
			return payment.Observation{}, &providers.Error{Kind: providers.Unavailable, Doing: "ask"}
		})
		s.watched("p")
		p, _ := tap{s.guard}.TryAcquire()
		if err := s.poller().handle(work, s.nextDue(), p); !errors.Is(err, context.Canceled) {
			t.Errorf("poll: %v", err)
		}
		if _, _, ok := s.armed("p"); ok {
			t.Error("a timer is armed")
		}
		if is := s.guard.Snapshot(); is.Failures != 0 || is.InUse != 0 {
			t.Errorf("the guard counts %d failures and %d calls", is.Failures, is.InUse)
		}
	})
}

// Other looks closed the tap between two requests of one look.
func TestPoller_HandsBackALook_ThatTheTapCutInTwo(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.provider.does(func(int, providers.Query) (payment.Observation, error) {
			return payment.Observation{}, &providers.Error{Kind: providers.Unavailable, Doing: "ask", Cause: providers.ErrHeld}
		})
		s.watched("p")
		s.mustPoll(s.nextDue())
		if _, _, ok := s.armed("p"); ok {
			t.Error("a timer is armed, as if the look had been answered")
		}
		if msg := s.nextDue(); !redelivered(msg) {
			t.Error("the due message did not come again")
		}
	})
}

// slowLease is a fleet that answers late.
type slowLease time.Duration

func (l slowLease) Lease(context.Context, string) (bool, error) {
	time.Sleep(time.Duration(l))
	return true, nil
}

// The broker's answer took so long that another worker has the message before the
// provider has answered.
func TestPoller_AsksNothing_WhenItWasHeldUp(t *testing.T) {
	for held, looks := range map[time.Duration]int{2*time.Second - 1: 1, 2 * time.Second: 0} {
		inBubble(t, func(s *stage) {
			s.options.AckWait = 4 * time.Second
			s.provider.tells(s.TB, payment.Pending)
			s.watched("p")
			p, _ := tap{s.guard}.TryAcquire()
			p.Done(guard.Open("refused"))
			msg := s.nextDue()
			time.Sleep(time.Until(s.guard.Snapshot().ReopensAt))
			probe, _ := tap{s.guard}.Acquire(s.ctx)
			poller := s.poller()
			poller.account.Fleet = slowLease(held)
			err := poller.handle(s.ctx, msg, probe)
			if n := len(s.provider.times("p")); n != looks || errors.Is(err, errHeldUp) == (looks == 1) {
				t.Errorf("held up for %v: %d looks, %v", held, n, err)
			}
		})
	}
}

// The tap closed between the pull and the call.
func TestPoller_HandsBackUnasked_WhenTheTapHasClosed(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.watched("p")
		p, _ := tap{s.guard}.TryAcquire()
		other, _ := tap{s.guard}.TryAcquire()
		other.Done(guard.Open("refused"))
		if err := s.poller().handle(s.ctx, s.nextDue(), p); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if msg := s.nextDue(); !redelivered(msg) || time.Since(began) > time.Second {
			t.Errorf("it came again after %v", time.Since(began))
		}
		if n := len(s.provider.times("p")); n != 0 {
			t.Errorf("%d looks, want none", n)
		}
	})
}
