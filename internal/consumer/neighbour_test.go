package consumer

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/guard"
	"reconciler/internal/notify"
	"reconciler/internal/payment"
)

// Three servers take 14 s for each answer, and get more than they can take. The
// fourth does not notice.
func TestDeliverer_HoldsNobodyUp_ForSlowEndpoints(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.shop.respond(func(_ http.ResponseWriter, d delivery) int {
			if d.endpoint != "quick" {
				time.Sleep(14 * time.Second)
			}
			return http.StatusOK
		})
		for i := range 3 {
			s.endpoint(fmt.Sprint("slow", i), "payment.pending")
		}
		s.endpoint("quick", "payment.succeeded")
		for i := range 60 {
			s.begun(fmt.Sprint("p", i))
		}
		s.run()
		time.Sleep(5 * time.Second)
		began := time.Now()
		for i := range 20 {
			s.changed(s.begun(fmt.Sprint("q", i)), payment.Succeeded)
		}
		time.Sleep(8 * time.Second)
		got := s.shop.deliveries("quick")
		if len(got) != 20 {
			t.Errorf("%d of 20 events reached the quick endpoint", len(got))
		}
		for _, d := range got {
			if late := d.at.Sub(began); late > 2*time.Second {
				t.Errorf("%s reached the quick endpoint after %v", d.data.PaymentID, late)
			}
		}
	})
}

// A burst for an endpoint that answers at once goes through in one go, though it
// takes few at a time: a timer for each would let it stand idle.
func TestDeliverer_KeepsAQuickEndpointBusy(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.options.Guards = func(e notify.Endpoint) (*guard.Guard, error) {
			return guard.New(guard.Options{Name: e.ID, Concurrency: 2, TimeLimit: 15 * time.Second, Consecutive: 5, Reopen: []time.Duration{time.Minute}})
		}
		s.endpoint("shop")
		const events = 40
		s.options.Workers = events // as many as come by one pull may wait
		for i := range events {
			s.begun(fmt.Sprint("p", i))
		}
		before := s.lastSeq(broker.StreamWork)
		s.run()
		time.Sleep(time.Second)
		if n := len(s.shop.deliveries("shop")); n != events {
			t.Errorf("%d of %d events were delivered at once", n, events)
		}
		if n := s.lastSeq(broker.StreamWork) - before; n != events {
			t.Errorf("%d messages were written for %d jobs", n, events)
		}
	})
}

// The jobs in a long queue before a slow endpoint look in ever more seldom, and
// all arrive.
func TestDeliverer_LetsAQueueRest_BeforeABusyEndpoint(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.shop.respond(func(http.ResponseWriter, delivery) int {
			time.Sleep(10 * time.Second)
			return http.StatusOK
		})
		s.options.Guards = func(e notify.Endpoint) (*guard.Guard, error) {
			return guard.New(guard.Options{Name: e.ID, Concurrency: 1, TimeLimit: 15 * time.Second, Consecutive: 5, Reopen: []time.Duration{time.Minute}})
		}
		s.options.Random = locked(1)
		s.endpoint("shop")
		const events = 100
		for i := range events {
			s.begun(fmt.Sprint("p", i))
		}
		before := s.lastSeq(broker.StreamWork)
		s.run()
		time.Sleep(25 * time.Minute) // 100 deliveries take 17 minutes
		if n := len(s.shop.deliveries("shop")); n != events {
			t.Errorf("%d deliveries of %d events", n, events)
		}
		// Looking in every second would take 100,000.
		if n := s.lastSeq(broker.StreamWork) - before; n > 5000 {
			t.Errorf("%d messages were written for %d jobs", n, events)
		}
	})
}

// While its tap is closed no attempt is made and none is spent.
func TestDeliverer_WaitsForTheTapOfAnEndpoint(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.shop.respond(answers(http.StatusBadGateway))
		s.options.Guards = func(e notify.Endpoint) (*guard.Guard, error) {
			return guard.New(guard.Options{Name: e.ID, Concurrency: 4, TimeLimit: 15 * time.Second, Consecutive: 3, Reopen: []time.Duration{10 * time.Minute}})
		}
		s.endpoint("shop")
		for i := range 10 {
			s.begun(fmt.Sprint("p", i))
		}
		s.run()
		time.Sleep(9 * time.Minute)
		if n := len(s.shop.deliveries("shop")); n < 3 || n > 6 {
			t.Errorf("%d attempts before the tap closed, want 3 to 6", n)
		}
		s.shop.respond(answers(http.StatusOK))
		time.Sleep(51 * time.Minute)
		delivered := 0
		for i := range 10 {
			rec, err := lastAttempt(s.ctx, s.b, broker.WebhookRef{Merchant: "m", Endpoint: "shop", Payment: fmt.Sprint("p", i), Version: 1})
			if err != nil {
				t.Fatal(err)
			}
			if rec.Outcome == outcomeDelivered && rec.Attempt <= 2 {
				delivered++
			}
		}
		if delivered != 10 {
			t.Errorf("%d of 10 events were delivered by their second attempt", delivered)
		}
	})
}

// While a fleet is restarted with a new endpoint, a worker that does not know it
// yet must not throw its webhooks away.
func TestDeliverer_LeavesAnEndpointItDoesNotKnow_ToAnotherWorker(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.begun("p")
		old := s.options
		s.endpoint("new")
		s.dispatch()
		s.options, old = old, s.options
		stop := s.run()
		time.Sleep(2 * time.Minute)
		stop()
		s.options = old
		s.run()
		time.Sleep(3 * time.Minute)
		if records := s.records("new"); !slices.Equal(records, []string{"1 delivered"}) {
			t.Errorf("records %v", records)
		}
	})
}
