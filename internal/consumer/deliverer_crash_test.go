package consumer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
)

// The worker died after the merchant's 2xx: the merchant gets the same id again.
func TestDeliverer_SendsAgain_WhenItDiedBeforeTheRecord(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.endpoint("shop")
		s.begun("p")
		s.dispatch()
		work, die := context.WithCancel(s.ctx)
		s.shop.respond(func(http.ResponseWriter, delivery) int {
			die()
			return http.StatusOK
		})
		msg := s.nextJob()
		if err := s.deliverer().handle(work, msg, taken()); !errors.Is(err, context.Canceled) {
			t.Fatalf("deliver: %v", err)
		}
		s.shop.respond(answers(http.StatusOK))
		s.mustDeliver(s.again(msg, s.nextJob))
		got := s.shop.deliveries("shop")
		if len(got) != 2 || got[0].id != got[1].id {
			t.Errorf("deliveries %+v, want the same id twice", got)
		}
		if records := s.records("shop"); !slices.Equal(records, []string{"1 delivered"}) {
			t.Errorf("records %v", records)
		}
	})
}

// The worker died after its record: what it did is not done again, and what it
// promised the merchant is kept.
func TestDeliverer_GoesOnFromTheRecord_WhenItDiedAfterIt(t *testing.T) {
	rows := map[string]struct {
		record  attemptRecord
		attempt time.Duration // when the next attempt comes; 0: none
	}{
		"delivered":                     {attemptRecord{Outcome: outcomeDelivered, Attempt: 1}, 0},
		"given up":                      {attemptRecord{Outcome: outcomeExhausted, Attempt: 10}, 0},
		"skipped":                       {attemptRecord{Outcome: outcomeSkipped}, 0},
		"failed, asked to wait an hour": {attemptRecord{Outcome: outcomeFailed, Attempt: 1}, time.Hour},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *stage) {
				s.endpoint("shop")
				s.begun("p")
				s.dispatch()
				msg := s.again(s.nextJob(), s.nextJob)
				j, err := readJob(msg)
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				row.record.NextAt = began.Add(row.attempt)
				row.record.EventID = j.EventID
				if err := writeAttempt(s.ctx, s.b, j, row.record); err != nil {
					t.Fatal(err)
				}
				s.mustDeliver(msg)
				if n := len(s.shop.deliveries("shop")); n != 0 {
					t.Fatalf("%d attempts were made again", n)
				}
				if row.attempt == 0 {
					if n := len(s.jobs()); n != 0 {
						t.Errorf("%d jobs are left", n)
					}
					return
				}
				s.mustDeliver(s.nextJob())
				got := s.shop.deliveries("shop")
				if len(got) != 1 || got[0].at.Sub(began) < row.attempt || got[0].at.Sub(began) > row.attempt+time.Second {
					t.Fatalf("attempts %+v", got)
				}
				if rec, _ := lastAttempt(s.ctx, s.b, j.ref(1)); rec.Attempt != 2 {
					t.Errorf("the last record is %+v, want attempt 2", rec)
				}
			})
		})
	}
}

// A worker frozen during a failing attempt: the job was given to another one,
// which delivered it. The late failure must not be the last word.
func TestDeliverer_LeavesTheLastWordToTheOther_WhenItWasFrozen(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.options.AckWait = 5 * time.Second
		s.endpoint("shop")
		s.begun("p")
		s.dispatch()
		msg := s.nextJob()
		j, err := readJob(msg)
		if err != nil {
			t.Fatal(err)
		}
		s.shop.respond(func(http.ResponseWriter, delivery) int {
			time.Sleep(6 * time.Second)
			if err := writeAttempt(s.ctx, s.b, j, attemptRecord{EventID: j.EventID, Outcome: outcomeDelivered, Attempt: 1}); err != nil {
				t.Error(err)
			}
			return http.StatusInternalServerError
		})
		s.mustDeliver(msg)
		if records := s.records("shop"); !slices.Equal(records, []string{"1 delivered"}) {
			t.Errorf("records %v", records)
		}
		if _, err := s.b.Timer(s.ctx, j.timerSubject()); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("another attempt is armed: %v", err)
		}
	})
}

// The dispatcher's consumer was lost and begins anew: all its events are
// dispatched again, but no merchant hears of them again.
func TestDeliverer_SendsNothingAgain_WhenAllEventsAreDispatchedAgain(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.endpoint("shop")
		for i := range 20 {
			s.changed(s.begun(fmt.Sprint("p", i)), payment.Succeeded)
		}
		s.run()
		time.Sleep(time.Hour)
		if err := s.b.JetStream().DeleteConsumer(s.ctx, broker.StreamStatus, dispatcherName); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if is := s.info(broker.StreamStatus, dispatcherName); is.AckFloor.Stream != 40 {
			t.Errorf("the dispatcher is at %d of 40", is.AckFloor.Stream)
		}
		if n := len(s.shop.deliveries("shop")); n != 40 {
			t.Errorf("%d deliveries of 40 events", n)
		}
	})
}
