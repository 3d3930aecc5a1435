package worker_test

import (
	"crypto/rand"
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/ops"
	"reconciler/internal/payment"
	"reconciler/internal/retry"
	"reconciler/internal/secret"
)

// receiver is a merchant's endpoint on the network in memory.
type receiver struct {
	mu     sync.Mutex
	status int
	got    []string // "payment/version"
	bad    []error
	verify func(body []byte, h http.Header) error
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	e, err := payment.ParseEvent(body)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.verify != nil {
		if bad := r.verify(body, req.Header); bad != nil {
			r.bad = append(r.bad, bad)
		}
	}
	if err == nil && r.status < 300 {
		r.got = append(r.got, e.Data.PaymentID)
	}
	w.WriteHeader(r.status)
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) payments() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Compact(slices.Sorted(slices.Values(r.got)))
}

// runTime is a worker with endpoints made while it runs, and who makes them.
type runTime struct {
	*testing.T
	b        *broker.Broker
	ops      *ops.Endpoints
	receiver *receiver
}

func startRunTime(t *testing.T) *runTime {
	t.Helper()
	b, s := brokertest.Start(t), newShop(t)
	r := &runTime{T: t, b: b, receiver: &receiver{status: http.StatusOK}}
	server := &http.Server{Handler: r.receiver}
	listener, err := s.net.Listen(t.Context(), "127.0.0.1:9090")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })

	key := endpoint.Key{ID: "k1", Value: secret.New(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))}
	o := options(b.Conn(), newScript(), s)
	seldom := []retry.Step{{Until: 90 * time.Hour, Every: 40 * time.Hour}} // their first events suffice
	o.Accounts[0].Cadence = &retry.Cadence{Open: seldom, Held: seldom}
	o.Endpoints = nil
	o.RunTime = endpoint.Options{Keys: []endpoint.Key{key}, AllowHTTP: true, DisableAfter: 24 * time.Hour}
	startWorker(t, o)
	store, err := endpoint.OpenStore(brokertest.Context(t), endpoint.StoreOptions{Broker: b, Keys: o.RunTime.Keys, AllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	r.ops = ops.NewEndpoints(ops.Options{Store: store, AllowHTTP: true, Random: rand.Reader})
	return r
}

// add makes the endpoint and lets the receiver verify by its secret.
func (r *runTime) add() {
	r.Helper()
	made, err := r.ops.Add(r.Context(), ops.Wish{Merchant: merchant, ID: "live", URL: "http://127.0.0.1:9090/hooks"})
	if err != nil {
		r.Fatal(err)
	}
	verifier, err := standardwebhooks.NewWebhook(made[0].Text.Reveal())
	if err != nil {
		r.Fatal(err)
	}
	r.receiver.mu.Lock()
	r.receiver.verify = verifier.Verify
	r.receiver.mu.Unlock()
	r.settle()
}

func (r *runTime) do(verb endpoint.Verb) {
	r.Helper()
	if _, err := r.ops.Switch(r.Context(), merchant, "live", verb); err != nil {
		r.Fatal(err)
	}
	r.settle()
}

// settle lets every worker hear of a change.
func (r *runTime) settle() {
	time.Sleep(time.Second)
	synctest.Wait()
}

func (r *runTime) announce(orders ...string) {
	r.Helper()
	for _, order := range orders {
		announce(r.T, r.b, created(order))
	}
	time.Sleep(time.Minute)
	synctest.Wait()
}

func (r *runTime) want(what string, payments ...string) {
	r.Helper()
	if got := r.receiver.payments(); !slices.Equal(got, payments) {
		r.Errorf("%s: told of %v, want %v", what, got, payments)
	}
	if len(r.receiver.bad) > 0 {
		r.Errorf("%s: %d webhooks did not verify: %v", what, len(r.receiver.bad), r.receiver.bad[0])
	}
}

// records counts the records of an outcome.
func (r *runTime) records(outcome string) int {
	r.Helper()
	n := 0
	for _, m := range read(r.T, r.b, broker.StreamWebhookLog) {
		if strings.HasPrefix(m.Subject, "webhooks."+outcome+".") {
			n++
		}
	}
	return n
}

func TestWorker_TellsAnEndpointThatWasAddedWhileItRuns_UntilItIsSwitchedOff(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r := startRunTime(t)
		r.announce("a")
		r.add()
		r.announce("b")
		r.want("added", "p-b")
		r.do(endpoint.Disable)
		r.announce("c")
		r.want("disabled", "p-b")
		if n := r.records("skipped"); n != 1 {
			t.Errorf("%d events are kept as skipped, want the one that was missed", n)
		}
		r.do(endpoint.Enable)
		r.announce("d")
		r.want("enabled again", "p-b", "p-d")
	})
}

func TestWorker_DisablesAnEndpointThatIsGone_UntilAPersonEnablesIt(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r := startRunTime(t)
		r.add()
		r.receiver.answer(http.StatusGone)
		r.announce("a")
		r.announce("b")
		if n := r.records("skipped"); n != 1 {
			t.Errorf("%d events are kept as skipped, want the one after the 410", n)
		}
		if n := r.records("endpoint.disabled"); n != 1 {
			t.Errorf("%d times the operator was told that the endpoint is disabled", n)
		}
		r.receiver.answer(http.StatusOK)
		r.do(endpoint.Enable)
		r.announce("c")
		r.want("enabled again", "p-c")
	})
}

func TestWorker_WarnsOfAnEndpointThatOnlyFails_ThenDisablesIt(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r := startRunTime(t)
		r.add()
		r.receiver.answer(http.StatusInternalServerError)
		for i := range 30 { // an event an hour
			announce(t, r.b, created(order(i)))
			time.Sleep(time.Hour)
		}
		if failing, disabled := r.records("endpoint.failing"), r.records("endpoint.disabled"); failing != 2 || disabled != 1 {
			t.Errorf("%d warnings and %d times disabled were told, want 2 and 1", failing, disabled)
		}
		if r.records("skipped") == 0 {
			t.Error("nothing that came after is kept as skipped")
		}
	})
}
