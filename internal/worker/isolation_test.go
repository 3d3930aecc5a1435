package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/guard"
	"reconciler/internal/invariant"
	"reconciler/internal/notify"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/payment"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox"
	"reconciler/internal/sandbox/sandboxtest"
	"reconciler/internal/secret"
	"reconciler/internal/worker"
)

// The pace of the runs with a provider that hangs.
const (
	lookEvery = time.Second
	hangsAt   = 3 * time.Second // after the start, when most payments are under way
	hangsFor  = time.Minute
	wholeRun  = 100 * time.Second
	places    = 16 // asks in hand at a time, of an account
	threshold = 5  // failures in a row that open its breaker
)

func reopen() []time.Duration { return []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} }

// TestWorker_AHangingProviderDelaysNobodyElse runs the same payments without and
// with one provider that hangs for a minute. Time is virtual and all chance is
// fixed, so the other three's webhooks must come at the same instants.
func TestWorker_AHangingProviderDelaysNobodyElse(t *testing.T) {
	calm := map[string][]arrival{}
	t.Run("nobody", func(t *testing.T) {
		brokertest.Bubble(t, func(t *testing.T) { calm = runWithHang(t, "") })
	})
	if len(calm) == 0 {
		t.Fatal("nothing arrived, so nothing is shown")
	}
	for _, hanging := range sandbox.Providers() {
		t.Run(hanging, func(t *testing.T) {
			brokertest.Bubble(t, func(t *testing.T) { compareArrivals(t, hanging, calm, runWithHang(t, hanging)) })
		})
	}
}

// arrival is one webhook: which status, and how long after the payment was made.
type arrival struct {
	account string
	status  payment.Status
	after   time.Duration
}

func compareArrivals(t *testing.T, hanging string, calm, got map[string][]arrival) {
	t.Helper()
	furthest, compared := time.Duration(0), 0
	for id, want := range calm {
		if want[0].account == hanging {
			continue // they have no choice but to be late
		}
		if len(got[id]) != len(want) {
			t.Errorf("%s: told %v, without the hang %v", id, got[id], want)
			continue
		}
		for i := range want {
			compared++
			apart := (got[id][i].after - want[i].after).Abs()
			furthest = max(furthest, apart)
			if got[id][i].status != want[i].status || apart > lookEvery {
				t.Errorf("%s: told %v, without the hang %v", id, got[id][i], want[i])
			}
		}
	}
	t.Logf("%d webhooks of the other providers, at most %v apart", compared, furthest)
}

// runWithHang lives every life at every provider, one of which may hang, and
// gives what the merchant was told of each payment.
func runWithHang(t *testing.T, hanging string) map[string][]arrival {
	b := brokertest.Start(t)
	net := sandboxtest.NewNetwork()
	began := time.Now()
	hang := sandbox.Trouble{Provider: hanging, Kind: sandbox.DownHang, From: began.Add(hangsAt), Until: began.Add(hangsAt + hangsFor)}
	o := sandbox.Options{Seed: 7, Step: 2 * time.Second, Listen: net.Listen}
	if hanging != "" {
		o.Troubles = []sandbox.Trouble{hang}
	}
	world := startSandbox(t, o)
	transport := &http.Transport{DialContext: net.Dial}
	before := goroutines()
	w := startWorker(t, patient(t, b, world, transport))
	made := announceTo(t, b, world)
	if hanging != "" {
		time.Sleep(time.Until(hang.From.Add(time.Millisecond)))
		spent := watchesOf(t, b, hanging)
		time.Sleep(time.Until(hang.Until.Add(-time.Millisecond)))
		spendsNothing(t, spent, watchesOf(t, b, hanging))
		changesNothing(t, b, hang)
		keepsToItsLimits(t, world)
		if n := met(world, hang); n < 5 {
			t.Errorf("%d requests hung: nothing is shown", n)
		}
	}
	time.Sleep(time.Until(began.Add(wholeRun)))
	if err := w.Stop(brokertest.Context(t)); err != nil {
		t.Errorf("stop: %v", err)
	}
	transport.CloseIdleConnections()
	time.Sleep(time.Second) // net/http lingers for half a second on a connection it cut off
	synctest.Wait()
	for name, n := range goroutines() {
		if n > before[name] {
			t.Errorf("%d goroutines more than before: %s", n-before[name], name)
		}
	}
	told := arrivals(t, world, made)
	for id, p := range made {
		if n := len(told[id]); n == 0 || told[id][n-1].status != endOf(p.Provider, p.Life) {
			t.Errorf("%s at %s (%s): told %v, want %s at the end", id, p.Provider, p.Life, told[id], endOf(p.Provider, p.Life))
		}
	}
	return told
}

// startSandbox starts a world that ends with the test.
func startSandbox(t testing.TB, o sandbox.Options) *sandbox.Sandbox {
	t.Helper()
	world, err := sandbox.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := world.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return world
}

// patient is a worker that looks once a second at the payments of every provider.
func patient(t testing.TB, b *broker.Broker, world *sandbox.Sandbox, transport *http.Transport) worker.Options {
	t.Helper()
	open := []retry.Step{{Until: time.Hour, Every: lookEvery}}
	decided := []retry.Step{{Until: 20 * time.Second, Every: lookEvery}}
	hook := world.Hooks()[0]
	o := worker.Options{
		Conn: b.Conn(), Log: zerolog.Nop(),
		// One source for all accounts: what one of them draws must not move the others.
		Random:    func() float64 { return 0.5 },
		Endpoints: []notify.Endpoint{{ID: "shop", Merchant: merchant, URL: hook.URL, AllowHTTP: true, Secrets: []secret.Text{secret.New(hook.Secret)}}},
		Webhook:   webhook.Options{DialContext: transport.DialContext},
	}
	for _, a := range world.Accounts() {
		account := accountOver(t, transport, a)
		account.Cadence = &retry.Cadence{Open: open, Held: open, Settled: decided, Closed: decided, Parked: decided}
		account.Guard = guard.Options{
			Concurrency: places, TimeLimit: 5 * time.Second, Consecutive: threshold, Ramp: 10 * time.Second, Reopen: reopen(),
		}
		o.Accounts = append(o.Accounts, account)
	}
	return o
}

// announceTo makes a payment of every life that comes to an end, at every
// provider that can tell it, and tells the worker.
func announceTo(t testing.TB, b *broker.Broker, world *sandbox.Sandbox) map[string]sandbox.Payment {
	t.Helper()
	all := map[string]sandbox.Payment{}
	for _, life := range sandbox.Lives() {
		for _, provider := range sandbox.Providers() {
			if !life.For(provider) || endOf(provider, life.Name) == "" {
				continue
			}
			made, err := world.Create(sandbox.CreateOptions{Provider: provider, Life: life.Name, AmountMinor: 3300, Currency: sandbox.Currencies(provider)[0]})
			if err != nil {
				t.Fatal(err)
			}
			all[made.ID] = made
			body, err := json.Marshal(map[string]any{
				"id": "e-" + made.ID, "payment_id": made.ID, "merchant_id": merchant, "provider": provider, "reference": made.Reference,
				"amount": made.Amount, "currency": made.Currency, "created_at": made.Created.UTC().Format(time.RFC3339Nano),
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.JetStream().Publish(brokertest.Context(t), broker.CreatedSubject(merchant, made.ID), body); err != nil {
				t.Fatal(err)
			}
		}
	}
	return all
}

// endOf is the status that a life comes to at a provider; empty where it comes to none.
func endOf(provider, life string) payment.Status {
	if life == "hold_released" && provider == sandbox.Uapay {
		return payment.Voided // the others say it with their word for canceled
	}
	return map[string]payment.Status{
		"charged": payment.Succeeded, "charged_at_once": payment.Succeeded, "declined": payment.Failed, "canceled": payment.Canceled,
		"refunded": payment.Refunded, "part_refunded": payment.PartiallyRefunded, "held_then_captured": payment.Succeeded,
		"hold_released": payment.Canceled, "reversed": payment.Voided, "late_success": payment.Succeeded, "appears_late": payment.Succeeded,
		"expired": payment.Expired, "wrong_amount": payment.Review,
	}[life]
}

// arrivals reads the merchant's ledger, by payment and in order.
func arrivals(t testing.TB, world *sandbox.Sandbox, made map[string]sandbox.Payment) map[string][]arrival {
	t.Helper()
	told := map[string][]arrival{}
	for _, receipt := range world.Received() {
		event, err := payment.ParseEvent(receipt.Body)
		if err != nil || !receipt.Verified || !receipt.Delivered {
			t.Errorf("a webhook went wrong: %+v, %v", receipt, err)
			continue
		}
		d := event.Data
		told[d.PaymentID] = append(told[d.PaymentID], arrival{d.Account, d.Status, receipt.At.Sub(made[d.PaymentID].Created)})
	}
	return told
}

// watchState is what an attempt would spend, as the timers store it.
type watchState struct {
	Account   string         `json:"provider"`
	PaymentID string         `json:"payment_id"`
	Clock     time.Duration  `json:"clock"`
	Answered  int            `json:"answered"`
	Version   int            `json:"version"`
	Status    payment.Status `json:"status"`
}

// watchesOf reads the timers and due looks of an account's payments; of two the later.
func watchesOf(t *testing.T, b *broker.Broker, account string) map[string]watchState {
	t.Helper()
	ctx := brokertest.Context(t)
	stream, err := b.JetStream().Stream(ctx, broker.StreamWork)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]watchState{}
	for next := uint64(1); ; {
		msg, err := stream.GetMsg(ctx, next, jetstream.WithGetMsgSubject(">"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		next = msg.Sequence + 1
		var w watchState
		if err := json.Unmarshal(msg.Data, &w); err == nil && w.Account == account && strings.Contains(msg.Subject, ".poll.") {
			found[w.PaymentID] = w
		}
	}
}

// spendsNothing compares the watches at both ends of a hang.
func spendsNothing(t *testing.T, before, after map[string]watchState) {
	t.Helper()
	if len(before) == 0 {
		t.Error("no payment was watched when the provider began to hang")
	}
	for id, was := range before {
		if is, ok := after[id]; !ok || is != was {
			t.Errorf("the hang spent something: %+v, %+v before", is, was)
		}
	}
}

// met counts the asks that a trouble befell.
func met(world *sandbox.Sandbox, trouble sandbox.Trouble) int {
	n := 0
	for _, ask := range world.Asked() {
		if ask.Provider == trouble.Provider && ask.Fault == string(trouble.Kind) {
			n++
		}
	}
	return n
}

// keepsToItsLimits judges what the providers saw: of the one that hangs, no more
// than the failures that open a breaker, and then single probes.
func keepsToItsLimits(t *testing.T, world *sandbox.Sandbox) {
	t.Helper()
	h := invariant.History{Now: time.Now()}
	for _, ask := range world.Asked() {
		a := invariant.Ask{Account: ask.Provider, Arrived: ask.Arrived, Ended: ask.Answered, Credential: ask.Credential}
		if a.Outcome = invariant.AskSucceeded; ask.Fault != "" {
			a.Outcome = invariant.AskFailed
		}
		h.Asks = append(h.Asks, a)
	}
	for _, provider := range sandbox.Providers() {
		h.Limits = append(h.Limits, invariant.Limits{Account: provider, Concurrency: places, Failures: threshold, Reopen: reopen()})
	}
	for _, v := range invariant.Check(h) {
		t.Error(v)
	}
}

// changesNothing looks for changes of a hanging provider's payments.
func changesNothing(t *testing.T, b *broker.Broker, hang sandbox.Trouble) {
	t.Helper()
	for _, e := range events(t, b) {
		if e.Data.Account == hang.Provider && e.Data.ObservedAt.After(hang.From) {
			t.Errorf("%s became %s while its provider hung", e.Data.PaymentID, e.Data.Status)
		}
	}
}

// goroutines counts what runs by where it was made, without the broker, whose
// server and client live on.
func goroutines() map[string]int {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	counts := map[string]int{}
	for _, stack := range strings.Split(string(buf), "\n\n") {
		_, made, ok := strings.Cut(stack, "created by ")
		if !ok || strings.Contains(stack, "nats-server") || strings.Contains(stack, "nats.go") {
			continue
		}
		name, _, _ := strings.Cut(made, " in goroutine")
		counts[name]++
	}
	return counts
}
