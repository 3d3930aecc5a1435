package audit

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/payment"
)

// benchPayments are published for a benchmark: each with a created event, two events, two
// records and a timer, as the workers write them.
const benchPayments = 10_000

// BenchmarkAudit reads and judges payments; heap-MiB is the most that was in use beyond what
// the broker in the same process had.
func BenchmarkAudit(b *testing.B) {
	br := brokertest.Start(b)
	began := time.Now()
	publishAll(b, br)
	b.Logf("%d payments published in %s", benchPayments, time.Since(began).Round(time.Millisecond))
	s := newStage(b, br)
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	base := m.HeapInuse
	for b.Loop() {
		o := s.options()
		o.Accounts = nil
		most := base
		n := 0
		o.Progress = func(p Progress) {
			if n++; n%64 == 0 || p.Doing == "judging" {
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapInuse)
			}
		}
		r := s.audit(o)
		if r.Payments != benchPayments || r.Counts[KindViolation].Found > 0 || r.Timers != benchPayments {
			b.Fatalf("found %+v", r)
		}
		b.ReportMetric(float64((most-base)>>20), "heap-MiB")
		b.ReportMetric(float64(r.Passes), "passes")
		b.ReportMetric(float64(benchPayments)/r.Ended.Sub(r.Began).Seconds(), "payments/s")
	}
}

func publishAll(b *testing.B, br *broker.Broker) {
	b.Helper()
	js, err := jetstream.New(br.Conn(), jetstream.WithPublishAsyncMaxPending(2000))
	if err != nil {
		b.Fatal(err)
	}
	put := func(subject string, header nats.Header, body []byte) {
		if _, err := js.PublishMsgAsync(&nats.Msg{Subject: subject, Header: header, Data: body}); err != nil {
			b.Fatal(err)
		}
	}
	for i := range benchPayments {
		onePayment(b, fmt.Sprintf("pay-%012d", i), put)
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-b.Context().Done():
	}
}

func onePayment(b *testing.B, id string, put func(string, nats.Header, []byte)) {
	raw := fmt.Appendf(nil, `{"id":"c-%s","payment_id":%q,"merchant_id":"m","provider":"acme","reference":{"order":%q},"amount":"33.00","currency":"EUR","created_at":%q}`,
		id, id, id, time.Now().UTC().Format(time.RFC3339Nano))
	created, err := payment.ParseCreated(raw, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	put(broker.CreatedSubject("m", id), nil, raw)
	state, first := payment.Begin(created, time.Now())
	origin, err := json.Marshal(state.Origin)
	if err != nil {
		b.Fatal(err)
	}
	_, second := payment.Apply(state, payment.Look{At: time.Now(), Trigger: payment.TriggerPoll, Observation: payment.Observation{Status: payment.Processing}})
	for i, event := range []payment.Event{first, second} {
		body, err := event.Body()
		if err != nil {
			b.Fatal(err)
		}
		put(broker.StatusSubject(string(event.Data.Status), acme, "m", id), nats.Header{
			"ce-id": {event.ID()}, "ce-version": {fmt.Sprint(i + 1)}, "ce-type": {event.Type}, "ce-source": {"reconciler"}, "Recon-Origin": {string(origin)},
		}, body)
		put(broker.WebhookLogSubject("delivered", broker.WebhookRef{Merchant: "m", Endpoint: "orders", Payment: id, Version: i + 1}), nil,
			fmt.Appendf(nil, `{"schema":1,"event_id":%q,"attempt":1,"outcome":"delivered","status":200,"took_ms":12,"started_at":%q}`, event.ID(), time.Now().Format(time.RFC3339Nano)))
	}
	due := time.Now().Add(time.Hour).UTC().Format(time.RFC3339Nano)
	put(broker.PollTimer(acme, "m", id), nats.Header{
		"Nats-Schedule": {"@at " + due}, "Nats-Schedule-Target": {broker.PollDue(acme, "m", id)},
	}, fmt.Appendf(nil, `{"schema":1,"payment_id":%q,"version":2,"looks":%q}`, id, make([]byte, 300)))
}
