package ops

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/consumer"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/payment"
)

func (l *live) lag() LagReport {
	l.Helper()
	report, err := NewLags(LagOptions{Broker: l.b, Endpoints: l.endpoints, Dispatched: consumer.Dispatched}).Read(l.Context(), "m")
	if err != nil {
		l.Fatal(err)
	}
	return report
}

func (r LagReport) of(id string) Lag {
	return r.Endpoints[slices.IndexFunc(r.Endpoints, func(k Lag) bool { return k.Endpoint == id })]
}

func TestLag_OfAHangingEndpointGrows_AndOfAHealthyOneStaysZero(t *testing.T) {
	inLiveBubble(t, func(l *live) {
		t := l.T
		l.respond(func(r *http.Request) int {
			<-r.Context().Done() // for the whole time limit of 15 s
			return http.StatusOK
		})
		l.run()
		began := time.Now()
		for n := range 5 {
			is := l.begins(fmt.Sprint("p-", n))
			if n == 0 {
				time.Sleep(time.Second)
				l.goesOn(is, payment.Processing) // waits behind the first version
			}
		}
		time.Sleep(9 * time.Second)
		at := time.Since(began).Seconds()
		report := l.lag()
		if good := report.of("good"); good != (Lag{Merchant: "m", Endpoint: "good", Status: endpoint.Enabled}) {
			t.Errorf("healthy: %+v", good)
		}
		bad := report.of("bad")
		if bad.Undelivered != 6 || bad.Overdue < 5 || bad.OldestS != at || bad.OverdueS != at || bad.AtLeast {
			t.Errorf("hanging for %v s: %+v", at, bad)
		}

		// Given up by no schedule yet: by its event's time ever older, but between
		// two attempts nothing is owed.
		time.Sleep(5 * time.Minute)
		report = l.lag()
		if bad := report.of("bad"); bad.Undelivered != 6 || bad.OldestS != at+300 || bad.Overdue != 0 || bad.OverdueS != 0 {
			t.Errorf("later: %+v", bad)
		}
		if report.Worst() != 0 || report.of("good").OldestS != 0 || report.Undispatched != 0 {
			t.Errorf("later: %+v", report)
		}

		l.respond(func(*http.Request) int { return http.StatusOK })
		time.Sleep(20 * time.Minute)
		if bad := l.lag().of("bad"); bad != (Lag{Merchant: "m", Endpoint: "bad", Status: endpoint.Enabled}) {
			t.Errorf("recovered: %+v", bad)
		}
	})
}

func TestLag_TellsOfWorkersThatAreDown(t *testing.T) {
	inLiveBubble(t, func(l *live) {
		t := l.T
		stop := l.run()
		l.begins("p-1") // fails at bad, which is tried again 10 s later
		time.Sleep(time.Second)
		stop()
		l.begins("p-2")
		l.begins("p-3")
		time.Sleep(time.Hour)
		report := l.lag()
		if report.Undispatched != 2 || report.UndispatchedS != 3600 || report.Worst() != 3600 {
			t.Errorf("%d events since %v s, worst %v s", report.Undispatched, report.UndispatchedS, report.Worst())
		}
		// It was due 10 s after its first attempt, which was 1 s before the stop.
		bad := report.of("bad")
		if late := bad.OverdueS; bad.Undelivered != 1 || bad.Overdue != 1 || bad.OldestS != 3601 || late < 3590 || late > 3591 {
			t.Errorf("%+v", bad)
		}
	})
}

func TestLag_KnowsTimersThatDidNotFire_AndEndpointsThatAreGone(t *testing.T) {
	inLiveBubble(t, func(l *live) {
		t := l.T
		begin := time.Now()
		event := fmt.Appendf(nil, `{"timestamp":%q}`, begin.Add(-time.Hour).UTC().Format(time.RFC3339Nano))
		for version, in := range []time.Duration{2 * time.Hour, 3 * time.Hour} {
			if err := l.b.Arm(t.Context(), broker.Timer{
				Subject: broker.WebhookTimer("m", "old", "p", version+1), Target: broker.WebhookDue("m", "old", "p", version+1), At: begin.Add(in), Body: event,
			}); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.b.PublishDue(t.Context(), broker.Due{Subject: broker.WebhookDue("m", "good", "p", 1), Body: []byte("nonsense")}); err != nil {
			t.Fatal(err)
		}
		late := broker.Timer{Subject: broker.WebhookTimer("m", "bad", "p", 1), Target: broker.WebhookDue("m", "bad", "p", 1), At: begin.Add(-time.Minute), Body: event}
		if err := l.b.Arm(t.Context(), late); err != nil {
			t.Fatal(err)
		}
		// The broker has not looked yet.
		if bad := l.lag().of("bad"); bad.Undelivered != 1 || bad.Overdue != 1 || bad.OverdueS != 60 || bad.OldestS != 3600 {
			t.Errorf("late: %+v", bad)
		}
		time.Sleep(time.Minute)
		report := l.lag()
		if old := report.of("old"); old.Status != Removed || old.Undelivered != 2 || old.OldestS != 3660 || old.Overdue != 0 {
			t.Errorf("armed: %+v", old)
		}
		if good := report.of("good"); good.Overdue != 1 || good.OverdueS != 60 || good.OldestS != 60 {
			t.Errorf("due: %+v", good)
		}
	})
}

func TestLag_SaysSo_WhereNotEveryWebhookIsLookedInto(t *testing.T) {
	inLiveBubble(t, func(l *live) {
		t := l.T
		// The one that has rested for longest is looked into in any case.
		rests := broker.Timer{Subject: broker.WebhookTimer("m", "bad", "z", 1), Target: broker.WebhookDue("m", "bad", "z", 1),
			At: time.Now().Add(time.Hour), Body: fmt.Appendf(nil, `{"timestamp":%q}`, time.Now().Add(-24*time.Hour).UTC().Format(time.RFC3339Nano))}
		if err := l.b.Arm(t.Context(), rests); err != nil {
			t.Fatal(err)
		}
		for n := range lagReads {
			at := time.Now().Add(-time.Duration(n) * time.Minute).UTC()
			due := broker.Due{Subject: broker.WebhookDue("m", "bad", fmt.Sprintf("p-%04d", n), 1), Body: fmt.Appendf(nil, `{"timestamp":%q}`, at.Format(time.RFC3339Nano))}
			if err := l.b.PublishDue(t.Context(), due); err != nil {
				t.Fatal(err)
			}
		}
		bad := l.lag().of("bad")
		if bad.Undelivered != lagReads+1 || bad.Overdue != lagReads || !bad.AtLeast || bad.OldestS != 24*3600 {
			t.Errorf("%+v", bad)
		}
	})
}

// A consumer on the work queue would take webhooks from the workers.
func TestLag_LeavesNothingBehind(t *testing.T) {
	inLiveBubble(t, func(l *live) {
		t := l.T
		l.begins("p-1")
		before := l.state()
		l.lag()
		if after := l.state(); after != before {
			t.Errorf("before %s, after %s", before, after)
		}
	})
}

func (l *live) state() string {
	l.Helper()
	var all []string
	list := l.b.JetStream().ListStreams(l.Context())
	for info := range list.Info() {
		all = append(all, fmt.Sprint(info.Config.Name, info.State.LastSeq, info.State.Msgs, info.State.Consumers))
	}
	slices.Sort(all)
	return fmt.Sprint(all)
}
