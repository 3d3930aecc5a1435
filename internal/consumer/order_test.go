package consumer

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
)

// arrived are the versions of a payment that an endpoint took, in that order,
// with the moments.
func (s *stage) arrived(endpoint, id string, took func(delivery) bool) (versions []int, at []time.Time) {
	for _, d := range s.shop.deliveries(endpoint) {
		if d.data.PaymentID == id && took(d) {
			versions, at = append(versions, d.data.Version), append(at, d.at)
		}
	}
	return versions, at
}

func always(delivery) bool { return true }

// Three events of one payment, published while the endpoint fails: they arrive
// in order, and another payment does not wait for them.
func TestOrder_LaterVersionsWaitForEarlierOnes(t *testing.T) {
	inBubble(t, func(s *stage) {
		fails := func(d delivery) bool { return d.data.PaymentID == "p" && d.data.Version == 1 && d.nth < 4 }
		s.shop.respond(func(_ http.ResponseWriter, d delivery) int {
			if fails(d) {
				return http.StatusInternalServerError
			}
			return http.StatusOK
		})
		s.endpoint("shop")
		began := time.Now()
		s.changed(s.changed(s.begun("p"), payment.Processing), payment.Succeeded)
		s.changed(s.begun("q"), payment.Succeeded)
		s.run()
		time.Sleep(time.Hour)
		versions, at := s.arrived("shop", "p", func(d delivery) bool { return !fails(d) })
		if !slices.Equal(versions, []int{1, 2, 3}) {
			t.Fatalf("versions %v arrived", versions)
		}
		// Attempt 4 is 35 min 5 s after the first; the others follow shortly after.
		if first, last := at[0].Sub(began), at[2].Sub(began); first < 35*time.Minute || last-first > 10*time.Second {
			t.Errorf("version 1 arrived after %v, version 3 after %v", first, last)
		}
		if versions, at := s.arrived("shop", "q", always); !slices.Equal(versions, []int{1, 2}) || at[1].Sub(began) > 5*time.Second {
			t.Errorf("versions %v of the other payment arrived at %v", versions, at)
		}
	})
}

func TestOrder_LaterVersionsGo_OnceAnEarlierOneIsGivenUp(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.shop.respond(func(_ http.ResponseWriter, d delivery) int {
			if d.data.Version == 1 {
				return http.StatusNotFound
			}
			return http.StatusOK
		})
		s.options.Schedule = s.options.Schedule[:3]
		s.endpoint("shop")
		s.changed(s.begun("p"), payment.Succeeded)
		s.run()
		time.Sleep(time.Hour)
		if got := s.shop.versions("shop"); !slices.Equal(got, []int{1, 1, 1, 2}) {
			t.Errorf("versions %v were attempted", got)
		}
		if dead := s.dead(); !slices.Equal(dead, []string{"webhook/exhausted"}) {
			t.Errorf("dead letters %v", dead)
		}
	})
}

// An event that the dispatcher can't get past holds back nobody: neither who
// filters earlier versions out nor, of course, who had them.
func TestOrder_PassesOverFilteredVersions_ThoughTheDispatcherIsStuckElsewhere(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.endpoint("paid", "payment.succeeded", "payment.refunded")
		s.endpoint("all")
		s.newer("stuck")
		is := s.changed(s.changed(s.begun("p"), payment.Processing), payment.Succeeded)
		s.run()
		time.Sleep(10 * time.Second)
		if floor, err := s.b.AckFloor(s.ctx, broker.StreamStatus, dispatcherName); err != nil || floor != 0 {
			t.Fatalf("the dispatcher is at %d, %v: it is not stuck", floor, err)
		}
		if got := s.shop.versions("paid"); !slices.Equal(got, []int{3}) {
			t.Errorf("versions %v arrived where earlier ones are filtered out", got)
		}
		s.changed(is, payment.Refunded)
		time.Sleep(10 * time.Second)
		if got := s.shop.versions("paid"); !slices.Equal(got, []int{3, 4}) {
			t.Errorf("versions %v arrived where earlier ones are filtered out", got)
		}
		if got := s.shop.versions("all"); !slices.Equal(got, []int{1, 2, 3, 4}) {
			t.Errorf("versions %v arrived where none is", got)
		}
	})
}

// Two workers dispatch two events of one payment; the later one is faster.
func TestOrder_WaitsForAVersionThatIsNotDispatchedYet(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.endpoint("shop")
		s.endpoint("paid", "payment.pending", "payment.succeeded")
		s.changed(s.changed(s.begun("p"), payment.Processing), payment.Succeeded)
		first, second := s.nextEvent(), s.nextEvent()
		s.dispatch() // version 3
		d := s.deliverer()
		for range 2 {
			if err := d.handle(s.ctx, s.nextJob(), taken()); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(s.shop.deliveries("shop")) + len(s.shop.deliveries("paid")); n != 0 {
			t.Fatalf("%d attempts before version 1 was dispatched", n)
		}
		for _, event := range []jetstream.Msg{first, second} {
			if err := event.Nak(); err != nil {
				t.Fatal(err)
			}
		}
		s.run()
		time.Sleep(time.Minute)
		if got := s.shop.versions("shop"); !slices.Equal(got, []int{1, 2, 3}) {
			t.Errorf("versions %v arrived", got)
		}
		if got := s.shop.versions("paid"); !slices.Equal(got, []int{1, 3}) {
			t.Errorf("versions %v arrived where 2 is filtered out", got)
		}
	})
}

func TestOrder_LetsANewEndpointBeginAnywhere(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.endpoint("old")
		is := s.changed(s.begun("p"), payment.Processing)
		stop := s.run()
		time.Sleep(time.Minute)
		stop()
		s.endpoint("new")
		s.changed(s.changed(is, payment.Succeeded), payment.Refunded)
		began := time.Now()
		s.run()
		time.Sleep(time.Minute)
		if got := s.shop.versions("old"); !slices.Equal(got, []int{1, 2, 3, 4}) {
			t.Errorf("versions %v arrived at the old endpoint", got)
		}
		versions, at := s.arrived("new", "p", always)
		if !slices.Equal(versions, []int{3, 4}) || at[1].Sub(began) > 5*time.Second {
			t.Errorf("versions %v arrived at the new endpoint at %v", versions, at)
		}
	})
}

// What was queued for an endpoint that is gone or off is recorded as skipped, and
// does not stand in the way of what comes after its return.
func TestOrder_GoesOn_WhenAnEndpointWasRemovedOrDisabled(t *testing.T) {
	for name, change := range map[string]func(*stage){
		"removed":  func(s *stage) { s.endpoints = nil },
		"disabled": func(s *stage) { s.endpoints[0].Disabled = true },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *stage) {
				s.shop.respond(answers(http.StatusInternalServerError))
				s.endpoint("shop")
				is := s.changed(s.begun("p"), payment.Processing)
				stop := s.run()
				time.Sleep(time.Minute)
				stop()

				with := slices.Clone(s.endpoints)
				change(s)
				is = s.changed(is, payment.Succeeded)
				stop = s.run()
				time.Sleep(time.Hour)
				stop()
				if records := s.records("shop"); !slices.Contains(records, "1 skipped") || !slices.Contains(records, "2 skipped") || len(s.jobs()) != 0 {
					t.Errorf("records %v, jobs %v", records, s.jobs())
				}

				s.endpoints = with
				s.endpoints[0].Disabled = false
				s.shop.respond(answers(http.StatusOK))
				s.changed(is, payment.Refunded)
				s.run()
				time.Sleep(time.Minute)
				if got := s.shop.versions("shop"); got[len(got)-1] != 4 {
					t.Errorf("versions %v were attempted, want 4 in the end", got)
				}
			})
		})
	}
}
