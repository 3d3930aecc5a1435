package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/demo"
	"reconciler/internal/payment"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox"
	"reconciler/internal/worker"
)

// natsServer starts a real nats-server that writes to disk before it
// acknowledges, and gives its address.
func natsServer(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	text := fmt.Sprintf("host: 127.0.0.1\nport: -1\njetstream { store_dir: %q, sync_interval: always }\n", filepath.Join(dir, "store"))
	path := filepath.Join(dir, "nats.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	server := start(t, build(t, "github.com/nats-io/nats-server/v2"), "--config", path)
	line := server.await(t, "Listening for client connections on")
	server.await(t, "Server is ready")
	return "nats://" + regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(line)
}

// connect connects to the server and makes the streams.
func connect(t *testing.T, url string) *nats.Conn {
	t.Helper()
	conn, err := broker.Connect(t.Context(), broker.ConnectOptions{URL: url, Name: "test"}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	b, err := broker.New(t.Context(), broker.Options{Conn: conn, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	err = b.Provision(t.Context(), broker.ProvisionOptions{
		StatusRetention: 90 * retry.Day, LogRetention: 30 * retry.Day, DeadRetention: 365 * retry.Day, LongestWatch: retry.Day,
	})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// mortal is `reconciler run` as a child process that is killed now and then.
type mortal struct {
	t    *testing.T
	path string
	args []string

	mu  sync.Mutex
	now *process
}

// Start launches the process.
func (m *mortal) Start() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = start(m.t, m.path, m.args...)
}

// Stop stops it gracefully: it has to end with exit code 0.
func (m *mortal) Stop(ctx context.Context) error { return m.running().stop(ctx) }

// Snapshot is empty: it is another process.
func (m *mortal) Snapshot() worker.Snapshot { return worker.Snapshot{} }

func (m *mortal) running() *process {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// decided follows the status stream and counts payments that are decided or
// given up, which is what "in the middle" is measured by.
type decided struct {
	js       jetstream.JetStream
	mu       sync.Mutex
	payments map[string]bool
	news     chan struct{}
}

func followDecided(t *testing.T, conn *nats.Conn) *decided {
	t.Helper()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	d := &decided{js: js, payments: map[string]bool{}, news: make(chan struct{}, 1)}
	consumer, err := js.OrderedConsumer(t.Context(), broker.StreamStatus, jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	following, err := consumer.Consume(func(msg jetstream.Msg) {
		event, err := payment.ParseEvent(msg.Data())
		if err != nil || event.Data.Status.Open() {
			return
		}
		d.mu.Lock()
		d.payments[event.Data.PaymentID] = true
		d.mu.Unlock()
		select {
		case d.news <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(following.Stop)
	return d
}

func (d *decided) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.payments)
}

// atLeast waits until so many payments are decided; false: ctx ended first.
func (d *decided) atLeast(ctx context.Context, n int) bool {
	for d.count() < n {
		select {
		case <-d.news:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// inHand counts the messages that are delivered and not acknowledged.
func (d *decided) inHand(ctx context.Context) int {
	total := 0
	for _, name := range []string{broker.StreamPayments, broker.StreamStatus, broker.StreamWork} {
		stream, err := d.js.Stream(ctx, name)
		if err != nil {
			return 0
		}
		for info := range stream.ListConsumers(ctx).Info() {
			total += info.NumAckPending
		}
	}
	return total
}

// killAt kills the process when so many payments are decided, starts another, and
// reports how many were decided and how many messages were in hand then.
func (m *mortal) killAt(ctx context.Context, low int, d *decided, world *sandbox.Sandbox) (then, inHand int) {
	if !d.atLeast(ctx, low) {
		return 0, 0
	}
	m.running().kill()
	then, inHand = d.count(), d.inHand(ctx)
	// A provider's Retry-After (the simulated ones say one second) is known to the
	// process that was told it, and to no other.
	told := time.NewTimer(time.Until(lastThrottle(world).Add(time.Second)))
	defer told.Stop()
	select {
	case <-told.C:
		m.Start()
	case <-ctx.Done():
	}
	return then, inHand
}

// lastThrottle is when a provider last answered "too many requests".
func lastThrottle(world *sandbox.Sandbox) time.Time {
	var last time.Time
	for _, ask := range world.Asked() {
		if ask.HTTPStatus == http.StatusTooManyRequests && ask.Answered.After(last) {
			last = ask.Answered
		}
	}
	return last
}

func TestRun_KilledTwiceInTheMiddle_EndsEveryPaymentRightAndTellsEachChangeOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs processes for a minute")
	}
	const (
		payments = 1000
		ackWait  = 7 * time.Second // what was in hand is done again soon after a kill
	)
	ctx, cancel := context.WithTimeout(t.Context(), 115*time.Second)
	defer cancel()
	url := natsServer(t)
	conn := connect(t, url)
	hooks, pace := demoHooks(4*payments), demo.PaceFor(payments) // many shops, so that no one's Retry-After holds up the end
	pace.Patience = 3 * ackWait                                  // for two kills, with time to spare
	world, err := startSandbox(ctx, sandbox.Options{Seed: 11, Faults: sandbox.FaultsSome, Step: pace.Step, Floor: pace.Floor}, hooks)
	if err != nil {
		t.Fatal(err)
	}
	defer stopSandbox(ctx, world)
	path, err := writeSandboxConfig(t.TempDir(), world, sandboxConfig{Hooks: configured(hooks), Pace: pace, URL: url, AckWait: ackWait})
	if err != nil {
		t.Fatal(err)
	}
	m := &mortal{t: t, path: build(t, "reconciler/cmd/reconciler"), args: []string{"run", "--config", path}}
	d := followDecided(t, conn)
	var kills sync.WaitGroup
	kills.Go(func() {
		for _, low := range []int{payments * 30 / 100, payments * 55 / 100} {
			then, inHand := m.killAt(ctx, low, d, world)
			t.Logf("killed when %d of %d payments were decided and %d messages in hand", then, payments, inHand)
			if then < low || then > payments*70/100 || inHand == 0 {
				t.Errorf("that was not in the middle: want %d to %d payments, and messages in hand", low, payments*70/100)
			}
		}
	})
	result, err := demo.Run(ctx, demo.Options{
		Payments: payments, Seed: 11, Sandbox: world, Hooks: hooks, Pace: pace, Conn: conn, Worker: m, Limit: 100 * time.Second,
	})
	cancel()
	kills.Wait()
	if err != nil {
		t.Fatal(err)
	}
	t.Log(result.Summary())
	if !result.Passed() {
		t.Error("the demo did not pass")
	}
}
