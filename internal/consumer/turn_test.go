package consumer

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
	"reconciler/internal/guard"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

func TestRampTurn_YoungFirst_DecidedLast(t *testing.T) {
	from, until := noon, noon.Add(5*time.Minute)
	third := 100 * time.Second
	rows := []struct {
		name   string
		status payment.Status
		age    time.Duration
		at     time.Duration // into the ramp
		spread float64
		want   time.Duration // into the ramp
	}{
		{"young, at once", payment.Pending, 59 * time.Minute, 0, 0.5, 0},
		{"young and waiting for its payer, at once", payment.RequiresAction, time.Minute, time.Second, 0.5, time.Second},
		{"older, after a third", payment.Pending, time.Hour, 0, 0, third},
		{"older, scattered", payment.Processing, 5 * time.Hour, 0, 0.5, third + third/2},
		{"older, its third is over", payment.Pending, time.Hour, third, 0.9, third},
		{"authorized is not young", payment.Authorized, time.Minute, 0, 0, third},
		{"paid, after the ramp", payment.Succeeded, time.Minute, 0, 0, 3 * third},
		{"paid, scattered", payment.Succeeded, time.Minute, third, 0.9, 3*third + 9*third/10},
		{"failed, after the ramp", payment.Failed, time.Minute, 0, 0, 3 * third},
		{"given up, after the ramp", payment.Unknown, 80 * time.Hour, 0, 0, 3 * third},
		{"under review, after the ramp", payment.Review, time.Hour, 0, 0, 3 * third},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			now := from.Add(row.at)
			w := watching(t, row.status)
			w.CreatedAt = now.Add(-row.age)
			if got := rampTurn(w, now, from, until, row.spread).Sub(from); got != row.want {
				t.Errorf("turn after %v, want %v", got, row.want)
			}
		})
	}
}

func TestElapsed_RunsByThePlan_OrLessAfterAHint(t *testing.T) {
	looked := watching(t, payment.Pending)
	looked.Planned = 10 * time.Minute
	looked.Looks = looks(nil).add("pending", noon.Add(time.Minute))
	fresh := watching(t, payment.Pending)
	rows := []struct {
		name    string
		w       watch
		trigger payment.Trigger
		at      time.Duration
		want    time.Duration
	}{
		{"a poll in time", looked, payment.TriggerPoll, 11 * time.Minute, 10 * time.Minute},
		{"a poll after an outage", looked, payment.TriggerPoll, 6 * time.Hour, 10 * time.Minute},
		{"a hint", looked, payment.TriggerHint, 3 * time.Minute, 2 * time.Minute},
		{"a hint after an outage", looked, payment.TriggerHint, 6 * time.Hour, 10 * time.Minute},
		{"a hint before the first look", fresh, payment.TriggerHint, 4 * time.Second, 4 * time.Second},
		{"a clock that went back", looked, payment.TriggerHint, -time.Hour, 0},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got := elapsed(row.w, row.trigger, noon.Add(row.at)); got != row.want {
				t.Errorf("%v, want %v", got, row.want)
			}
		})
	}
}

// After an outage the payments whose payers wait go first, and nothing is lost or
// counted for those who wait.
func TestPoller_AfterAnOutage_AsksAboutTheYoungestFirst(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.guard = newGuard(t, guard.Options{
			Name: acme, Rate: 20, Burst: 1, Concurrency: 16, TimeLimit: 10 * time.Second, Consecutive: 3,
			Reopen: []time.Duration{time.Minute, 10 * time.Minute}, Ramp: 5 * time.Minute,
		})
		s.options.Accounts[0].Guard = s.guard
		began := time.Now()
		up := began.Add(3 * time.Hour)
		s.provider.does(func(_ int, q providers.Query) (payment.Observation, error) {
			paid := q.Reference["order"][0] == 'd'
			switch now := time.Now(); {
			case paid && now.Before(began.Add(time.Minute)):
				return saw(t, payment.Succeeded, noon).observation, nil
			case now.After(began.Add(time.Minute)) && now.Before(up):
				return payment.Observation{}, &providers.Error{Kind: providers.Unavailable, Doing: "ask"}
			case paid:
				return saw(t, payment.Succeeded, noon).observation, nil
			}
			return saw(t, payment.Pending, noon).observation, nil
		})
		const each = 30
		for i := range each {
			s.announce(created(fmt.Sprint("decided-", i)))
			s.announce(created(fmt.Sprint("old-", i)))
		}
		s.run()
		time.Sleep(time.Until(up.Add(-5 * time.Minute)))
		for i := range each {
			s.announce(created(fmt.Sprint("young-", i)))
		}
		time.Sleep(time.Until(up.Add(30 * time.Minute)))

		first := func(kind string) []time.Time {
			var at []time.Time
			for i := range each {
				for _, when := range s.provider.times(fmt.Sprint(kind, "-", i)) {
					if when.After(up) {
						at = append(at, when)
						break
					}
				}
			}
			slices.SortFunc(at, time.Time.Compare)
			return at
		}
		// The probe may be any payment's: it is left out.
		young, old, decided := first("young"), first("old"), first("decided")
		if len(young) != each || len(old) != each || len(decided) != each {
			t.Fatalf("asked about %d, %d and %d after the outage, want %d of each", len(young), len(old), len(decided), each)
		}
		if !young[each-1].Before(old[1]) || !old[each-1].Before(decided[1]) {
			t.Errorf("young until %v, old from %v until %v, decided from %v", young[each-1], old[1], old[each-1], decided[1])
		}
		for _, d := range s.events() {
			if d.Status == payment.Unknown || d.Status == payment.Expired || d.Status == payment.Review {
				t.Errorf("%s became %s", d.PaymentID, d.Status)
			}
		}
	})
}

// hasten puts a payment's look on its due subject, as a hint does, if it has a
// timer at this moment.
func (s *stage) hasten(id string) {
	s.Helper()
	of := broker.PollTimer(acme, "m", id)
	timer, err := s.b.Timer(s.ctx, of)
	if errors.Is(err, broker.ErrNotFound) {
		return
	}
	if err != nil {
		s.Fatal(err)
	}
	if time.Until(timer.At) < time.Second {
		return // fired early in the instant it fires, it would be due twice
	}
	header := nats.Header{}
	header.Set(headerTrigger, string(payment.TriggerHint))
	err = s.b.FireNow(s.ctx, broker.Fire{
		Timer: of, Due: broker.PollDue(acme, "m", id), TimerSeq: timer.Seq, Header: header, Body: timer.Body,
	})
	if err != nil && !isConflict(err) {
		s.Fatal(err)
	}
}

func TestPoller_LooksAtOnce_AfterAHint_AndSaysSo(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.provider.tells(t, payment.Pending)
		s.announce(created("hinted"))
		s.announce(created("other"))
		s.run()
		time.Sleep(20 * time.Minute) // by now they are looked at every two minutes
		s.provider.tells(t, payment.Succeeded)
		hinted := time.Now()
		s.hasten("hinted")
		time.Sleep(10 * time.Minute)
		for _, d := range s.events() {
			if d.Version == 1 {
				continue
			}
			want := payment.TriggerPoll
			if d.PaymentID == "hinted" {
				want = payment.TriggerHint
				if late := d.ObservedAt.Sub(hinted); late > time.Second {
					t.Errorf("looked at %v after the hint", late)
				}
			}
			if d.Trigger != want || d.Status != payment.Succeeded {
				t.Errorf("%s became %s by %q, want %q", d.PaymentID, d.Status, d.Trigger, want)
			}
		}
		if n := len(s.events()); n != 4 {
			t.Errorf("%d events, want 4", n)
		}
	})
}

// A broker's clock that steps ahead fires all timers, also those of payments that
// were looked at just before.
func TestPoller_KeepsTheFloor_WhenTimersFireEarly(t *testing.T) {
	keepsTheFloor(t, (*stage).fireAhead)
}

// fireAhead makes a payment's timer fire now, if it is not about to.
func (s *stage) fireAhead(id string) {
	s.Helper()
	of := broker.PollTimer(acme, "m", id)
	timer, err := s.b.Timer(s.ctx, of)
	if err != nil && !errors.Is(err, broker.ErrNotFound) {
		s.Fatal(err)
	}
	if err != nil || time.Until(timer.At) < time.Second {
		return
	}
	ahead := broker.Timer{Subject: of, Target: broker.PollDue(acme, "m", id), At: time.Now(), Header: timer.Header, Body: timer.Body}
	if err := s.b.Arm(s.ctx, ahead); err != nil {
		s.Fatal(err)
	}
}

// An interval may be as long as the floor, and looks are kept in whole seconds: a
// timer that fires a moment early is early all the same.
func TestPoller_PutsOffALookThatIsDueAMomentEarly(t *testing.T) {
	inBubble(t, func(s *stage) {
		floor := s.options.Accounts[0].Policy.Floor
		look := time.Now().Truncate(time.Second).Add(607 * time.Millisecond)
		w, due := watch{Planned: floor, Looks: looks{}.add("NEW", look)}, look.Add(floor)
		for _, row := range []struct {
			name      string
			due, now  time.Time
			mayBeLate time.Duration
		}{
			{"in time", due, due, 0},
			{"a moment late", due, due.Add(time.Millisecond), 0},
			{"a moment early", due, due.Add(-time.Millisecond), time.Second},
			{"half a second early", due, due.Add(-500 * time.Millisecond), time.Second},
			{"an hour early", look.Add(time.Hour), look.Add(time.Second), time.Second},
			{"whenever it was meant to be due", time.Time{}, due.Add(-time.Millisecond), 0},
		} {
			at := s.poller().turn(w, payment.TriggerPoll, row.due, row.now)
			if row.mayBeLate == 0 && at != row.now {
				t.Errorf("%s: it is put off for %v", row.name, at.Sub(row.now))
			}
			if row.mayBeLate > 0 && (at.Before(due) || at.After(due.Add(row.mayBeLate))) {
				t.Errorf("%s: it is made %v after the last look", row.name, at.Sub(look))
			}
		}
	})
}

// A look by a worker whose clock is an hour ahead does not stop the payment for an hour.
func TestPoller_PutsALookOffForTheFloorAtMost(t *testing.T) {
	inBubble(t, func(s *stage) {
		now := time.Now()
		w := watch{Planned: time.Minute, Looks: looks{}.add("NEW", now.Add(time.Hour))}
		for _, trigger := range []payment.Trigger{payment.TriggerPoll, payment.TriggerHint} {
			if wait := s.poller().turn(w, trigger, now.Add(time.Minute), now).Sub(now); wait > s.options.Accounts[0].Policy.Floor+time.Second {
				t.Errorf("by %s it is put off for %v", trigger, wait)
			}
		}
	})
}

// However many hints come, the provider sees no look before its floor, and each
// hint that came too early is a look when the floor is over.
func TestPoller_KeepsTheFloor_HoweverManyHintsCome(t *testing.T) {
	keepsTheFloor(t, (*stage).hasten)
}

// keepsTheFloor makes a payment's look due again each second for five minutes.
func keepsTheFloor(t *testing.T, again func(s *stage, id string)) {
	t.Helper()
	inBubble(t, func(s *stage) {
		s.provider.tells(t, payment.Pending)
		s.announce(created("p"))
		s.run()
		time.Sleep(30 * time.Minute)
		before := len(s.provider.times("p"))
		for range 300 {
			time.Sleep(time.Second)
			again(s, "p")
		}
		time.Sleep(time.Minute)
		all := s.provider.times("p")
		for i := 1; i < len(all); i++ {
			if gap := all[i].Sub(all[i-1]); gap < 10*time.Second {
				t.Errorf("two looks within %v", gap)
			}
		}
		if n := len(all) - before; n < 20 {
			t.Errorf("%d looks in five minutes and one more, want one every 11 s", n)
		}
	})
}
