package worker_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/guard"
	"reconciler/internal/payment"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox"
	"reconciler/internal/worker"
)

// The long outage: 1,000 payments are under way when their provider goes down
// for six hours, and are decided there meanwhile.
const (
	outageAfter  = 4 * time.Minute
	outageFor    = 6 * time.Hour
	outageCount  = 1000
	outageRate   = 20 // calls a second, for the fleet
	outageBurst  = 4
	outagePlaces = 16
	outageRamp   = 5 * time.Minute
	// outageThreshold is how many failures in a row open a worker's breaker.
	outageThreshold = 5
)

// TestFleet_ThroughAnOutageOfSixHours: two workers share a provider that is down
// for six hours. It sees single probes while the breaker is open and never more
// than the limits on the ramp; no payment is lost, failed or given up, and no
// attempt or time of its watch is spent.
func TestFleet_ThroughAnOutageOfSixHours(t *testing.T) {
	for _, kind := range []sandbox.TroubleKind{sandbox.Down503, sandbox.DownHang} {
		t.Run(string(kind), func(t *testing.T) {
			brokertest.Bubble(t, func(t *testing.T) { throughOutage(t, kind) })
		})
	}
}

func throughOutage(t *testing.T, kind sandbox.TroubleKind) {
	shop := newShop(t)
	world := startOutageWorld(t, shop)
	began := time.Now()
	down := sandbox.Trouble{Provider: sandbox.Finipay, Kind: kind, From: began.Add(outageAfter), Until: began.Add(outageAfter + outageFor)}
	if err := world.Trouble(down); err != nil {
		t.Fatal(err)
	}
	b, opened := brokertest.Start(t), &openings{}
	for seed := range 2 {
		o := options(b.Conn(), newScript(), shop)
		o.Accounts = []worker.Account{protected(t, shop, world)}
		o.Endpoints, o.Random, o.AckWait, o.Log = nil, locked(uint64(seed)), time.Minute, zerolog.New(opened)
		startWorker(t, o)
	}
	for range outageCount {
		announceAt(t, b, world)
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(time.Until(down.Until.Add(-time.Minute)))
	spent := watches(t, b)
	time.Sleep(time.Until(down.Until.Add(time.Hour)))

	judgeProbes(t, world, down, time.Unix(0, opened.first.Load()))
	judgeRamp(t, world, down)
	judgeWatches(t, spent)
	last := map[string]payment.Status{}
	for _, e := range events(t, b) {
		last[e.Data.PaymentID] = e.Data.Status
		if !e.Data.Status.Open() && e.Data.Status != payment.Succeeded {
			t.Errorf("payment %s became %s", e.Data.PaymentID, e.Data.Status)
		}
	}
	versions(t, events(t, b))
	succeeded := 0
	for _, status := range last {
		if status == payment.Succeeded {
			succeeded++
		}
	}
	if succeeded != outageCount {
		t.Errorf("%d of %d payments succeeded", succeeded, outageCount)
	}
	if n := len(read(t, b, broker.StreamDead)); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

func startOutageWorld(t *testing.T, shop *shop) *sandbox.Sandbox {
	t.Helper()
	world, err := sandbox.Start(t.Context(), sandbox.Options{Seed: 1, Step: time.Hour, Listen: shop.net.Listen})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = world.Stop(brokertest.Context(t)) })
	return world
}

// protected is the simulated finipay as an account with the default breaker.
func protected(t *testing.T, shop *shop, world *sandbox.Sandbox) worker.Account {
	t.Helper()
	for _, a := range world.Accounts() {
		if a.Provider != sandbox.Finipay {
			continue
		}
		account := accountOf(t, shop.net, a)
		account.Cadence, account.Floor = nil, 0
		account.Guard = guard.Options{
			Rate: outageRate, Burst: outageBurst, Concurrency: outagePlaces, TimeLimit: 10 * time.Second,
			Consecutive: outageThreshold, Ratio: 0.5, MinRequests: 20, Window: time.Minute,
			Reopen: retry.Growth(5*time.Second, 10*time.Minute, 2), Ramp: outageRamp,
		}
		return account
	}
	t.Fatal("no such account")
	return worker.Account{}
}

func announceAt(t *testing.T, b *broker.Broker, world *sandbox.Sandbox) {
	t.Helper()
	made, err := world.Create(sandbox.CreateOptions{Provider: sandbox.Finipay, Life: "charged", AmountMinor: 3300, Currency: "KGS"})
	if err != nil {
		t.Fatal(err)
	}
	announce(t, b, map[string]any{
		"id": "e-" + made.ID, "payment_id": made.ID, "merchant_id": merchant, "provider": sandbox.Finipay, "reference": made.Reference,
		"amount": made.Amount, "currency": made.Currency, "created_at": made.Created.UTC().Format(time.RFC3339Nano),
	})
}

// judgeProbes: what the provider saw while it was down.
func judgeProbes(t *testing.T, world *sandbox.Sandbox, down sandbox.Trouble, opened time.Time) {
	t.Helper()
	var during []sandbox.Ask
	for _, ask := range world.Asked() {
		if !ask.Arrived.Before(down.From) && ask.Arrived.Before(down.Until) {
			during = append(during, ask)
		}
	}
	slices.SortFunc(during, func(a, b sandbox.Ask) int { return a.Arrived.Compare(b.Arrived) })
	opened = opened.Add(50 * time.Millisecond) // until the other worker knows
	first := 0
	for first < len(during) && during[first].Arrived.Before(opened) {
		first++
	}
	probes := during[first:]
	t.Logf("%d asks until the breaker was open, then %d probes in %v", first, len(probes), outageFor)
	// Each worker counts its own failures.
	if most := outagePlaces + 2*outageThreshold; first > most {
		t.Errorf("%d asks until the breaker was open, want at most %d: the concurrency and the thresholds", first, most)
	}
	// After 5, 10, 20 ... s, then every 10 to 12 minutes, by one worker at a time.
	if len(probes) < 30 || len(probes) > 42 {
		t.Errorf("%d probes in %v, want about 36", len(probes), outageFor)
	}
	for i, p := range probes[1:] {
		before := probes[i]
		if before.Answered.IsZero() || p.Arrived.Before(before.Answered) {
			t.Errorf("two probes at once, %v into the outage", p.Arrived.Sub(down.From))
		}
		if gap := p.Arrived.Sub(before.Arrived); gap < 5*time.Second {
			t.Errorf("two probes within %v, %v into the outage", gap, p.Arrived.Sub(down.From))
		}
	}
}

// openings is a log that remembers when a tap opened first.
type openings struct{ first atomic.Int64 }

func (o *openings) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(`"event":"tap.changed"`)) && bytes.Contains(line, []byte(`"to":"open"`)) {
		o.first.CompareAndSwap(0, time.Now().UnixNano())
	}
	return len(line), nil
}

// judgeRamp: what the provider saw after it was up again, against the fleet's
// limits at each instant.
func judgeRamp(t *testing.T, world *sandbox.Sandbox, down sandbox.Trouble) {
	t.Helper()
	var after []time.Time
	for _, ask := range world.Asked() {
		if !ask.Arrived.Before(down.Until) {
			after = append(after, ask.Arrived)
		}
	}
	slices.SortFunc(after, time.Time.Compare)
	if len(after) < outageCount {
		t.Fatalf("%d asks after the outage", len(after))
	}
	closed := after[0] // the probe that succeeded
	rate := func(at time.Time) float64 {
		step := math.Floor(float64(at.Sub(closed)) / float64(outageRamp) * 9)
		return outageRate * min(1, (step+1)/10)
	}
	// Any second holds at most what its end allows, and what each of the two may
	// have in its bucket.
	for i, from := range after {
		n := 0
		for _, at := range after[i:] {
			if at.Sub(from) >= time.Second {
				break
			}
			n++
		}
		if most := rate(from.Add(time.Second)) + outageBurst; float64(n) > most+1 {
			t.Fatalf("%d asks within the second %v after closing, want at most %.0f", n, from.Sub(closed), most)
		}
	}
	t.Logf("%d asks within the ramp", len(slices.DeleteFunc(after, func(at time.Time) bool { return at.Sub(closed) > outageRamp })))
}

// seenWatch is what a timer or due message says about the looks made so far.
type seenWatch struct {
	PaymentID string        `json:"payment_id"`
	Clock     time.Duration `json:"clock"`
	Looks     []struct {
		Saw   string `json:"saw"`
		Count int    `json:"n"`
	} `json:"looks"`
}

func watches(t *testing.T, b *broker.Broker) []seenWatch {
	t.Helper()
	var all []seenWatch
	for _, m := range read(t, b, broker.StreamWork) {
		var w seenWatch
		if err := json.Unmarshal(m.Data, &w); err != nil {
			t.Fatal(err)
		}
		all = append(all, w)
	}
	return all
}

// judgeWatches: near the end of the outage every payment waits, its give-up clock
// stands where it stood, and hardly any was asked about in vain.
func judgeWatches(t *testing.T, spent []seenWatch) {
	t.Helper()
	waiting, failures := map[string]bool{}, 0
	for _, w := range spent {
		waiting[w.PaymentID] = true
		if w.Clock > outageAfter+time.Minute {
			t.Errorf("the clock of payment %s ran %v", w.PaymentID, w.Clock)
		}
		for _, l := range w.Looks {
			if l.Saw == "unavailable" {
				failures += l.Count
			}
		}
	}
	if len(waiting) != outageCount {
		t.Errorf("%d of %d payments wait", len(waiting), outageCount)
	}
	if most := outagePlaces + 2*outageThreshold + 42; failures > most {
		t.Errorf("%d looks failed, want at most %d: those that opened the breaker and the probes", failures, most)
	}
	t.Log(fmt.Sprint(failures, " looks failed for ", len(waiting), " payments"))
}
