package consumer

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/guard"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/retry"
)

// everyMinute watches an undecided payment for half an hour.
func everyMinute() retry.Cadence {
	c := retry.Default()
	c.Open = []retry.Step{{Until: 30 * time.Minute, Every: time.Minute}}
	return c
}

// The provider is down for six hours in the middle of a watch of half an hour:
// it sees only probes, nothing is published, and the watch ends half an hour of
// answers after it began.
func TestPoller_ClockStandsStill_ThroughAnOutageOfSixHours(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.options.Accounts[0].Policy.Cadence = everyMinute()
		began := time.Now()
		down, up := began.Add(10*time.Minute+30*time.Second), began.Add(6*time.Hour+10*time.Minute+30*time.Second)
		s.provider.does(func(int, providers.Query) (payment.Observation, error) {
			if now := time.Now(); now.After(down) && now.Before(up) {
				return payment.Observation{}, &providers.Error{Kind: providers.Unavailable, Doing: "ask"}
			}
			return saw(t, payment.Pending, noon).observation, nil
		})
		const payments = 40
		for i := range payments {
			s.announce(created(fmt.Sprint("p", i)))
		}
		s.run()
		time.Sleep(time.Until(up))

		if n := len(s.events()); n != payments {
			t.Errorf("%d events by the end of the outage, want the %d first ones", n, payments)
		}
		var during []time.Time
		for i := range payments {
			for _, at := range s.provider.times(fmt.Sprint("p", i)) {
				if at.After(down) {
					during = append(during, at)
				}
			}
		}
		slices.SortFunc(during, time.Time.Compare)
		// 16 may be under way when the third failure opens the breaker; then one
		// probe at a time: after 5, 10, 20, 40 and 80 s, then every 10 minutes.
		first := 0
		for first < len(during) && during[first].Sub(during[0]) < 5*time.Second {
			first++
		}
		if probes := len(during) - first; first > 16 || probes < 35 || probes > 41 {
			t.Errorf("%d looks before the breaker opened and %d probes, want at most 16 and about 40", first, probes)
		}
		for i := first + 1; i < len(during); i++ {
			if gap := during[i].Sub(during[i-1]); gap < 10*time.Second {
				t.Errorf("two probes within %v", gap)
			}
		}

		time.Sleep(40 * time.Minute)
		for _, d := range s.events() {
			if d.Version == 1 {
				continue
			}
			answered := d.ObservedAt.Sub(began) - up.Sub(down)
			if d.Status != payment.Unknown || answered < 29*time.Minute || answered > 41*time.Minute {
				t.Errorf("%s became %s after %v of watching beside the outage", d.PaymentID, d.Status, answered)
			}
		}
		if n := len(s.events()); n != 2*payments {
			t.Errorf("%d events in the end, want %d: each payment is given up", n, 2*payments)
		}
	})
}

func TestPoller_GivesUpAfter72Hours_AndLooksOn(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.provider.tells(s.TB, payment.Pending)
		began := time.Now()
		s.announce(created("p"))
		s.run()
		time.Sleep(85 * time.Hour)
		all := s.events()
		if len(all) != 2 || all[1].Status != payment.Unknown || all[1].Trigger != payment.TriggerGiveUp {
			t.Fatalf("events: %+v", all)
		}
		if after := all[1].ObservedAt.Sub(began).Round(time.Minute); after < 72*time.Hour || after > 72*time.Hour+2*time.Minute {
			t.Errorf("given up after %v", after)
		}
		looks := s.provider.times("p")
		if n := len(looks); n < 140 || n > 160 {
			t.Errorf("%d looks, want about 150", n)
		}
		if gap := looks[len(looks)-1].Sub(looks[len(looks)-2]); gap.Round(time.Second) != 12*time.Hour {
			t.Errorf("looked again after %v, want 12 h", gap)
		}
	})
}

func TestPoller_HandsALastingRegressionToAPerson(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.provider.tells(s.TB, payment.Succeeded, payment.Processing)
		began := time.Now()
		s.announce(created("p"))
		s.run()
		time.Sleep(2 * time.Hour)
		want := []payment.Status{payment.Pending, payment.Succeeded, payment.Review}
		if got := s.statuses(); !slices.Equal(got, want) {
			t.Fatalf("published %v, want %v", got, want)
		}
		last := s.events()[2]
		doubted := s.provider.times("p")[1]
		if last.Reason != payment.ReasonRegression || last.ObservedAt.Sub(doubted) < 10*time.Minute || last.ObservedAt.Sub(began) > 90*time.Minute {
			t.Errorf("review for %q, %v after the first doubt", last.Reason, last.ObservedAt.Sub(doubted))
		}
	})
}

// throttled makes the provider answer its first question with "come back in an hour".
func (s *stage) throttled() {
	s.provider.does(func(int, providers.Query) (payment.Observation, error) {
		return payment.Observation{}, &providers.Error{Kind: providers.Throttled, Doing: "ask", RetryAfter: time.Hour}
	})
}

func TestPoller_PullsNothing_WhileTheTapIsClosed(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.provider.tells(s.TB, payment.Pending)
		p, _ := s.guard.TryAcquire()
		p.Done(guard.Throttled(time.Hour))
		for i := range 20 {
			s.watched(fmt.Sprint("p", i))
		}
		began := time.Now()
		s.run()
		time.Sleep(59 * time.Minute)
		if is := s.info(broker.StreamWork, pollerPrefix+acme); is.Delivered.Consumer != 0 || is.NumPending != 20 || is.NumWaiting != 0 {
			t.Errorf("%d messages were delivered, %d wait, %d pulls are open", is.Delivered.Consumer, is.NumPending, is.NumWaiting)
		}
		time.Sleep(2 * time.Minute)
		for i := range 20 {
			times := s.provider.times(fmt.Sprint("p", i))
			if len(times) == 0 || times[0].Sub(began) < time.Hour || times[0].Sub(began) > time.Hour+time.Second {
				t.Errorf("p%d was asked about at %v", i, times)
			}
		}
	})
}

// While the tap closes a pull stands open with 15 permits left. What becomes due
// then must wait in the broker, and not be taken and handed back by that pull
// until its permits are used up.
func TestPoller_EndsItsPull_WhenTheTapCloses(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.throttled()
		s.run()
		synctest.Wait()
		s.watched("first")
		synctest.Wait()
		if n := len(s.provider.times("first")); n != 1 {
			t.Fatalf("%d looks, want 1", n)
		}
		for i := range 5 {
			s.watched(fmt.Sprint("p", i))
		}
		time.Sleep(time.Minute)
		if is := s.info(broker.StreamWork, pollerPrefix+acme); is.Delivered.Consumer != 1 || is.NumPending != 5 {
			t.Errorf("%d deliveries, %d wait; want the first one and 5", is.Delivered.Consumer, is.NumPending)
		}
	})
}

// The messages that were on their way when the tap closed are handed back: they
// come again at once when it opens, and not after the ack wait. What else fires
// or is put on due subjects meanwhile changes nothing about that.
func TestPoller_TakesWhatItHandedBackAtOnce_WhenTheTapOpens(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.options.AckWait = 10 * time.Hour
		s.throttled()
		for i := range 30 {
			s.watched(fmt.Sprint("p", i))
		}
		s.run()
		time.Sleep(time.Second)
		is := s.info(broker.StreamWork, pollerPrefix+acme)
		asked := 0
		for i := range 30 {
			asked += len(s.provider.times(fmt.Sprint("p", i)))
		}
		if handedBack := int(is.Delivered.Consumer) - asked; handedBack == 0 || is.NumAckPending != handedBack {
			t.Fatalf("%d delivered, %d asked, %d not acknowledged: nothing was handed back", is.Delivered.Consumer, asked, is.NumAckPending)
		}
		began := time.Now()
		for i := range 10 { // fires and is published while nothing is pulled
			s.watched(fmt.Sprint("late", i))
			w := newWatch(s.begun(fmt.Sprint("timer", i)).state, 0)
			w.Planned = time.Duration(i) * time.Minute
			if err := arm(s.ctx, s.b, w, ""); err != nil {
				t.Fatal(err)
			}
		}
		s.provider.tells(s.TB, payment.Pending)
		time.Sleep(time.Hour + time.Minute)
		for i := range 30 {
			times := s.provider.times(fmt.Sprint("p", i))
			if len(times) == 0 || times[len(times)-1].Sub(began) > time.Hour+time.Minute {
				t.Errorf("p%d was asked about at %v", i, times)
			}
		}
		if is := s.info(broker.StreamWork, pollerPrefix+acme); is.NumAckPending != 0 {
			t.Errorf("%d messages are still not acknowledged", is.NumAckPending)
		}
	})
}

// Due polls of an account that left the configuration wait for its return.
func TestPoller_LeavesThePollsOfAnotherAccountAlone(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.provider.tells(s.TB, payment.Pending)
		s.watched("p")
		gone := *s.options.Accounts[0]
		gone.Name = "another"
		s.options.Accounts = []*Account{&gone}
		stop := s.run()
		time.Sleep(time.Hour)
		stop()
		if n := len(s.provider.times("p")); n != 0 || len(s.dead()) != 0 {
			t.Errorf("%d looks, dead letters %v", n, s.dead())
		}
		back := gone
		back.Name = acme
		s.options.Accounts = append(s.options.Accounts, &back)
		s.run()
		time.Sleep(time.Second)
		if n := len(s.provider.times("p")); n != 1 {
			t.Errorf("%d looks after its return, want 1", n)
		}
	})
}
