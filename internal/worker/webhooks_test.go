package worker_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/notify"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/payment"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox/sandboxtest"
	"reconciler/internal/secret"
	"reconciler/internal/worker"
)

// hook is a merchant's receiver on a network in memory. It remembers every call.
type hook struct {
	mu    sync.Mutex
	calls []call
	times map[string]int
}

// call is one request to a hook.
type call struct {
	at     time.Time
	path   string
	header http.Header
	body   []byte
	event  payment.Event
	// nth counts the calls of one webhook-id at one path from 1, conn the hook's
	// connections.
	nth, conn int
	status    int
}

func (c call) id() string { return c.header.Get("webhook-id") }

// answering gives the status to answer a call with; 0: it has answered itself.
type answering func(w http.ResponseWriter, r *http.Request, c call) int

func always(status int) answering {
	return func(http.ResponseWriter, *http.Request, call) int { return status }
}

type connKey struct{}

func startHook(t *testing.T, network *sandboxtest.Network, address string, answer answering) *hook {
	t.Helper()
	h := &hook{times: map[string]int{}}
	var conns atomic.Int64
	server := &http.Server{
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, int(conns.Add(1)))
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.take(t, w, r, answer) }),
	}
	listener, err := network.Listen(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return h
}

func (h *hook) take(t *testing.T, w http.ResponseWriter, r *http.Request, answer answering) {
	c := call{at: time.Now(), path: r.URL.Path, header: r.Header.Clone()}
	c.conn, _ = r.Context().Value(connKey{}).(int)
	var err error
	if c.body, err = io.ReadAll(r.Body); err != nil {
		t.Errorf("a webhook's body: %v", err)
	}
	if err := json.Unmarshal(c.body, &c.event); err != nil {
		t.Errorf("a webhook's body: %v", err)
	}
	h.mu.Lock()
	h.times[c.path+" "+c.id()]++
	c.nth = h.times[c.path+" "+c.id()]
	place := len(h.calls)
	h.calls = append(h.calls, c)
	h.mu.Unlock()
	status := answer(w, r, c)
	h.mu.Lock()
	h.calls[place].status = status
	h.mu.Unlock()
	if status != 0 {
		w.WriteHeader(status)
	}
}

func (h *hook) all() []call {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.calls)
}

// byID are the calls of each webhook, in order.
func byID(calls []call) map[string][]call {
	all := map[string][]call{}
	for _, c := range calls {
		all[c.id()] = append(all[c.id()], c)
	}
	return all
}

// secretOf is a secret of its own for each name.
func secretOf(name string) secret.Text {
	sum := sha256.Sum256([]byte(name))
	return secret.New("whsec_" + base64.StdEncoding.EncodeToString(sum[:]))
}

func verifierOf(t *testing.T, s secret.Text) *standardwebhooks.Webhook {
	t.Helper()
	v, err := standardwebhooks.NewWebhook(s.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// endpointAt is a merchant's endpoint "shop" at an address in memory.
func endpointAt(merchant, address string) notify.Endpoint {
	return notify.Endpoint{
		ID: "shop", Merchant: merchant, URL: "http://" + address + "/", AllowHTTP: true, Secrets: []secret.Text{secretOf(merchant)},
	}
}

// tells are a worker's options with the default webhook schedule.
func tells(b *broker.Broker, p *script, network *sandboxtest.Network, endpoints ...notify.Endpoint) worker.Options {
	o := options(b.Conn(), p, &shop{net: network})
	o.Endpoints, o.Schedule = endpoints, nil
	o.Webhook = webhook.Options{DialContext: network.Dial, TimeLimit: 2 * time.Second}
	return o
}

// announceFor announces a merchant's payment; the provider knows it by the
// merchant's and the payment's id.
func announceFor(t *testing.T, b *broker.Broker, merchant, id string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"id": "created-" + merchant + "-" + id, "payment_id": id, "merchant_id": merchant, "provider": account,
		"reference": map[string]string{"order": merchant + "/" + id}, "amount": "33.00", "currency": "EUR",
		"created_at": time.Now().UTC().Format(time.RFC3339Nano), "metadata": map[string]string{"of": merchant},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.JetStream().Publish(brokertest.Context(t), broker.CreatedSubject(merchant, id), body); err != nil {
		t.Fatal(err)
	}
}

// attemptLine is a line of the webhook log, as documents show it.
type attemptLine struct {
	EventID    string    `json:"event_id"`
	MerchantID string    `json:"merchant_id"`
	Endpoint   string    `json:"endpoint"`
	PaymentID  string    `json:"payment_id"`
	Version    int       `json:"version"`
	Attempt    int       `json:"attempt"`
	Outcome    string    `json:"outcome"`
	At         time.Time `json:"at"`
	Status     int       `json:"http_status"`
	Class      string    `json:"class"`
	Reason     string    `json:"reason"`
	Excerpt    string    `json:"excerpt"`
	NextAt     time.Time `json:"next_at"`
}

// attemptLines reads the records of the webhook log, by merchant.
func attemptLines(t *testing.T, b *broker.Broker) map[string][]attemptLine {
	t.Helper()
	all := map[string][]attemptLine{}
	for _, m := range read(t, b, broker.StreamWebhookLog) {
		if endpoint.IsEventSubject(m.Subject) {
			continue
		}
		var line attemptLine
		if err := json.Unmarshal(m.Data, &line); err != nil {
			t.Fatalf("a line of the webhook log: %v", err)
		}
		all[line.MerchantID] = append(all[line.MerchantID], line)
	}
	return all
}

// operational counts the log's operational events: "failing m-1" and so on.
func operational(t *testing.T, b *broker.Broker) map[string]int {
	t.Helper()
	count := map[string]int{}
	for _, m := range read(t, b, broker.StreamWebhookLog) {
		if endpoint.IsEventSubject(m.Subject) {
			tokens := strings.Split(m.Subject, ".")
			count[tokens[2]+" "+tokens[3]]++
		}
	}
	return count
}

// soon is how late a webhook may be that nothing holds up: in virtual time
// only waiting takes time.
const soon = 50 * time.Millisecond

// wereToldAtOnce: a merchant got each of its events once, at once and in order.
func wereToldAtOnce(t *testing.T, h *hook, all []payment.Event, merchant string) {
	t.Helper()
	calls := h.all()
	got, worst := byID(calls), time.Duration(0)
	for _, e := range all {
		if e.Data.MerchantID != merchant {
			continue
		}
		of := got[e.ID()]
		if len(of) != 1 {
			t.Errorf("version %d of %s came %d times to %s", e.Data.Version, e.Data.PaymentID, len(of), merchant)
			continue
		}
		worst = max(worst, of[0].at.Sub(e.Timestamp))
		delete(got, e.ID())
	}
	for _, of := range got {
		t.Errorf("%s was told of %s of %s", merchant, of[0].event.Data.PaymentID, of[0].event.Data.MerchantID)
	}
	if len(calls) == 0 || worst > soon {
		t.Errorf("%s was told %d times, at most %v after the event", merchant, len(calls), worst)
	}
	inOrder(t, calls)
}

// inOrder: the accepted calls of each payment are its versions, from the first,
// each once.
func inOrder(t *testing.T, calls []call) {
	t.Helper()
	last := map[string]int{}
	for _, c := range calls {
		if c.status != http.StatusOK {
			continue
		}
		d := c.event.Data
		if d.Version != last[d.PaymentID]+1 {
			t.Errorf("version %d of %s was delivered after version %d", d.Version, d.PaymentID, last[d.PaymentID])
		}
		last[d.PaymentID] = d.Version
	}
}

// The long failure: a receiver answers 500 for three days, while its merchant's
// payments are made and changed.
const (
	brokenFor      = 3 * retry.Day
	brokenPayments = 36
)

// hourly looks once an hour, for some hours after each change.
func hourly() *retry.Cadence {
	every := []retry.Step{{Until: 4 * time.Hour, Every: time.Hour}}
	return &retry.Cadence{Open: every, Held: every, Settled: every, Closed: every, Parked: every}
}

// TestWorker_AReceiverThatFailedForThreeDays_GetsEveryEventInOrder: its schedule
// is ten attempts in 75 h 35 min, its breaker opens early, and neither loses it
// an event. Another merchant notices nothing.
func TestWorker_AReceiverThatFailedForThreeDays_GetsEveryEventInOrder(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		network, b, p := sandboxtest.NewNetwork(), brokertest.Start(t), newScript()
		recovers := time.Now().Add(brokenFor)
		broken := startHook(t, network, "broken.example:80", func(http.ResponseWriter, *http.Request, call) int {
			if time.Now().Before(recovers) {
				return http.StatusInternalServerError
			}
			return http.StatusOK
		})
		sound := startHook(t, network, "sound.example:80", always(http.StatusOK))
		o := tells(b, p, network, endpointAt("broken", "broken.example:80"), endpointAt("sound", "sound.example:80"))
		o.Accounts[0].Cadence = hourly()
		o.PullWait = retry.Day // days of short pulls would take the test long
		startWorker(t, o)
		life := []answer{says(payment.Processing), says(payment.RequiresAction), says(payment.Succeeded), says(payment.Disputed), says(payment.Succeeded)}
		for i := range brokenPayments {
			for _, merchant := range []string{"broken", "sound"} {
				p.plan(merchant+"/"+order(i), life...)
				announceFor(t, b, merchant, order(i))
			}
			time.Sleep(brokenFor / brokenPayments)
		}
		// The last wait of the schedule with all its jitter, and the breaker's.
		time.Sleep(time.Until(recovers.Add(retry.Day*11/10 + 20*time.Minute)))

		all := events(t, b)
		for id, n := range versions(t, ofMerchant(all, "broken")) {
			if n != 1+len(life) {
				t.Errorf("%s has %d versions, want %d", id, n, 1+len(life))
			}
		}
		gotAll(t, broken.all(), ofMerchant(all, "broken"))
		spentNoAttempt(t, broken.all(), attemptLines(t, b)["broken"])
		if n := len(read(t, b, broker.StreamDead)); n != 0 {
			t.Errorf("%d dead letters", n)
		}
		// Three of the five days that disable an endpoint: half of them is reported.
		if got, want := operational(t, b), map[string]int{"failing broken": 1, "recovered broken": 1}; !maps.Equal(got, want) {
			t.Errorf("operational events: %v, want %v", got, want)
		}
		wereToldAtOnce(t, sound, all, "sound")
	})
}

func ofMerchant(all []payment.Event, merchant string) []payment.Event {
	return slices.DeleteFunc(slices.Clone(all), func(e payment.Event) bool { return e.Data.MerchantID != merchant })
}

// gotAll: every event was accepted once, in order per payment, and nothing else was.
func gotAll(t *testing.T, calls []call, wanted []payment.Event) {
	t.Helper()
	accepted := map[string]int{}
	for _, c := range calls {
		if c.status == http.StatusOK {
			accepted[c.id()]++
		}
	}
	for _, e := range wanted {
		if accepted[e.ID()] != 1 {
			t.Errorf("version %d of %s was accepted %d times", e.Data.Version, e.Data.PaymentID, accepted[e.ID()])
		}
	}
	if len(wanted) == 0 || len(accepted) != len(wanted) {
		t.Errorf("%d events were accepted, want %d", len(accepted), len(wanted))
	}
	inOrder(t, calls)
}

// spentNoAttempt: the receiver saw every attempt that was counted, none before
// its time; and its breaker, which held many, cost none.
func spentNoAttempt(t *testing.T, calls []call, lines []attemptLine) {
	t.Helper()
	schedule, seen := retry.Webhooks(), byID(calls)
	held, most := 0, 0
	slices.SortStableFunc(lines, func(a, b attemptLine) int { return cmp.Compare(a.Attempt, b.Attempt) })
	made := map[string]attemptLine{}
	for _, line := range lines {
		before := made[line.EventID]
		if line.Attempt != before.Attempt+1 || line.Outcome != "failed" && line.Outcome != "delivered" {
			t.Errorf("attempt %d at version %d of %s is %s, after attempt %d", line.Attempt, line.Version, line.PaymentID, line.Outcome, before.Attempt)
		}
		if delay, _ := schedule.Next(before.Attempt); line.Attempt > 1 && line.At.Sub(before.At) < delay {
			t.Errorf("attempt %d at version %d of %s came %v after the one before", line.Attempt, line.Version, line.PaymentID, line.At.Sub(before.At))
		}
		if line.Attempt > 1 && line.At.Sub(before.NextAt) > time.Second {
			held++
		}
		made[line.EventID], most = line, max(most, line.Attempt)
	}
	for id, of := range seen {
		if made[id].Attempt != len(of) {
			t.Errorf("version %d of %s has %d attempts, of which the receiver saw %d", of[0].event.Data.Version, of[0].event.Data.PaymentID, made[id].Attempt, len(of))
		}
	}
	if held < 20 || most < 9 || most > len(schedule) {
		t.Errorf("the breaker held %d attempts and one event took %d: nothing is shown", held, most)
	}
	t.Logf("%d attempts, of which the breaker held %d; one event took %d", len(lines), held, most)
}
