package worker_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/guard"
	"reconciler/internal/notify"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/payment"
	"reconciler/internal/retry"
	"reconciler/internal/secret"
	"reconciler/internal/worker"
)

// The run with noisy neighbours: 100 merchants with an endpoint each, payments
// announced at a steady pace.
const (
	noisyEndpoints = 100
	noisyPace      = 200 // events a second
	noisyFor       = 30 * time.Second
)

// BenchmarkWorker_NoisyNeighbours gives, over real sockets, how long it takes from
// an event to its webhook's arrival: with nobody in trouble, then with one of 100
// endpoints hanging for its whole time limit and one resetting every connection.
// Beside it stands what one webhook costs alone, made of the same parts in the
// same run. Run it with -benchtime=1x.
func BenchmarkWorker_NoisyNeighbours(b *testing.B) {
	for _, synced := range []bool{false, true} {
		for _, noisy := range []bool{false, true} {
			b.Run(fmt.Sprintf("fsync=%t/noisy=%t", synced, noisy), func(b *testing.B) {
				for b.Loop() {
					benchNoisy(b, synced, noisy)
				}
			})
		}
	}
}

func benchNoisy(b *testing.B, synced, noisy bool) {
	var options []brokertest.Option
	if synced {
		options = append(options, brokertest.WithSync())
	}
	streams := brokertest.Start(b, options...)
	street := newStreet(b, noisy)
	startWorker(b, noisyOptions(streams, street))
	floor := street.floor(b)
	announced := int(noisyFor.Seconds()) * noisyPace
	quiet := announced / noisyEndpoints * (noisyEndpoints - street.troubled)
	pace := time.NewTicker(time.Second / noisyPace)
	defer pace.Stop()
	for i := range announced {
		<-pace.C
		announcePayment(b, streams, i)
	}
	for limit := time.After(time.Minute); street.count() < quiet; {
		select {
		case <-pace.C:
			continue
		case <-limit:
		}
		break
	}
	street.letGo()
	b.ReportMetric(float64(street.count()), "delivered")
	b.ReportMetric(float64(quiet-street.count()), "missing")
	b.ReportMetric(0, "ns/op")
	for _, percent := range []int{50, 99} {
		b.ReportMetric(street.percentile(percent), fmt.Sprintf("p%d_ms", percent))
	}
	b.ReportMetric(floor, "floor_post_ms")
}

func noisyOptions(streams *broker.Broker, street *street) worker.Options {
	never := []retry.Step{{Until: 2 * time.Hour, Every: time.Hour}}
	return worker.Options{
		Conn: streams.Conn(),
		Accounts: []worker.Account{{
			Name: account, Provider: newScript(), Cadence: &retry.Cadence{Open: never, Held: never},
			Guard: quickGuard(),
		}},
		Endpoints: street.endpoints,
		Webhook:   webhook.Options{Policy: loopback(), TimeLimit: 15 * time.Second},
		Random:    locked(1),
	}
}

func announcePayment(b *testing.B, streams *broker.Broker, i int) {
	b.Helper()
	body := created(order(i))
	body["merchant_id"] = merchantName(i % noisyEndpoints)
	raw, err := json.Marshal(body)
	if err != nil {
		b.Fatal(err)
	}
	if err := streams.Conn().Publish(broker.CreatedSubject("m", "any"), raw); err != nil {
		b.Fatal(err)
	}
}

func merchantName(i int) string { return fmt.Sprintf("merchant-%03d", i) }

// street is 100 receivers, of which two may be in trouble.
type street struct {
	endpoints []notify.Endpoint
	troubled  int
	// letGo ends the hanging, or a worker could not stop in order.
	letGo func()

	mu   sync.Mutex
	took []time.Duration
}

func newStreet(b *testing.B, noisy bool) *street {
	b.Helper()
	s := &street{}
	gone := make(chan struct{})
	s.letGo = sync.OnceFunc(func() { close(gone) })
	b.Cleanup(s.letGo)
	kinds := map[int]http.HandlerFunc{}
	if noisy {
		s.troubled = 2
		kinds[0] = func(http.ResponseWriter, *http.Request) { <-gone }
		kinds[1] = func(w http.ResponseWriter, _ *http.Request) { hangUp(w) }
	}
	for i := range noisyEndpoints {
		handler, ok := kinds[i]
		if !ok {
			handler = s.take
		}
		s.endpoints = append(s.endpoints, notify.Endpoint{
			ID: "shop", Merchant: merchantName(i), URL: "http://" + serve(b, handler), AllowHTTP: true,
			Secrets: []secret.Text{secret.New(hookSecret)},
		})
	}
	return s
}

// take notes how old the event is.
func (s *street) take(w http.ResponseWriter, r *http.Request) {
	var e payment.Event
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	age := time.Since(e.Timestamp)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took = append(s.took, age)
}

func (s *street) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.took)
}

func (s *street) percentile(percent int) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.took) == 0 {
		return -1
	}
	slices.Sort(s.took)
	return float64(s.took[(len(s.took)-1)*percent/100].Microseconds()) / 1000
}

// floor is how long one POST to such a receiver takes, over a kept connection.
func (s *street) floor(b *testing.B) float64 {
	b.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	const posts = 200
	var began time.Time
	for i := range posts + 1 {
		if i == 1 {
			began = time.Now() // the first one connects
		}
		res, err := client.Post(s.endpoints[noisyEndpoints-1].URL, "application/json", nil)
		if err != nil {
			b.Fatal(err)
		}
		_ = res.Body.Close()
	}
	return float64(time.Since(began).Microseconds()) / 1000 / posts
}

func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func serve(b *testing.B, handler http.Handler) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(l) }()
	b.Cleanup(func() { _ = server.Close() })
	return l.Addr().String()
}

// quickGuard is an account's guard that nothing waits for.
func quickGuard() guard.Options {
	return guard.Options{Concurrency: 16, TimeLimit: 2 * time.Second, Reopen: []time.Duration{time.Second}}
}

func loopback() webhook.Policy {
	return webhook.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
}
