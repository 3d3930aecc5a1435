package ops

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/consumer"
	"reconciler/internal/guard"
	"reconciler/internal/notify"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/payment"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox/sandboxtest"
	"reconciler/internal/secret"
)

// live is a worker's loops on a real broker, and the shop of merchant m, which has
// the endpoints good and bad.
type live struct {
	*testing.T
	// configured are the merchant's endpoints.
	configured []notify.Endpoint
	b          *broker.Broker
	store      *endpoint.Store
	endpoints  *Endpoints
	sender     *webhook.Sender

	mu sync.Mutex
	// bad answers what comes to the endpoint bad: an HTTP status.
	bad func(r *http.Request) int
	got []arrived
}

// arrived is one attempt that reached the shop.
type arrived struct {
	endpoint, id, body string
	replay             bool
}

// inLiveBubble runs f in virtual time.
func inLiveBubble(t *testing.T, f func(*live)) {
	brokertest.Bubble(t, func(t *testing.T) {
		l := &live{T: t, b: brokertest.Start(t), bad: func(*http.Request) int { return http.StatusInternalServerError }}
		network := sandboxtest.NewNetwork()
		listener, err := network.Listen(t.Context(), "shop.example:80")
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(l.serve)}
		go func() { _ = server.Serve(listener) }()
		t.Cleanup(func() { _ = server.Close() })
		if l.sender, err = webhook.New(webhook.Options{DialContext: network.Dial}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.sender.Close)
		for _, id := range []string{"good", "bad"} {
			l.configured = append(l.configured, notify.Endpoint{
				ID: id, Merchant: "m", URL: "http://shop.example/" + id, AllowHTTP: true, Secrets: []secret.Text{secret.New(configuredSecret)},
			}.WithDefaults())
		}
		if l.store, err = endpoint.OpenStore(t.Context(), endpoint.StoreOptions{Broker: l.b, AllowHTTP: true}); err != nil {
			t.Fatal(err)
		}
		l.endpoints = NewEndpoints(Options{Store: l.store, Configured: l.configured, AllowHTTP: true})
		f(l)
	})
}

// For gives the endpoints of a merchant.
func (l *live) For(string) []notify.Endpoint { return l.configured }

// Find gives one of them.
func (l *live) Find(_, id string) (notify.Endpoint, bool) {
	i := slices.IndexFunc(l.configured, func(e notify.Endpoint) bool { return e.ID == id })
	if i < 0 {
		return notify.Endpoint{}, false
	}
	return l.configured[i], true
}

// Report is a worker's word on an attempt; nothing follows here.
func (l *live) Report(context.Context, string, string, notify.Action) {}

func (l *live) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	l.mu.Lock()
	l.got = append(l.got, arrived{r.URL.Path[1:], r.Header.Get(webhook.HeaderID), string(body), r.Header.Get(webhook.HeaderReplay) == "true"})
	bad := l.bad
	l.mu.Unlock()
	if r.URL.Path == "/bad" {
		w.WriteHeader(bad(r))
	}
}

// respond sets what the endpoint bad answers from now on.
func (l *live) respond(bad func(r *http.Request) int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bad = bad
}

// arrivals are the attempts at an endpoint so far.
func (l *live) arrivals(endpoint string) []arrived {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []arrived
	for _, a := range l.got {
		if a.endpoint == endpoint {
			all = append(all, a)
		}
	}
	return all
}

// run starts a worker's loops and gives what stops them; the test's end does too.
func (l *live) run() (stop func()) {
	set := consumer.New(consumer.Options{
		Broker: l.b, Endpoints: l, Sender: l.sender, Schedule: retry.Schedule{0, 10 * time.Second, 10 * time.Minute},
		Guards: func(e notify.Endpoint) (*guard.Guard, error) {
			return guard.New(guard.Options{
				Name: e.ID, Concurrency: 16, TimeLimit: webhook.DefaultTimeLimit, Consecutive: 1000, Reopen: []time.Duration{time.Minute},
			})
		},
		Workers: 8, AckWait: time.Minute, PullWait: time.Minute, Random: func() float64 { return 0 }, Log: zerolog.Nop(),
	})
	pull, end := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		set.Run(pull, context.Background())
	}()
	stop = func() {
		end()
		<-done
	}
	l.Cleanup(stop)
	return stop
}

// begins publishes the first event of a payment, as intake does.
func (l *live) begins(id string) payment.State {
	l.Helper()
	created, err := payment.ParseCreated(fmt.Appendf(nil, `{"id":"c-%s","payment_id":%[1]q,"merchant_id":"m","provider":"acme","reference":{"order":"1"},
		"amount":"33.00","currency":"EUR","created_at":%q}`, id, time.Now().UTC().Format(time.RFC3339)), time.Now())
	if err != nil {
		l.Fatal(err)
	}
	state, event := payment.Begin(created, time.Now())
	state.Last = event.Data
	l.publish(state, event, 0)
	return state
}

// goesOn publishes the next event of a payment.
func (l *live) goesOn(is payment.State, to payment.Status) payment.State {
	l.Helper()
	look := payment.Look{Observation: payment.Observation{Status: to}, Trigger: payment.TriggerPoll, At: time.Now()}
	move, event := payment.Apply(is, look)
	if move != payment.Changed {
		l.Fatalf("%s after %s is no change", to, is.Last.Status)
	}
	last, err := l.b.LastStatus(l.Context(), broker.PaymentKey("m", is.Last.PaymentID))
	if err != nil {
		l.Fatal(err)
	}
	is.Last = event.Data
	l.publish(is, event, last.Seq)
	return is
}

func (l *live) publish(is payment.State, e payment.Event, after uint64) {
	l.Helper()
	origin, _ := json.Marshal(is.Origin)
	body, err := e.Body()
	if err == nil {
		_, err = l.b.AppendStatus(l.Context(), broker.Append{
			Subject: broker.StatusSubject(string(e.Data.Status), "acme", "m", e.Data.PaymentID), Key: broker.PaymentKey("m", e.Data.PaymentID),
			Expected: after, ID: e.ID(), Body: body,
			Header: nats.Header{"ce-id": {e.ID()}, "ce-version": {strconv.Itoa(e.Data.Version)}, "Recon-Origin": {string(origin)}},
		})
	}
	if err != nil {
		l.Fatal(err)
	}
}

// forget takes the events up to a sequence from the status stream, as its age limit does.
func (l *live) forget(upTo uint64) {
	l.Helper()
	stream, err := l.b.JetStream().Stream(l.Context(), broker.StreamStatus)
	if err == nil {
		err = stream.Purge(l.Context(), jetstream.WithPurgeSequence(upTo+1))
	}
	if err != nil {
		l.Fatal(err)
	}
}

func (l *live) replays() *Replays {
	return NewReplays(ReplayOptions{Broker: l.b, Endpoints: l.endpoints, Job: consumer.ReplayJob, Dispatched: consumer.Dispatched})
}

func (l *live) replay(w ReplayWish) ReplayResult {
	l.Helper()
	is, err := l.replays().Run(l.Context(), w)
	if err != nil {
		l.Fatal(err)
	}
	return is
}
