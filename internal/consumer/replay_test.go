package consumer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/invariant"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/ops"
	"reconciler/internal/payment"
)

// replay queues what is selected, as `reconciler replay` does.
func (s *stage) replay(sel ops.Selection) ops.ReplayResult {
	s.Helper()
	is, err := s.replays().Run(s.ctx, ops.ReplayWish{Selection: sel, Name: "night", Rate: 1000, Again: true})
	if err != nil {
		s.Fatal(err)
	}
	return is
}

func (s *stage) replays() *ops.Replays {
	s.Helper()
	store, err := endpoint.OpenStore(s.ctx, endpoint.StoreOptions{Broker: s.b, AllowHTTP: true})
	if err != nil {
		s.Fatal(err)
	}
	return ops.NewReplays(ops.ReplayOptions{
		Broker: s.b, Endpoints: ops.NewEndpoints(ops.Options{Store: store, Configured: s.endpoints}), Job: ReplayJob, Dispatched: Dispatched,
	})
}

// replayed puts one event of the status stream on its way to an endpoint once more.
func (s *stage) replayed(seq uint64, endpoint, mark string) {
	s.Helper()
	stored, err := s.b.StatusAt(s.ctx, seq)
	if err != nil {
		s.Fatal(err)
	}
	due, err := ReplayJob(stored, endpoint, mark)
	if err == nil {
		err = s.b.PublishDue(s.ctx, due)
	}
	if err != nil {
		s.Fatal(err)
	}
}

// marked are the records of an endpoint as "version outcome replay".
func (s *stage) marked(endpoint string) []string {
	s.Helper()
	var all []string
	for _, m := range s.messages(broker.StreamWebhookLog) {
		outcome, ref, err := broker.ParseWebhookLogSubject(m.Subject)
		var rec attemptRecord
		if err != nil || json.Unmarshal(m.Data, &rec) != nil || rec.Replay != m.Header.Get(headerReplay) {
			s.Fatalf("%s: %v, replay %q", m.Subject, err, m.Header.Get(headerReplay))
		}
		if ref.Endpoint == endpoint {
			all = append(all, strings.TrimSpace(fmt.Sprintf("%d %s %s", ref.Version, outcome, rec.Replay)))
		}
	}
	return all
}

func TestReplay_BringsTheSameIDAndBytes_AndSaysThatItIsOne(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.endpoint("shop")
		s.changed(s.changed(s.begun("p"), payment.Processing), payment.Succeeded)
		s.run()
		time.Sleep(time.Hour)
		if is := s.replay(ops.Selection{Payment: "p"}); is.Counts.Sent != 3 {
			t.Fatalf("%+v", is)
		}
		time.Sleep(time.Minute)
		got := s.shop.deliveries("shop")
		if len(got) != 6 {
			t.Fatalf("%d deliveries", len(got))
		}
		for i, first := range got[:3] {
			second := got[3+i]
			if first.replay != "" || second.replay != "true" || second.err != nil {
				t.Errorf("headers %q and %q, %v", first.replay, second.replay, second.err)
			}
			if first.id != second.id || !bytes.Equal(first.body, second.body) {
				t.Errorf("%s came again as %s\n%s\n%s", first.id, second.id, first.body, second.body)
			}
		}
		want := []string{"1 delivered", "2 delivered", "3 delivered", "1 delivered night", "2 delivered night", "3 delivered night"}
		if records := s.marked("shop"); !slices.Equal(records, want) || len(s.jobs()) != 0 {
			t.Errorf("records %v, jobs %v", records, s.jobs())
		}
	})
}

// A replay's job that comes again after its end is dropped; one of another replay is not.
func TestReplay_IsDeliveredOncePerReplay(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.endpoint("shop")
		seq := s.begun("p").seq
		s.run()
		time.Sleep(time.Minute)
		for _, mark := range []string{"night", "night#2", "night#2", "day"} {
			s.replayed(seq, "shop", mark)
			time.Sleep(10 * time.Minute) // past the server's window for ids
		}
		want := []string{"1 delivered", "1 delivered night", "1 delivered night#2", "1 delivered day"}
		if records := s.marked("shop"); !slices.Equal(records, want) || len(s.shop.deliveries("shop")) != 4 {
			t.Errorf("records %v, %d deliveries", records, len(s.shop.deliveries("shop")))
		}
	})
}

// What an endpoint missed, the 410 and the pause after it, comes in order, and the
// log then ends with deliveries; the history is one that the judge takes.
func TestReplay_BringsWhatAnEndpointMissed(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.shop.respond(answers(http.StatusGone))
		s.endpoint("shop")
		is := s.changed(s.begun("p"), payment.Processing)
		stop := s.run()
		time.Sleep(time.Minute)
		stop()
		s.endpoints[0].Disabled = true
		is = s.changed(is, payment.Succeeded)
		stop = s.run()
		time.Sleep(time.Minute)
		if off := s.replay(ops.Selection{Skipped: true}); off.Counts != (ops.ReplayCounts{Off: 3}) {
			t.Errorf("while it was off: %+v", off.Counts)
		}
		stop()

		s.endpoints[0].Disabled = false
		s.shop.respond(answers(http.StatusOK))
		opened := time.Now()
		s.run()
		time.Sleep(time.Minute)
		came := len(s.shop.deliveries("shop"))
		if sent := s.replay(ops.Selection{Skipped: true}); sent.Counts != (ops.ReplayCounts{Sent: 3}) || sent.Run != 2 {
			t.Errorf("then: %+v", sent)
		}
		ends, err := s.replays().Wait(s.ctx, "night", nil)
		if err != nil || ends.Delivered != 3 {
			t.Errorf("%+v, %v", ends, err)
		}
		s.changed(is, payment.Refunded)
		time.Sleep(time.Minute)
		if got := s.shop.versions("shop")[came:]; !slices.Equal(got, []int{1, 2, 3, 4}) {
			t.Errorf("versions %v came", got)
		}
		for _, violation := range invariant.Check(s.history(func(d delivery) bool { return !d.at.Before(opened) })) {
			if violation.Rule == 5 {
				t.Errorf("%v", violation)
			}
		}
		if left := s.replay(ops.Selection{Skipped: true}); left.Counts != (ops.ReplayCounts{}) {
			t.Errorf("afterwards: %+v", left.Counts)
		}
	})
}

// history is what the judge may look at of webhooks, of endpoints that were off at
// some time. took says which attempts the shop took.
func (s *stage) history(took func(delivery) bool) invariant.History {
	s.Helper()
	h := invariant.History{Now: time.Now(), Quiet: true, Without: invariant.Sources{Created: true, Looks: true}}
	for _, m := range s.messages(broker.StreamStatus) {
		e, _, err := readEvent(m.Subject, m.Header, m.Data)
		if err != nil {
			s.Fatal(err)
		}
		h.Events = append(h.Events, invariant.Event{
			Seq: m.Sequence, Time: m.Time, Status: e.Data.Status, Account: e.Data.Account, Merchant: e.Data.MerchantID,
			Payment: e.Data.PaymentID, ID: e.ID(), Body: m.Data,
		})
	}
	for _, m := range s.messages(broker.StreamWebhookLog) {
		outcome, of, _ := broker.ParseWebhookLogSubject(m.Subject)
		h.Attempts = append(h.Attempts, invariant.Attempt{
			Seq: m.Sequence, Time: m.Time, Outcome: outcome, Merchant: of.Merchant, Endpoint: of.Endpoint, Payment: of.Payment,
			Version: of.Version, EventID: payment.EventID(of.Merchant, of.Payment, of.Version), Body: m.Data,
		})
	}
	for _, m := range s.messages(broker.StreamDead) {
		letter, err := s.b.ReadDead(s.ctx, m.Sequence)
		if err != nil {
			s.Fatal(err)
		}
		of, _ := broker.ParseWebhook(letter.Source.Subject)
		h.Dead = append(h.Dead, invariant.Dead{
			Time: m.Time, Stage: letter.Stage, Reason: letter.Reason, Merchant: letter.Merchant, Payment: letter.Payment,
			Endpoint: of.Endpoint, Version: of.Version, SourceStream: letter.Source.Stream, SourceSeq: letter.Source.Seq, Body: letter.Source.Body,
		})
	}
	for _, d := range s.shop.deliveries("shop") {
		h.Receipts = append(h.Receipts, invariant.Receipt{
			Time: d.at, Merchant: d.data.MerchantID, Endpoint: d.endpoint, EventID: d.id, Body: d.body, Verified: d.err == nil,
			Delivered: took(d),
		})
	}
	for _, e := range s.endpoints {
		h.Endpoints = append(h.Endpoints, invariant.Endpoint{ID: e.ID, Merchant: e.Merchant, Disabled: true})
	}
	return h
}

// Three events of a payment are replayed while the first one fails: those behind it
// wait; a new event of the payment does not, and another payment's neither.
func TestReplay_KeepsTheOrderOfWhatWaits_AndHoldsUpNothingNew(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.endpoint("shop")
		is := s.changed(s.changed(s.begun("p"), payment.Processing), payment.Authorized)
		s.changed(s.begun("q"), payment.Succeeded)
		s.run()
		time.Sleep(time.Minute)
		failing := func(d delivery) bool {
			return d.replay != "" && d.data.PaymentID == "p" && d.data.Version == 1 && d.nth < 5
		}
		s.shop.respond(func(_ http.ResponseWriter, d delivery) int {
			if failing(d) {
				return http.StatusInternalServerError
			}
			return http.StatusOK
		})
		came := time.Now()
		s.replay(ops.Selection{All: true})
		time.Sleep(2 * time.Minute)
		s.changed(is, payment.Succeeded)
		time.Sleep(2 * time.Hour)

		again := func(d delivery) bool { return d.replay != "" && !failing(d) }
		versions, at := s.arrived("shop", "p", again)
		if !slices.Equal(versions, []int{1, 2, 3}) || at[0].Sub(came) < 35*time.Minute || at[2].Sub(at[0]) > 10*time.Second {
			t.Errorf("replayed versions %v came, %v", versions, at)
		}
		if versions, at := s.arrived("shop", "q", again); !slices.Equal(versions, []int{1, 2}) || at[1].Sub(came) > 5*time.Second {
			t.Errorf("replayed versions %v of the other payment came", versions)
		}
		versions, at = s.arrived("shop", "p", func(d delivery) bool { return d.replay == "" })
		if !slices.Equal(versions, []int{1, 2, 3, 4}) || at[3].Sub(came) > 2*time.Minute+time.Second {
			t.Errorf("first deliveries %v came, the last one after %v", versions, at[len(at)-1].Sub(came))
		}
	})
}

// While the event behind the newest is being replayed, and fails, its record is no
// end: a first delivery goes all the same.
func TestReplay_HoldsUpNoFirstDelivery_ThoughThePrecedingEventIsReplayed(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.endpoint("shop")
		is := s.begun("p")
		s.run()
		time.Sleep(time.Minute)
		s.shop.respond(func(_ http.ResponseWriter, d delivery) int {
			if d.replay != "" {
				return http.StatusInternalServerError
			}
			return http.StatusOK
		})
		s.replay(ops.Selection{All: true})
		time.Sleep(time.Minute)
		s.changed(is, payment.Succeeded)
		time.Sleep(10 * time.Second)
		if got := s.records("shop"); got[len(got)-1] != "2 delivered" {
			t.Errorf("records %v", got)
		}
	})
}

// A delivery that is being tried is left alone by a replay. And were a job of it
// there all the same, both would come to an end.
func TestReplay_LeavesADeliveryInProgressAlone(t *testing.T) {
	for _, forced := range []bool{false, true} {
		t.Run(fmt.Sprint("forced ", forced), func(t *testing.T) {
			inBubble(t, func(s *stage) {
				s.shop.respond(func(_ http.ResponseWriter, d delivery) int {
					if d.nth < 4 || forced && d.nth < 5 {
						return http.StatusInternalServerError
					}
					return http.StatusOK
				})
				s.endpoint("shop")
				began := time.Now()
				is := s.begun("p")
				s.run()
				time.Sleep(time.Minute)
				if forced {
					s.replayed(is.seq, "shop", "night")
				} else if all := s.replay(ops.Selection{All: true}); all.Counts != (ops.ReplayCounts{Pending: 1}) {
					t.Errorf("%+v", all.Counts)
				}
				time.Sleep(time.Hour)
				got := s.shop.deliveries("shop")
				last := got[len(got)-1]
				if !forced && (last.at.Sub(began).Round(time.Minute) != 35*time.Minute || last.replay != "" || len(got) != 4) {
					t.Errorf("the last of %d attempts came after %v", len(got), last.at.Sub(began))
				}
				records := s.marked("shop")
				if !strings.HasPrefix(records[len(records)-1], "1 delivered") || len(s.jobs()) != 0 {
					t.Errorf("records %v, jobs %v", records, s.jobs())
				}
			})
		})
	}
}

func TestReplay_FollowsTheSchedule_ThenMakesADeadLetter(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.endpoint("shop")
		s.endpoints[0].Schedule = []time.Duration{0, 5 * time.Second, 30 * time.Second}
		s.begun("p")
		s.run()
		time.Sleep(time.Minute)
		s.shop.respond(answers(http.StatusInternalServerError))
		s.replay(ops.Selection{All: true})
		time.Sleep(time.Hour)
		if records := s.marked("shop"); !slices.Equal(records, []string{"1 delivered", "1 failed night", "1 failed night", "1 exhausted night"}) {
			t.Errorf("records %v", records)
		}
		if dead := s.dead(); !slices.Equal(dead, []string{"webhook/exhausted"}) || len(s.jobs()) != 0 {
			t.Errorf("dead letters %v, jobs %v", dead, s.jobs())
		}
		s.shop.respond(answers(http.StatusOK))
		all, err := s.replays().Run(s.ctx, ops.ReplayWish{Selection: ops.Selection{Dead: "exhausted"}})
		if err != nil || all.Counts.Sent != 1 {
			t.Errorf("%+v, %v", all, err)
		}
	})
}

// A worker dies after the record and before the acknowledgement; another one that
// knows no replays must not take the job for one of the dispatcher's.
func TestReplay_BearsAWorkersDeath(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.endpoint("shop")
		seq := s.begun("p").seq
		s.dispatch()
		s.mustDeliver(s.nextJob())
		s.replayed(seq, "shop", "night")
		msg := s.nextJob()
		if job := msg.Headers().Get(headerJob); !strings.Contains(job, `"schema":2`) || !strings.Contains(job, `"replay":"night"`) {
			t.Errorf("job %s", job)
		}
		if err := s.deliverer().handle(s.ctx, unacknowledged{msg}, taken()); err != nil {
			t.Fatal(err)
		}
		s.mustDeliver(s.again(msg, s.nextJob))
		synctest.Wait()
		if n := len(s.shop.deliveries("shop")); n != 2 || len(s.jobs()) != 0 {
			t.Errorf("%d deliveries, jobs %v", n, s.jobs())
		}
	})
}

// unacknowledged loses acknowledgements.
type unacknowledged struct{ jetstream.Msg }

func (unacknowledged) Ack() error { return nil }
