package consumer

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
	"reconciler/internal/retry"
)

func (s *stage) sweeper(name string) *Sweeper {
	return NewSweeper(SweepOptions{Broker: s.b, Accounts: s.options.Accounts, Worker: name, Random: half, Log: zerolog.Nop()})
}

// swept makes one sweep, which must come to its end.
func (s *stage) swept() SweepResult {
	s.Helper()
	result, err := s.sweeper("w").SweepOnce(s.ctx)
	if err != nil {
		s.Fatalf("sweep: %v", err)
	}
	if !result.Complete {
		s.Fatalf("the sweep is not complete: %+v", result)
	}
	return result
}

// sweeps runs a sweeper as a worker does, until the test's end.
func (s *stage) sweeps(sweeper *Sweeper) {
	ctx, end := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		sweeper.Run(ctx)
	}()
	s.Cleanup(func() {
		end()
		<-done
	})
}

// renew deletes the work stream with all timers and makes it anew.
func (s *stage) renew() {
	s.Helper()
	if err := s.b.JetStream().DeleteStream(s.ctx, broker.StreamWork); err != nil {
		s.Fatal(err)
	}
	if err := s.b.Provision(s.ctx, broker.ProvisionOptions{}); err != nil {
		s.Fatal(err)
	}
}

// drop deletes a payment's timer.
func (s *stage) drop(id string) {
	s.Helper()
	s.purge(broker.PollTimer(acme, "m", id))
}

func (s *stage) purge(subject string) {
	s.Helper()
	stream, err := s.b.JetStream().Stream(s.ctx, broker.StreamWork)
	if err != nil {
		s.Fatal(err)
	}
	if err := stream.Purge(s.ctx, jetstream.WithPurgeSubject(subject)); err != nil {
		s.Fatal(err)
	}
}

func (s *stage) mustHave(id string, want bool) {
	s.Helper()
	if _, _, ok := s.armed(id); ok != want {
		s.Errorf("payment %s has a timer: %t, want %t", id, ok, want)
	}
}

func TestSweep_ArmsADeletedTimerAgain(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.provider.tells(s.TB, payment.Pending)
		for i := range 3 {
			s.announce(created(fmt.Sprint("p", i)))
		}
		stop := s.run()
		time.Sleep(5*time.Minute + 5*time.Second) // between two looks
		stop()
		s.drop("p1")
		if got := s.swept(); got.Missing != 1 || got.Overdue != 0 || got.Payments != 3 || got.Timers != 2 {
			s.Errorf("the sweep did %+v", got)
		}
		w, at, ok := s.armed("p1")
		if !ok {
			s.Fatal("no timer")
		}
		if in := time.Until(at); in != 15*time.Second || w.Planned != in {
			s.Errorf("the next look is in %v, planned %v; want half of the cadence's 30 s", in, w.Planned)
		}
		if w.Reference["order"] != "p1" || w.Status != payment.Pending || w.Version != 1 || w.Seq == 0 {
			s.Errorf("the watch is %+v", w)
		}
		if got := s.swept(); got.Missing != 0 {
			s.Errorf("the next sweep did %+v", got)
		}
	})
}

func TestSweep_WatchesEverybodyAgain_WhenTheWorkStreamWasDeleted(t *testing.T) {
	inBubble(t, func(s *stage) {
		all := payment.Statuses()
		for i := range 40 {
			s.begun(fmt.Sprint("p", i))
		}
		var watched, over []string
		for _, status := range all {
			is := s.begun(string(status))
			if status != payment.Pending {
				s.put(is, status)
			}
			if status.ClosedForGood() {
				over = append(over, string(status))
			} else {
				watched = append(watched, string(status))
			}
		}
		time.Sleep(time.Hour)
		s.renew()
		got := s.swept()
		if want := 40 + len(watched); got.Missing != want || got.Payments != want {
			s.Errorf("the sweep did %+v, want %d missing", got, want)
		}
		for _, id := range watched {
			s.mustHave(id, true)
		}
		for _, id := range over {
			s.mustHave(id, false)
		}
	})
}

// put publishes a status that no single look may lead to.
func (s *stage) put(is standing, status payment.Status) standing {
	s.Helper()
	o := saw(s.TB, status, time.Now())
	event := payment.GiveUp(is.state, status, "", o.look())
	next, err := publish(s.ctx, s.b, event, is)
	if err != nil {
		s.Fatal(err)
	}
	return next
}

func TestSweep_LeavesAWatchAlone_ThatHasEnded(t *testing.T) {
	inBubble(t, func(s *stage) {
		limit := testPolicy().Cadence.Closed[len(testPolicy().Cadence.Closed)-1].Until
		s.changed(s.begun("failed"), payment.Failed)
		time.Sleep(limit - time.Minute)
		if got := s.swept(); got.Missing != 1 {
			s.Errorf("a minute before the limit the sweep did %+v", got)
		}
		s.drop("failed")
		time.Sleep(2 * time.Minute)
		if got := s.swept(); got.Missing != 0 || got.Payments != 0 {
			s.Errorf("a minute after the limit the sweep did %+v", got)
		}
		s.mustHave("failed", false)
	})
}

// A further refund keeps the status, and with it the age from which the watch ends.
func TestSweep_CountsTheWatchFromTheFirstEventOfAStatus(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.options.Accounts[0].Policy.Cadence.Settled = []retry.Step{{Until: 14 * time.Hour, Every: time.Hour}}
		is := s.changed(s.begun("p"), payment.Succeeded)
		refund := func(amount string) {
			o := saw(s.TB, payment.PartiallyRefunded, time.Now())
			o.observation.Refunded = euros(s.TB, amount)
			move, event := payment.Apply(is.state, o.look())
			if move != payment.Changed {
				s.Fatalf("a refund of %s is %v", amount, move)
			}
			var err error
			if is, err = publish(s.ctx, s.b, event, is); err != nil {
				s.Fatal(err)
			}
		}
		refund("1.00")
		time.Sleep(10 * time.Hour)
		refund("2.00")
		time.Sleep(3 * time.Hour)
		if got := s.swept(); got.Missing != 1 {
			s.Errorf("after 13 hours the sweep did %+v", got)
		}
		if w, _, _ := s.armed("p"); time.Since(w.Since) != 13*time.Hour {
			s.Errorf("the watch is %v old", time.Since(w.Since))
		}
		s.drop("p")
		time.Sleep(2 * time.Hour)
		if got := s.swept(); got.Missing != 0 {
			s.Errorf("after 15 hours the sweep did %+v", got)
		}
	})
}

func TestSweep_LeavesAlone_WhatAHandlerWorksOn(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.watched("p")
		time.Sleep(time.Hour)
		msg := s.nextDue() // delivered, not acknowledged
		if got := s.swept(); got.Missing != 0 || got.Payments != 1 {
			s.Errorf("the sweep did %+v", got)
		}
		s.mustHave("p", false)
		if err := acknowledge(msg); err != nil {
			s.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := s.swept(); got.Missing != 1 {
			s.Errorf("once the message is gone, the sweep did %+v", got)
		}
	})
}

func TestSweep_LeavesAPaymentToIntake_WhileItIsYoung(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.begun("p")
		time.Sleep(59 * time.Second)
		if got := s.swept(); got.Missing != 0 {
			s.Errorf("the sweep did %+v", got)
		}
		time.Sleep(2 * time.Second)
		if got := s.swept(); got.Missing != 1 {
			s.Errorf("a minute later the sweep did %+v", got)
		}
	})
}

func TestSweep_BelievesNoForgedEnd(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.begun("p")
		s.forge(broker.StatusSubject(string(payment.Refunded), acme, "m", "p"), `{"stream":"PAYMENTS","seq":1}`)
		time.Sleep(time.Hour)
		if got := s.swept(); got.Missing != 1 {
			s.Errorf("the sweep did %+v", got)
		}
	})
}

func TestSweep_LeavesToOthers_WhatItCantWatch(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.begun("p")
		s.newer("newer")
		time.Sleep(time.Hour)
		other := s.sweeper("w")
		other.accounts = map[string]*Account{}
		got, err := other.SweepOnce(s.ctx)
		if err != nil || got.Left != 2 || got.Missing != 0 {
			s.Errorf("without the account the sweep did %+v, %v", got, err)
		}
		if got := s.swept(); got.Left != 1 || got.Missing != 1 {
			s.Errorf("with it the sweep did %+v", got)
		}
	})
}

func TestSweep_ReadsTheLogFromTheOldestPaymentThatIsWatched(t *testing.T) {
	inBubble(t, func(s *stage) {
		for i := range 20 {
			s.put(s.begun(fmt.Sprint("p", i)), payment.Refunded)
		}
		oldest := s.begun("oldest")
		s.put(s.begun("q"), payment.Refunded)
		time.Sleep(time.Hour)
		s.swept()
		l, err := s.sweeper("w").lease(s.ctx)
		if err != nil {
			s.Fatal(err)
		}
		if _, err := l.take(s.ctx, true); err != nil {
			s.Fatal(err)
		}
		if l.record.From != oldest.seq {
			s.Errorf("it reads from %d on, want %d", l.record.From, oldest.seq)
		}
	})
}

// A sweep that has not the time for everything is gone on with by the next one.
func TestSweep_GoesOnWhereTheLastOneEnded(t *testing.T) {
	inBubble(t, func(s *stage) {
		for i := range 100 {
			s.begun(fmt.Sprint("p", i))
		}
		time.Sleep(time.Hour)
		missing, sweeps := 0, 0
		for complete := false; !complete; sweeps++ {
			sweeper := s.sweeper(fmt.Sprint("w", sweeps)) // each time another worker
			sweeper.o.Rate, sweeper.o.Interval = 10, 10*time.Second
			got, err := sweeper.SweepOnce(s.ctx)
			if err != nil {
				s.Fatal(err)
			}
			missing, complete = missing+got.Missing, got.Complete
			if sweeps > 100 {
				s.Fatalf("%d sweeps, and no end", sweeps)
			}
		}
		if missing != 100 || sweeps < 4 {
			s.Errorf("%d sweeps armed %d timers", sweeps, missing)
		}
		for i := range 100 {
			s.mustHave(fmt.Sprint("p", i), true)
		}
	})
}

func TestSweep_KeepsItsRate(t *testing.T) {
	inBubble(t, func(s *stage) {
		for i := range 300 {
			w := newWatch(s.begun(fmt.Sprint("p", i)).state, 1)
			w.Planned = 24 * time.Hour
			if err := arm(s.ctx, s.b, w, ""); err != nil {
				s.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		sweeper := s.sweeper("w")
		sweeper.o.Rate = 10
		began := time.Now()
		got, err := sweeper.SweepOnce(s.ctx)
		if err != nil || got.Timers != 300 || got.Payments != 300 {
			s.Fatalf("the sweep did %+v, %v", got, err)
		}
		if took := time.Since(began); took < time.Minute || took > 70*time.Second {
			s.Errorf("600 requests took %v, want a minute", took)
		}
	})
}

// Sweeps as often as they can run among the loops of two workers change nothing:
// nobody is looked at twice, or too early.
func TestSweep_ChangesNothing_WhereAllIsWell(t *testing.T) {
	inBubble(t, func(s *stage) {
		const payments = 20
		s.provider.tells(s.TB, payment.Pending)
		s.run()
		s.start(New(s.options))
		for i := range payments {
			s.announce(created(fmt.Sprint("p", i)))
			time.Sleep(700 * time.Millisecond)
		}
		time.Sleep(settled)
		for i := range 200 {
			if got := s.swept(); got.Missing+got.Overdue+got.Left > 0 || got.Payments != payments {
				s.Fatalf("sweep %d did %+v", i, got)
			}
			time.Sleep(170 * time.Millisecond)
		}
		for i := range payments {
			s.mustKeepTheFloor(fmt.Sprint("p", i))
		}
	})
}

// mustKeepTheFloor: no two looks at a payment are closer than the provider's floor.
func (s *stage) mustKeepTheFloor(id string) {
	s.Helper()
	times := s.provider.times(id)
	if len(times) < 2 {
		s.Errorf("payment %s was looked at %d times", id, len(times))
	}
	for i := 1; i < len(times); i++ {
		if gap := times[i].Sub(times[i-1]); gap < testPolicy().Floor {
			s.Errorf("payment %s was looked at again after %v", id, gap)
		}
	}
}
