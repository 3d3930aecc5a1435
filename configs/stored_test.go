package configs_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cryptorand "crypto/rand"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/consumer"
	"reconciler/internal/guard"
	"reconciler/internal/notify"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/ops"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox/sandboxtest"
	"reconciler/internal/secret"
	"reconciler/internal/worker"
)

const (
	shopAddress = "shop.example:80"
	traceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
)

// message is anything that was written or sent: its subject or, of a webhook, its
// name in the document.
type message struct {
	where   string
	header  map[string]string
	payload []byte
}

// traffic is all that passed, in no order.
type traffic struct {
	mu  sync.Mutex
	all []message
}

func (f *traffic) add(where string, header map[string][]string, payload []byte) {
	m := message{where: where, header: map[string]string{}, payload: payload}
	for name, values := range header {
		m.header[name] = values[0]
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, m)
}

// ServeHTTP is a shop: each endpoint has its own way to answer.
func (f *traffic) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	header := map[string][]string{}
	for name, values := range r.Header {
		if name != "Content-Length" && name != "Accept-Encoding" {
			header[strings.ToLower(name)] = values
		}
	}
	kind := "webhook"
	switch {
	case strings.HasPrefix(r.Header.Get(webhook.HeaderID), "evt_test_"):
		kind = "webhookTest"
	case r.URL.Path == "/thin":
		kind = "webhookThin"
	}
	f.add(kind, header, body)
	switch r.URL.Path {
	case "/bad":
		w.WriteHeader(http.StatusInternalServerError)
	case "/gone":
		w.WriteHeader(http.StatusGone)
	}
}

// bank says that a payment is processing at first, then that it is paid.
type bank struct {
	mu    sync.Mutex
	asked map[string]int
}

func (b *bank) Profile() providers.Profile {
	return providers.Profile{Name: "bank", Floor: time.Second, MappingVersion: "bank/1"}
}

func (b *bank) CheckReference(payment.Reference) error { return nil }

// Aliases are what the bank would call a payment in a callback.
func (b *bank) Aliases(ref payment.Reference) []string { return []string{ref["order"]} }

func (b *bank) ReadCallback(providers.Callback) (providers.Hint, error) {
	return providers.Hint{}, &providers.Error{Kind: providers.Unreadable, Doing: "read a callback"}
}

func (b *bank) Poll(_ context.Context, q providers.Query) (payment.Observation, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked[q.Reference["order"]]++
	if b.asked[q.Reference["order"]] < 3 {
		return payment.Observation{Status: payment.Processing, ProviderStatus: "wait"}, nil
	}
	paid, _ := payment.ParseMoney("33.00", "EUR")
	return payment.Observation{Status: payment.Succeeded, ProviderStatus: "paid", Amount: paid, Captured: paid}, nil
}

// lived runs a worker through all that it writes, and gives it.
func lived(t *testing.T) []message {
	t.Helper()
	seen := &traffic{}
	_, conn := brokertest.StartBare(t)
	listen(t, seen, conn)
	network := sandboxtest.NewNetwork()
	listener, err := network.Listen(t.Context(), shopAddress)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: seen}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })

	o := workerOptions(conn, network)
	w, err := worker.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	w.Start()
	b, err := broker.New(t.Context(), broker.Options{Conn: conn})
	if err != nil {
		t.Fatal(err)
	}
	store, err := endpoint.OpenStore(t.Context(), endpoint.StoreOptions{Broker: b, Keys: o.RunTime.Keys, AllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	sender, err := webhook.New(o.Webhook)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sender.Close)
	endpoints := ops.NewEndpoints(ops.Options{Store: store, Configured: o.Endpoints, AllowHTTP: true, Sender: sender, Random: cryptorand.Reader})
	operate(t, b, w, endpoints)
	stop, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := w.Stop(stop); err != nil {
		t.Fatal(err)
	}
	time.Sleep(40 * time.Minute) // timers fire, and nobody takes what is due
	for _, stream := range []string{broker.StreamWork, broker.StreamDead, broker.StreamStatus} {
		stored(t, seen, b, stream)
	}
	return seen.all
}

// operate does what people and backends do.
func operate(t *testing.T, b *broker.Broker, w *worker.Worker, endpoints *ops.Endpoints) {
	t.Helper()
	_, err := endpoints.Add(t.Context(), ops.Wish{
		Merchant: "shop.1", ID: "later", URL: "http://" + shopAddress + "/later", Signing: endpoint.SigningBoth, Rate: 5, Schedule: []time.Duration{0, time.Minute},
		Headers: []webhook.Header{{Name: "X-Api-Key", Value: secret.New("key")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := endpoints.Test(t.Context(), "shop.1", "good"); err != nil {
		t.Fatal(err)
	}
	announce := func(body []byte) {
		msg := nats.NewMsg(broker.CreatedSubject("shop.1", "p"))
		msg.Data = body
		msg.Header.Set("traceparent", traceParent)
		msg.Header.Set("Nats-Msg-Id", fmt.Sprint(len(body)))
		if _, err := b.JetStream().PublishMsg(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
	}
	announce(fmt.Appendf(nil, `{"id":"c-1","payment_id":"p/1","merchant_id":"shop.1","provider":"main","reference":{"order":"o-1"},
		"amount":"33.00","currency":"EUR","created_at":%q}`, time.Now().UTC().Format(time.RFC3339)))
	announce([]byte("no JSON"))
	time.Sleep(time.Minute)
	if _, err := w.Hinter().Hint(t.Context(), "main", []string{"o-1"}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(25 * time.Minute) // the third look finds it paid
	replays := ops.NewReplays(ops.ReplayOptions{Broker: b, Endpoints: endpoints, Job: consumer.ReplayJob, Dispatched: consumer.Dispatched})
	if _, err := replays.Run(t.Context(), ops.ReplayWish{Selection: ops.Selection{Merchant: "shop.1", Types: []string{"payment.*"}}}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Minute)
}

func workerOptions(conn *nats.Conn, network *sandboxtest.Network) worker.Options {
	var endpoints []notify.Endpoint
	for _, id := range []string{"good", "thin", "bad", "gone"} {
		e := notify.Endpoint{ID: id, Merchant: "shop.1", URL: "http://" + shopAddress + "/" + id, AllowHTTP: true,
			Secrets: []secret.Text{secret.New("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}}
		if id == "thin" {
			e.Format = notify.FormatThin
		}
		endpoints = append(endpoints, e)
	}
	every := []retry.Step{{Until: 24 * time.Hour, Every: 10 * time.Minute}}
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(1, 1))
	return worker.Options{
		Conn: conn, Endpoints: endpoints, Webhook: webhook.Options{DialContext: network.Dial}, Callbacks: true, Log: zerolog.Nop(),
		Accounts: []worker.Account{{
			Name: "main", Provider: &bank{asked: map[string]int{}}, Cadence: &retry.Cadence{Open: every, Held: every, Settled: every, Closed: every, Parked: every},
			Guard: guard.Options{Concurrency: 16, TimeLimit: 2 * time.Second, Consecutive: 5, Reopen: []time.Duration{time.Second}},
		}},
		RunTime: endpoint.Options{AllowHTTP: true, Keys: []endpoint.Key{{ID: "k1", Value: secret.New(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))}}},
		Random: func() float64 {
			mu.Lock()
			defer mu.Unlock()
			return random.Float64()
		},
	}
}

// listen hears all that clients write, what is taken away at once too.
func listen(t *testing.T, seen *traffic, conn *nats.Conn) {
	t.Helper()
	for _, subject := range []string{"payments.>", "recon.>", "webhooks.>", "$KV.>"} {
		_, err := conn.Subscribe(subject, func(m *nats.Msg) { seen.add(m.Subject, m.Header, m.Data) })
		if err != nil {
			t.Fatal(err)
		}
	}
}

// stored adds what a stream holds: what the broker itself wrote is only there.
func stored(t *testing.T, seen *traffic, b *broker.Broker, name string) {
	t.Helper()
	stream, err := b.JetStream().Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	state := stream.CachedInfo().State
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		if m, err := stream.GetMsg(t.Context(), seq); err == nil {
			seen.add(m.Subject, m.Header, m.Data)
		}
	}
}

// address is a channel's address as a pattern.
func address(text string) *regexp.Regexp {
	placeholder := regexp.MustCompile(`\\\{\w+\\\}`)
	return regexp.MustCompile("^" + placeholder.ReplaceAllString(regexp.QuoteMeta(text), `[^.]+`) + "$")
}

// described are the messages of the document, by name, with their channels' addresses.
func described(t *testing.T, doc any) (patterns map[string]*regexp.Regexp) {
	t.Helper()
	patterns = map[string]*regexp.Regexp{}
	channels, _ := at(t, doc, "channels").(map[string]any)
	for name := range channels {
		messages, _ := at(t, doc, "channels", name, "messages").(map[string]any)
		for message := range messages {
			patterns[message] = regexp.MustCompile("^" + message + "$") // webhooks have no address
			if text, ok := channels[name].(map[string]any)["address"].(string); ok {
				patterns[message] = address(text)
			}
		}
	}
	return patterns
}

// fleetsOwn are the buckets in which workers tell each other how taps stand, how far
// sweeps are and where consumers begin: they are about no payment.
func fleetsOwn(subject string) bool {
	return slices.ContainsFunc([]string{broker.BucketBreakers, broker.BucketPlaces, "RECON_SWEEP"}, func(bucket string) bool {
		return strings.HasPrefix(subject, "$KV."+bucket+".")
	})
}

// Everything that a worker, its operators and the broker write is in the
// document, with every header, and everything in the document is written.
func TestAsyncAPI_DescribesAllThatIsWritten(t *testing.T) {
	var all []message
	brokertest.Bubble(t, func(t *testing.T) { all = lived(t) })
	doc := asyncAPI(t)
	patterns := described(t, doc)
	met := map[string]bool{}
	for _, m := range all {
		if fleetsOwn(m.where) {
			continue
		}
		var names []string
		for name, pattern := range patterns {
			if pattern.MatchString(m.where) {
				names = append(names, name)
			}
		}
		if len(names) != 1 {
			t.Errorf("%s is of %v in the document, want one message", m.where, names)
			continue
		}
		met[names[0]] = true
		checkMessage(t, doc, names[0], m)
	}
	if len(met) != len(patterns) {
		t.Errorf("written were %v, the document has %v", slices.Sorted(maps.Keys(met)), slices.Sorted(maps.Keys(patterns)))
	}
}

func checkMessage(t *testing.T, doc any, name string, m message) {
	t.Helper()
	is, _ := at(t, doc, "components", "messages", name).(map[string]any)
	if ref, ok := is["headers"].(map[string]any); ok {
		schema := strings.TrimPrefix(fmt.Sprint(ref["$ref"]), "#/components/schemas/")
		checkHeader(t, doc, schema, m)
	}
	var compiled *jsonschema.Schema
	switch payload, _ := is["payload"].(map[string]any); {
	case payload == nil:
		return
	case payload["$ref"] != nil:
		compiled = part(t, doc, strings.TrimPrefix(fmt.Sprint(payload["$ref"]), "#/components/schemas/"))
	case string(m.payload) == "no JSON":
		return
	default:
		compiled = schema(t, strings.TrimPrefix(fmt.Sprint(at(t, payload, "schema", "$ref")), "./"))
	}
	if err := validate(compiled, m.payload); err != nil {
		t.Errorf("%s: %s\n%v", m.where, m.payload, err)
	}
}

func checkHeader(t *testing.T, doc any, name string, m message) {
	t.Helper()
	if err := validate(part(t, doc, name), encode(t, m.header)); err != nil {
		t.Errorf("%s: %v", m.where, err)
	}
	properties, _ := at(t, doc, "components", "schemas", name, "properties").(map[string]any)
	for header, value := range m.header {
		if properties[header] == nil && !strings.HasPrefix(header, "Recon-Original-") && header != "x-api-key" {
			t.Errorf("%s: header %s (%s) is not in %s", m.where, header, value, name)
		}
	}
	if job := m.header["Recon-Job"]; job != "" {
		if err := validate(part(t, doc, "job"), json.RawMessage(job)); err != nil {
			t.Errorf("%s: %v", m.where, err)
		}
	}
}
