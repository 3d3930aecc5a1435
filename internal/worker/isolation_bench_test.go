package worker_test

import (
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/payment"
	"reconciler/internal/sandbox"
)

// BenchmarkWorker_AHangingProvider gives, over real sockets, how long the
// payments of three providers take, without and with a fourth that hangs for a
// minute: from creation to the last webhook ("whole"), and of that from the end
// of the life to the last webhook ("late"). A life's own length is chance, the
// same in every run. Run it with -benchtime=1x. The figures are for people to
// compare: a machine under load is slower in all of them.
func BenchmarkWorker_AHangingProvider(b *testing.B) {
	for _, hanging := range append([]string{""}, sandbox.Providers()...) {
		name := hanging
		if name == "" {
			name = "none"
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				benchHang(b, hanging)
			}
		})
	}
}

// rounds of every life at every provider: enough that a percentile means something.
const rounds = 12

func benchHang(b *testing.B, hanging string) {
	began := time.Now()
	hang := sandbox.Trouble{Provider: hanging, Kind: sandbox.DownHang, From: began, Until: began.Add(hangsFor)}
	o := sandbox.Options{Seed: 7, Step: time.Second}
	if hanging != "" {
		o.Troubles = []sandbox.Trouble{hang}
	}
	world := startSandbox(b, o)
	streams := brokertest.Start(b)
	transport := &http.Transport{DialContext: (&net.Dialer{}).DialContext, MaxIdleConnsPerHost: 64}
	b.Cleanup(transport.CloseIdleConnections)
	news := follow(b, streams)
	startWorker(b, patient(b, streams, world, transport))
	made := map[string]sandbox.Payment{}
	for range rounds {
		maps.Copy(made, announceTo(b, streams, world))
	}
	others := awaitEnds(b, news, made)
	if hanging == "" {
		for _, provider := range sandbox.Providers() {
			report(b, world, made, provider)
		}
	} else {
		report(b, world, made, hanging)
		b.ReportMetric(float64(met(world, hang)), "hung")
		b.ReportMetric(others.Sub(hang.Until).Seconds(), "s_from_hang's_end_to_the_last_payment")
	}
}

// follow gives what is published from now on: changes, and deliveries of webhooks.
func follow(b *testing.B, streams *broker.Broker) <-chan *nats.Msg {
	b.Helper()
	news := make(chan *nats.Msg, 1<<16)
	for _, subject := range []string{"payments.status.>", "webhooks.delivered.>"} {
		if _, err := streams.Conn().ChanSubscribe(subject, news); err != nil {
			b.Fatal(err)
		}
	}
	return news
}

// awaitEnds waits until the webhook about every payment's end was delivered, and
// says when the last one was.
func awaitEnds(b *testing.B, news <-chan *nats.Msg, made map[string]sandbox.Payment) time.Time {
	b.Helper()
	limit := time.After(5 * time.Minute)
	ends, waiting := map[string]bool{}, len(made)
	for waiting > 0 {
		select {
		case msg := <-news:
			if strings.HasPrefix(msg.Subject, "payments.status.") {
				e, err := payment.ParseEvent(msg.Data)
				if p := made[e.Data.PaymentID]; err == nil && e.Data.Status == endOf(p.Provider, p.Life) {
					ends[e.ID()] = true
				}
				continue
			}
			var record struct {
				EventID string `json:"event_id"`
			}
			if err := json.Unmarshal(msg.Data, &record); err == nil && ends[record.EventID] {
				delete(ends, record.EventID)
				waiting--
			}
		case <-limit:
			b.Fatalf("%d payments did not come to their end", waiting)
		}
	}
	return time.Now()
}

// report gives the percentiles of all payments but one provider's.
func report(b *testing.B, world *sandbox.Sandbox, made map[string]sandbox.Payment, without string) {
	b.Helper()
	var whole, late []time.Duration
	told := arrivals(b, world, made)
	for id, p := range made {
		if p.Provider == without {
			continue
		}
		last := told[id][len(told[id])-1].after
		whole = append(whole, last)
		late = append(late, last-world.Truth(p.Provider, p.Reference).EndsAt.Sub(p.Created))
	}
	for name, all := range map[string][]time.Duration{"whole": whole, "late": late} {
		slices.Sort(all)
		for _, percent := range []int{50, 99} {
			at := all[(len(all)-1)*percent/100]
			b.ReportMetric(float64(at.Microseconds())/1000, map[int]string{50: "p50", 99: "p99"}[percent]+"_"+name+"_ms_without_"+without)
		}
	}
	b.ReportMetric(float64(len(whole)), "payments_without_"+without)
}
