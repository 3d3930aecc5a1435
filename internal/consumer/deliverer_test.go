package consumer

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
	"reconciler/internal/retry"
)

func (s *stage) deliverer() *deliverer {
	s.Helper()
	return &deliverer{
		broker: s.b, endpoints: s.directory(), parties: newParties(s.options.Guards, s.options.Sender), sender: s.options.Sender,
		schedule: s.options.Schedule, random: s.options.Random, order: &order{broker: s.b}, waiting: s.options.Workers,
		ackWait: s.options.AckWait, log: s.options.Log,
	}
}

func (s *stage) nextJob() jetstream.Msg {
	return s.next(broker.StreamWork, delivererName, broker.WebhookDueFilter())
}

// mustDeliver lets a deliverer work on a job.
func (s *stage) mustDeliver(msg jetstream.Msg) {
	s.Helper()
	if err := s.deliverer().handle(s.ctx, msg, taken()); err != nil {
		s.Fatalf("deliver: %v", err)
	}
	synctest.Wait() // for the acknowledgement
}

// records are the webhook log of an endpoint, as "version outcome".
func (s *stage) records(endpoint string) []string {
	s.Helper()
	var all []string
	for _, m := range s.messages(broker.StreamWebhookLog) {
		outcome, ref, err := broker.ParseWebhookLogSubject(m.Subject)
		if err != nil {
			s.Fatal(err)
		}
		if ref.Endpoint == endpoint {
			all = append(all, fmt.Sprintf("%d %s", ref.Version, outcome))
		}
	}
	return all
}

// Each attempt comes by the table, never earlier, and not more than a tenth later.
func TestDeliverer_KeepsTheSchedule_ThenMakesADeadLetter(t *testing.T) {
	inBubble(t, func(s *stage) {
		jitters := []float64{0, 0.999}
		asked := 0
		s.options.Random = func() float64 {
			asked++
			return jitters[(asked-1)%2]
		}
		s.shop.respond(answers(http.StatusInternalServerError))
		s.endpoint("shop")
		before := time.Now()
		s.begun("p")
		s.run()
		time.Sleep(85 * time.Hour)
		got := s.shop.deliveries("shop")
		want := retry.Webhooks()
		if len(got) != len(want) {
			t.Fatalf("%d attempts, want %d", len(got), len(want))
		}
		for i, d := range got {
			least := want[i]
			if i > 0 {
				least = time.Duration(float64(want[i]) * (1 + jitters[(i-1)%2]/10))
			}
			if delay := d.at.Sub(before); delay < least || delay > least+500*time.Millisecond {
				t.Errorf("attempt %d came after %v, want %v", i+1, delay, least)
			}
			if d.err != nil || d.id != got[0].id {
				t.Errorf("attempt %d: id %s, %v", i+1, d.id, d.err)
			}
			before = d.at
		}
		if dead := s.dead(); !slices.Equal(dead, []string{"webhook/exhausted"}) {
			t.Errorf("dead letters %v", dead)
		}
		records := s.records("shop")
		if len(records) != len(want) || records[len(want)-1] != "1 exhausted" || records[0] != "1 failed" {
			t.Errorf("records %v", records)
		}
		if n := len(s.jobs()); n != 0 {
			t.Errorf("%d jobs are left", n)
		}
	})
}

func TestDeliverer_HonoursRetryAfter_UpToSixHours(t *testing.T) {
	rows := []struct {
		status      int
		after       string
		least, most time.Duration
	}{
		{http.StatusServiceUnavailable, "3600", time.Hour, time.Hour},
		{http.StatusTooManyRequests, "3600", time.Hour, time.Hour},
		{http.StatusTooManyRequests, "1", 5 * time.Second, 5 * time.Second}, // only ever lengthens the table
		{http.StatusServiceUnavailable, "360000", 6 * time.Hour, 6 * time.Hour},
		{http.StatusInternalServerError, "3600", 5 * time.Second, 5 * time.Second},
	}
	for _, row := range rows {
		t.Run(fmt.Sprint(row.status, " ", row.after), func(t *testing.T) {
			inBubble(t, func(s *stage) {
				s.shop.respond(func(w http.ResponseWriter, d delivery) int {
					if d.nth > 1 {
						return http.StatusOK
					}
					w.Header().Set("Retry-After", row.after)
					return row.status
				})
				s.endpoint("shop")
				s.begun("p")
				s.run()
				time.Sleep(8 * time.Hour)
				got := s.shop.deliveries("shop")
				if len(got) != 2 {
					t.Fatalf("%d attempts, want 2", len(got))
				}
				// A tap that the receiver closed opens for the next job a moment later.
				if delay := got[1].at.Sub(got[0].at); delay < row.least || delay > row.most+3*time.Second {
					t.Errorf("the second attempt came after %v, want %v", delay, row.least)
				}
			})
		})
	}
}

// 410: that event is given up, the rest is not sent, the others are not concerned.
func TestDeliverer_SendsNothingMore_AfterGone(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.shop.respond(func(_ http.ResponseWriter, d delivery) int {
			if d.endpoint == "gone" {
				return http.StatusGone
			}
			return http.StatusOK
		})
		s.endpoint("gone")
		s.endpoint("other")
		is := s.begun("p")
		s.run()
		time.Sleep(time.Minute)
		s.changed(is, payment.Succeeded)
		time.Sleep(time.Hour)
		if got := s.shop.versions("gone"); !slices.Equal(got, []int{1}) {
			t.Errorf("versions %v reached the endpoint that is gone", got)
		}
		if got := s.records("gone"); !slices.Equal(got, []string{"1 exhausted", "2 skipped"}) {
			t.Errorf("records %v", got)
		}
		if dead := s.dead(); !slices.Equal(dead, []string{"webhook/gone"}) {
			t.Errorf("dead letters %v", dead)
		}
		if got := s.shop.versions("other"); !slices.Equal(got, []int{1, 2}) {
			t.Errorf("versions %v reached the other endpoint", got)
		}
	})
}

// A receiver that takes the connection and never answers fails like any other.
func TestDeliverer_ChargesAnEndpointThatHangs(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.shop.respond(func(http.ResponseWriter, delivery) int {
			time.Sleep(time.Minute)
			return http.StatusOK
		})
		s.options.Schedule = retry.Webhooks()[:3]
		s.endpoint("shop")
		s.begun("p")
		s.run()
		time.Sleep(time.Hour)
		if n := len(s.shop.deliveries("shop")); n != 3 {
			t.Errorf("%d attempts, want 3", n)
		}
		if dead := s.dead(); !slices.Equal(dead, []string{"webhook/exhausted"}) {
			t.Errorf("dead letters %v", dead)
		}
		rec, err := lastAttempt(s.ctx, s.b, broker.WebhookRef{Merchant: "m", Endpoint: "shop", Payment: "p", Version: 1})
		if err != nil || rec.Class != "answer_timeout" {
			t.Errorf("the last record is %+v, %v", rec, err)
		}
	})
}

// A fault of ours is not the merchant's: no attempt is spent however long it lasts.
func TestDeliverer_ChargesNothing_ForAFaultOfOurs(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.shop.unreachable = &net.OpError{Op: "dial", Err: syscall.EMFILE}
		s.endpoint("shop")
		s.begun("p")
		before := s.lastSeq(broker.StreamWork)
		stop := s.run()
		time.Sleep(4 * time.Hour)
		if got := s.records("shop"); len(got) != 0 {
			t.Errorf("records %v", got)
		}
		// One timer and one due message in half a minute or more.
		if n := s.lastSeq(broker.StreamWork) - before; n < 200 || n > 1000 {
			t.Errorf("%d messages in four hours of waiting", n)
		}
		stop()
		s.shop.unreachable = nil
		s.run()
		time.Sleep(3 * time.Minute)
		rec, err := lastAttempt(s.ctx, s.b, broker.WebhookRef{Merchant: "m", Endpoint: "shop", Payment: "p", Version: 1})
		if err != nil || rec.Outcome != outcomeDelivered || rec.Attempt != 1 {
			t.Errorf("the last record is %+v, %v", rec, err)
		}
	})
}
