package consumer

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/pause"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// inSmallStore runs f in virtual time on a broker whose store takes 4 MiB.
func inSmallStore(t *testing.T, f func(*stage)) {
	brokertest.Bubble(t, func(t *testing.T) { f(newStage(t, brokertest.Start(t, brokertest.WithMaxStore(4<<20)))) })
}

// fill takes all room of the store, and what becomes free, until the function it
// gives makes room again.
func (s *stage) fill() (free func()) {
	s.Helper()
	filler := brokertest.NewFiller(s.TB, s.b)
	ctx, end := context.WithCancel(context.Background())
	done := make(chan struct{})
	filler.Fill(s.TB)
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			pause.For(ctx, time.Second)
			filler.Fill(s.TB)
		}
	}()
	return func() {
		end()
		<-done
		filler.Empty(s.TB)
	}
}

// silent counts the timers that are overdue by a minute and more.
func (s *stage) silent() int {
	s.Helper()
	n := 0
	for _, m := range s.messages(broker.StreamWork) {
		if at, err := broker.ScheduledAt(m.Header); err == nil && time.Since(at) >= time.Minute {
			n++
		}
	}
	return n
}

func TestSweep_AfterAnHourOfFullStore_EverybodyIsWatchedAgain_WithoutAnOperator(t *testing.T) {
	inSmallStore(t, func(s *stage) {
		const payments = 100
		s.provider.tells(s.TB, payment.Pending)
		s.run()
		s.sweeps(s.sweeper("a"))
		s.sweeps(s.sweeper("b"))
		for i := range payments {
			s.announce(created(fmt.Sprint("p", i)))
		}
		time.Sleep(65 * time.Second)
		free := s.fill()
		time.Sleep(fullFor)
		if got := s.silent(); got < payments/2 {
			s.Fatalf("only %d timers are silent: the broker is not in the trouble that this is about", got)
		}
		free()
		room := time.Now()
		time.Sleep(10 * time.Minute)
		if got := s.silent(); got > 0 {
			s.Errorf("10 minutes after room was made %d timers are silent", got)
		}
		for i := range payments {
			id := fmt.Sprint("p", i)
			times := s.provider.times(id)
			if !times[len(times)-1].After(room) {
				s.Errorf("payment %s was not looked at again", id)
			}
			found, err := s.b.HasPoll(s.ctx, broker.PaymentRef{Account: acme, Merchant: "m", Payment: id})
			if err != nil || !found {
				s.Errorf("payment %s has no future: %v", id, err)
			}
			s.mustKeepTheFloor(id)
		}
	})
}

// silenced makes a timer that is overdue and silent: armed for soon, while the
// store is full. Then there is room again.
func (s *stage) silenced(arm func()) {
	s.Helper()
	arm()
	free := s.fill()
	time.Sleep(2 * time.Minute)
	free()
	time.Sleep(time.Minute)
	if got := s.silent(); got != 1 {
		s.Fatalf("%d timers are silent, want 1", got)
	}
}

func TestSweep_FiresTheSilentTimerOfAWebhook_AsItWas(t *testing.T) {
	inSmallStore(t, func(s *stage) {
		s.endpoint("e")
		s.begun("p")
		s.dispatch()
		msg := s.nextJob()
		j, err := readJob(msg)
		if err != nil {
			s.Fatal(err)
		}
		j.Attempts = 3
		s.silenced(func() {
			if err := s.deliverer().postpone(s.ctx, msg, j, 10*time.Second); err != nil {
				s.Fatal(err)
			}
			synctest.Wait()
		})
		if got := s.swept(); got.Overdue != 1 {
			s.Errorf("the sweep did %+v", got)
		}
		again, err := readJob(s.nextJob())
		if err != nil {
			s.Fatal(err)
		}
		if again.Attempts != 3 || again.EventID != j.EventID || string(again.Body) != string(j.Body) {
			s.Errorf("the job is %+v", again)
		}
	})
}

func TestSweep_LeavesAnOverdueTimerToItsDueMessage(t *testing.T) {
	inSmallStore(t, func(s *stage) {
		is := s.begun("p")
		w := newWatch(is.state, is.seq)
		w.Planned = 10 * time.Second
		s.silenced(func() {
			if err := arm(s.ctx, s.b, w, ""); err != nil {
				s.Fatal(err)
			}
		})
		s.due(w)
		if got := s.swept(); got.Overdue != 0 {
			s.Errorf("the sweep did %+v", got)
		}
		s.mustPoll(s.nextDue())
		synctest.Wait()
		if _, at, ok := s.armed("p"); !ok || !at.After(time.Now()) {
			s.Error("the handler's timer did not replace the silent one")
		}
	})
}

// A handler that arms the timer after the sweep has read it wins.
func TestSweep_DoesNotReplaceATimerThatWasArmedMeanwhile(t *testing.T) {
	inSmallStore(t, func(s *stage) {
		is := s.begun("p")
		w := newWatch(is.state, is.seq)
		w.Planned = 10 * time.Second
		s.silenced(func() {
			if err := arm(s.ctx, s.b, w, ""); err != nil {
				s.Fatal(err)
			}
		})
		silent, err := s.b.NextTimer(s.ctx, 0)
		if err != nil {
			s.Fatal(err)
		}
		w.Planned, w.Answered = time.Hour, 7
		if err := arm(s.ctx, s.b, w, ""); err != nil {
			s.Fatal(err)
		}
		r := &round{Sweeper: s.sweeper("w"), lease: s.died()}
		r.lease.guard(func(error) {})
		defer r.lease.end.Stop()
		if err := r.timer(s.ctx, silent); err != nil {
			s.Fatal(err)
		}
		if got, at, _ := s.armed("p"); got.Answered != 7 || time.Until(at) != time.Hour || r.result.Overdue != 0 {
			s.Errorf("the newer timer was replaced: in %v, %+v", time.Until(at), r.result)
		}
	})
}

// While the store is full a message in hand is delivered again and again, and each
// delivery tries to arm the same timer. When there is room, one of them does.
func TestArm_ManyTimesWhileTheStoreIsFull_MakesOneDueMessage(t *testing.T) {
	inSmallStore(t, func(s *stage) {
		const deliveries = 8
		free := s.fill()
		armed := make(chan error, deliveries)
		for i := range deliveries {
			go func() {
				time.Sleep(time.Duration(i) * time.Minute)
				armed <- s.b.Arm(context.Background(), broker.Timer{
					Subject: broker.PollTimer(acme, "m", "p"), Target: broker.PollDue(acme, "m", "p"),
					At: time.Now().Add(10 * time.Second), Body: []byte{byte('0' + i)},
				})
			}()
		}
		time.Sleep(10 * time.Minute)
		free()
		for range deliveries {
			if err := <-armed; err != nil {
				s.Error(err)
			}
		}
		time.Sleep(time.Minute)
		if all := s.messages(broker.StreamWork); len(all) != 1 {
			s.Errorf("%d messages, want the one that is due", len(all))
		}
	})
}

// While the store is full a due message comes again after each ack wait, and each
// delivery looks. When there is room, none but the last one's timer may be armed: the
// others' times are past.
func TestPoller_StoreFullForMinutes_LooksNeverComeCloserThanTheFloor(t *testing.T) {
	inSmallStore(t, func(s *stage) {
		const payments, floor = 5, 10 * time.Second
		var mu sync.Mutex
		looks := map[string][]time.Time{}
		s.provider.does(func(_ int, q providers.Query) (payment.Observation, error) {
			mu.Lock()
			defer mu.Unlock()
			of := fmt.Sprint(q.Reference)
			looks[of] = append(looks[of], time.Now())
			return saw(t, payment.Pending, noon).observation, nil
		})
		for i := range payments {
			s.watched(fmt.Sprint("p", i))
		}
		free := s.fill()
		stop := s.run()
		time.Sleep(4*s.options.AckWait + 4*time.Second)
		free()
		time.Sleep(5 * time.Minute)
		stop()
		mu.Lock()
		defer mu.Unlock()
		if len(looks) != payments {
			t.Fatalf("%d payments were looked at", len(looks))
		}
		for of, times := range looks {
			for i := 1; i < len(times); i++ {
				if apart := times[i].Sub(times[i-1]); apart < floor {
					t.Errorf("%s: look %d came %s after the one before", of, i+1, apart)
				}
			}
		}
	})
}
