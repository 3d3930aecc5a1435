package consumer

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
)

func (s *stage) dispatcher() *dispatcher {
	s.Helper()
	return &dispatcher{broker: s.b, endpoints: s.directory(), log: s.options.Log}
}

func (s *stage) nextEvent() jetstream.Msg {
	return s.next(broker.StreamStatus, dispatcherName, broker.FilterStatus)
}

// dispatch lets the dispatcher work on the next event.
func (s *stage) dispatch() {
	s.Helper()
	if err := s.dispatcher().handle(s.ctx, s.nextEvent(), taken()); err != nil {
		s.Fatalf("dispatch: %v", err)
	}
	synctest.Wait() // for the acknowledgement
}

// jobs are the webhooks that are due, as "endpoint/version".
func (s *stage) jobs() []broker.WebhookRef {
	s.Helper()
	var all []broker.WebhookRef
	for _, m := range s.messages(broker.StreamWork) {
		if ref, err := broker.ParseWebhook(m.Subject); err == nil {
			all = append(all, ref)
		}
	}
	return all
}

// An endpoint that is off gets its jobs too: they become what it missed.
func TestDispatcher_MakesOneJobForEachInterestedEndpoint(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.endpoint("all")
		s.endpoint("paid", "payment.succeeded", "payment.refunded")
		s.endpoint("family", "payment.*")
		s.endpoint("off")
		s.endpoints[3].Disabled = true
		s.endpoint("elsewhere")
		s.endpoints[4].Merchant = "another"
		s.changed(s.begun("p"), payment.Succeeded)
		s.dispatch()
		s.dispatch()
		var want []broker.WebhookRef
		for _, job := range []struct {
			endpoint string
			version  int
		}{{"all", 1}, {"family", 1}, {"off", 1}, {"all", 2}, {"paid", 2}, {"family", 2}, {"off", 2}} {
			want = append(want, broker.WebhookRef{Merchant: "m", Endpoint: job.endpoint, Payment: "p", Version: job.version})
		}
		if got := s.jobs(); !slices.Equal(got, want) {
			t.Errorf("jobs %+v, want %+v", got, want)
		}
	})
}

// The very bytes of the event go out, and the job knows what went before it.
func TestDispatcher_HandsOnTheBytes_AndThePlaceInTheLog(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.endpoint("shop")
		is := s.begun("p")
		s.begun("q") // so that places in the log are no versions
		s.changed(is, payment.Succeeded)
		for range 3 {
			s.dispatch()
		}
		s.nextJob()
		s.nextJob()
		msg := s.nextJob()
		j, err := readJob(msg)
		if err != nil {
			t.Fatal(err)
		}
		if event := s.messages(broker.StreamStatus)[2]; string(j.Body) != string(event.Data) {
			t.Errorf("the job's body is %s, the event's %s", j.Body, event.Data)
		}
		if j.Version != 2 || j.Seq != 3 || j.Before != 1 || j.Attempts != 0 {
			t.Errorf("job %+v", j)
		}
	})
}

func TestDispatcher_MakesADeadLetter_OfWhatNoWorkerWrote(t *testing.T) {
	rows := map[string]func(s *stage, m *nats.Msg){
		"an acknowledgement": func(_ *stage, m *nats.Msg) { m.Data, m.Header = []byte(`{"stream":"PAYMENTS","seq":1}`), nil },
		"no id":              func(_ *stage, m *nats.Msg) { m.Header.Del(headerID) },
		"another's id":       func(_ *stage, m *nats.Msg) { m.Header.Set(headerID, payment.EventID("m", "other", 1)) },
		"no origin":          func(_ *stage, m *nats.Msg) { m.Header.Del(headerOrigin) },
		"another status":     func(_ *stage, m *nats.Msg) { m.Subject = broker.StatusSubject("succeeded", acme, "m", "p") },
		"another payment":    func(_ *stage, m *nats.Msg) { m.Subject = broker.StatusSubject("pending", acme, "m", "q") },
	}
	for name, forge := range rows {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *stage) {
				s.endpoint("shop")
				s.begun("p")
				s.dispatch()
				good := s.messages(broker.StreamStatus)[0]
				m := &nats.Msg{Subject: good.Subject, Header: nats.Header{}, Data: good.Data}
				for name, values := range good.Header {
					if name[:5] != "Nats-" {
						m.Header[name] = values
					}
				}
				forge(s, m)
				if _, err := s.b.JetStream().PublishMsg(s.ctx, m); err != nil {
					t.Fatal(err)
				}
				s.dispatch()
				if dead := s.dead(); !slices.Equal(dead, []string{"dispatch/forged"}) {
					t.Errorf("dead letters %v", dead)
				}
				if n := len(s.jobs()); n != 1 {
					t.Errorf("%d jobs, want the good event's", n)
				}
			})
		})
	}
}

func TestDispatcher_LeavesAnEventThatNewerCodeWrote(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.endpoint("shop")
		s.newer("p")
		var left *payment.NewerSchemaError
		if err := s.dispatcher().handle(s.ctx, s.nextEvent(), taken()); !errors.As(err, &left) || len(s.dead()) != 0 || len(s.jobs()) != 0 {
			t.Errorf("dispatch: %v, dead letters %v, jobs %v", err, s.dead(), s.jobs())
		}
	})
}

// newer publishes a payment's first event as a newer program would.
func (s *stage) newer(id string) {
	s.Helper()
	d := payment.Data{
		PaymentID: id, MerchantID: "m", Account: acme, Version: 1, Status: payment.Pending,
		Expected: euros(s.TB, "33.00"), ObservedAt: time.Now(), SchemaVersion: payment.SchemaVersion + 1,
	}
	event := payment.Event{Type: payment.TypeOf(d.Status), Timestamp: d.ObservedAt, Data: d}
	if _, err := publish(s.ctx, s.b, event, standing{state: payment.State{Origin: payment.Origin{Digest: "x"}}}); err != nil {
		s.Fatal(err)
	}
}
