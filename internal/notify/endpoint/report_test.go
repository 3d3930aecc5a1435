package endpoint

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/notify"
)

// longer than a minute, so that a failure counts.
const restless = calm + time.Second

func TestReport_TellsOfAnEndpointThatOnlyFails(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.add("shop", "orders")
		l := s.live(func(o *Options) { o.DisableAfter = 2 * time.Hour })
		began := time.Now()
		before := s.revision()
		for range 120 {
			if s.find(l, "shop", "orders").Disabled {
				s.Fatalf("disabled after %v", time.Since(began))
			}
			l.Report(s.Context(), "shop", "orders", notify.Retry)
			time.Sleep(time.Minute)
		}
		s.wantEvents("failing 50", "failing 75")
		l.Report(s.Context(), "shop", "orders", notify.Retry)
		s.wantEvents("failing 50", "failing 75", "disabled 100")
		if is := s.state("shop", "orders"); is.Status != Disabled || is.Reason != Failing || !is.FailingSince.Equal(began) || len(is.Owed) > 0 {
			s.Errorf("%+v", is)
		}
		if !s.find(l, "shop", "orders").Disabled {
			s.Error("it is told of events")
		}
		// The first failure, and two writes for each event: with it owed and without.
		if writes := s.revision() - before; writes != 7 {
			s.Errorf("%d writes, want 7", writes)
		}
		l.Report(s.Context(), "shop", "orders", notify.Delivered) // was under way
		if _, _, err := s.store.Do(s.Context(), "shop", "orders", Enable); err != nil {
			s.Fatal(err)
		}
		settled()
		l.Report(s.Context(), "shop", "orders", notify.Delivered)
		s.wantEvents("failing 50", "failing 75", "disabled 100", "recovered 0")
	})
}

func TestReport_WritesNothing_WhenNothingChanges(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.add("shop", "orders")
		l := s.live(nil)
		before := s.revision()
		for range 1000 {
			l.Report(s.Context(), "shop", "orders", notify.Delivered)
			l.Report(s.Context(), "shop", "orders", notify.NotCharged)
			l.Report(s.Context(), "shop", "nobody", notify.Retry)
		}
		if after := s.revision(); after != before {
			s.Errorf("%d writes for a healthy endpoint", after-before)
		}
		// One that flaps costs two writes a minute, not two an attempt.
		for range 600 {
			l.Report(s.Context(), "shop", "orders", notify.Retry)
			l.Report(s.Context(), "shop", "orders", notify.Delivered)
			time.Sleep(time.Second)
		}
		settled()
		if writes := s.revision() - before; writes > 22 {
			s.Errorf("%d writes in ten minutes for an endpoint that flaps", writes)
		}
		s.wantEvents()
	})
}

func TestReport_TellsOnce_WhenWorkersRace(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.add("shop", "orders")
		soon := func(o *Options) { o.DisableAfter = 2 * time.Hour }
		workers := []*Live{s.live(soon), s.live(soon), s.live(soon)}
		race := func(action notify.Action) {
			var all sync.WaitGroup
			for _, l := range workers {
				for range 4 {
					all.Go(func() { l.Report(s.Context(), "shop", "orders", action) })
				}
			}
			all.Wait()
			settled()
		}
		race(notify.Retry)
		time.Sleep(time.Hour)
		race(notify.Retry)
		s.wantEvents("failing 50")
		race(notify.Delivered)
		s.wantEvents("failing 50", "recovered 0")
		race(notify.Disable)
		s.wantEvents("failing 50", "recovered 0", "disabled 100")
		if is := s.state("shop", "orders"); is.Reason != Gone || len(is.Owed) > 0 {
			s.Errorf("%+v", is)
		}
		time.Sleep(time.Hour) // nobody publishes anything again
		synctest.Wait()
		s.wantEvents("failing 50", "recovered 0", "disabled 100")
	})
}

// A worker that died between writing a state and publishing its event, or between
// publishing and noting that, leaves it to the others.
func TestRun_PublishesWhatADeadWorkerOwes(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.add("shop", "orders")
		s.live(nil)
		of := name{"shop", "orders"}
		_, moved, err := s.store.transit(s.Context(), of, func(was State) (State, []Event, bool, error) {
			next, events, moved := was.After(AnsweredGone, time.Now().UTC(), time.Hour)
			return next, events, moved, nil
		})
		if err != nil || !moved {
			s.Fatal(moved, err)
		}
		settled()
		s.wantEvents()
		time.Sleep(grace + pulse)
		settled()
		s.wantEvents("disabled 100")

		is := s.state("shop", "orders")
		is.Owed = []Event{{Type: TypeRecovered, At: time.Now().UTC()}}
		is.Owed[0].ID = is.Owed[0].id(of)
		if err := s.store.publish(s.Context(), of, is.Owed[0]); err != nil {
			s.Fatal(err)
		}
		time.Sleep(time.Hour) // the server has forgotten the id
		value, err := is.encode()
		if err != nil {
			s.Fatal(err)
		}
		s.put(stateKey(of), value)
		time.Sleep(grace + pulse)
		settled()
		s.wantEvents("disabled 100", "recovered 0")
		if left := s.state("shop", "orders").Owed; len(left) > 0 {
			s.Errorf("still owed: %v", left)
		}
	})
}

// One worker's success was no news when it came: the failure that another one
// wrote down in that moment must not stand.
func TestReport_TakesBackAFailure_ThatASuccessElsewhereFollowed(t *testing.T) {
	for name, how := range map[string]func(*stage, *Live){
		"when it is heard":       func(s *stage, deaf *Live) { s.run(deaf) },
		"with the next failure":  func(s *stage, deaf *Live) { deaf.Report(s.Context(), "shop", "orders", notify.Retry) },
		"while both hear of all": nil,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *stage) {
				s.add("shop", "orders")
				one, other := s.live(nil), s.deaf(nil)
				if how == nil {
					s.run(other)
				}
				one.Report(s.Context(), "shop", "orders", notify.Retry)
				if how != nil && s.state("shop", "orders").FailingSince.IsZero() {
					s.Fatal("the failure was not written down")
				}
				time.Sleep(time.Second)
				other.Report(s.Context(), "shop", "orders", notify.Delivered)
				time.Sleep(restless)
				if how != nil {
					how(s, other)
				}
				settled()
				if is := s.state("shop", "orders"); !is.FailingSince.IsZero() {
					s.Errorf("failing since %v", is.FailingSince)
				}
			})
		})
	}
}

func TestReport_KnowsWhatItWrote_BeforeItHearsOfIt(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.add("shop", "orders")
		deaf := s.deaf(nil)
		deaf.Report(s.Context(), "shop", "orders", notify.Retry)
		if deaf.find(name{"shop", "orders"}).state.FailingSince.IsZero() {
			s.Error("it does not know that the endpoint fails")
		}
		deaf.Report(s.Context(), "shop", "orders", notify.Disable)
		if !s.find(deaf, "shop", "orders").Disabled {
			s.Error("it goes on sending after a 410")
		}
	})
}

func TestReport_StandsStill_WhenTheBucketIsGone(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.add("shop", "orders")
		l := s.live(nil)
		if err := s.b.JetStream().DeleteKeyValue(s.Context(), Bucket); err != nil {
			s.Fatal(err)
		}
		began := time.Now()
		l.Report(s.Context(), "shop", "orders", notify.Disable)
		if took := time.Since(began); took > 2*patience {
			s.Errorf("an attempt waits %v for its report", took)
		}
		time.Sleep(restless)
	})
}
