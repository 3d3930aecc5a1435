package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/config"
	"reconciler/internal/demo"
	"reconciler/internal/invariant"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox"
	"reconciler/internal/worker"
)

// mortals are some `reconciler run` processes that share the work.
type mortals []*mortal

// Start launches all.
func (all mortals) Start() {
	for _, m := range all {
		m.Start()
	}
}

// Stop stops all gracefully: each has to end with exit code 0.
func (all mortals) Stop(ctx context.Context) error {
	var stopped sync.WaitGroup
	errs := make([]error, len(all))
	for i, m := range all {
		stopped.Go(func() { errs[i] = m.Stop(ctx) })
	}
	stopped.Wait()
	return errors.Join(errs...)
}

// Snapshot is empty: they are other processes.
func (mortals) Snapshot() worker.Snapshot { return worker.Snapshot{} }

const (
	clusterPayments = 2000
	clusterAckWait  = 7 * time.Second
	// mostMiddle is how many payments may be decided in the middle. The others are
	// those whose watch has to run out.
	mostMiddle = clusterPayments * 95 / 100
	// telling is how long news from worker to worker may take while all servers and
	// workers share a busy machine.
	telling = 600 * time.Millisecond
	// hearing is how long a worker may take to hear the others again when the server
	// has died that it heard them from.
	hearing = 10 * time.Second
)

// clusterTrial is a cluster, two workers and their world, with what befalls them.
type clusterTrial struct {
	*cluster
	conn    *nats.Conn
	js      jetstream.JetStream
	world   *sandbox.Sandbox
	hooks   []demo.Hook
	pace    demo.Pace
	config  string // the workers' configuration file
	workers mortals

	most  int    // payments that were seen decided; the faults' alone
	apart []span // when workers could not hear each other; the faults' alone
	woken []span // when one had just been let go on
	// elected are times in which servers died that led consumers: what such a one had
	// delivered last its successor delivers again, and a payment is asked about twice.
	elected []span
}

// span is a time from one instant to another.
type span struct{ from, to time.Time }

func newClusterTrial(ctx context.Context, t *testing.T) *clusterTrial {
	t.Helper()
	x := &clusterTrial{cluster: natsCluster(t), hooks: demoHooks(4 * clusterPayments), pace: demo.PaceFor(4 * clusterPayments)}
	x.pace.Patience = 4 * clusterAckWait // for all that happens, with time to spare
	x.conn, x.js = connectCluster(ctx, t, x.url())
	var err error
	x.world, err = startSandbox(ctx, sandbox.Options{Seed: 11, Faults: sandbox.FaultsSome, Step: x.pace.Step, Floor: x.pace.Floor}, x.hooks)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopSandbox(context.WithoutCancel(ctx), x.world) })
	x.config, err = writeSandboxConfig(t.TempDir(), x.world, sandboxConfig{
		Hooks: configured(x.hooks), Pace: x.pace, URL: x.url(), AckWait: clusterAckWait,
	})
	if err != nil {
		t.Fatal(err)
	}
	replicate(t, x.config)
	path := build(t, "reconciler/cmd/reconciler")
	for range 2 {
		x.workers = append(x.workers, &mortal{t: t, path: path, args: []string{"run", "--config", x.config}})
	}
	return x
}

// replicate has all that workers of this configuration make kept three times.
func replicate(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte("replicas:")) {
		text = bytes.Replace(text, []byte("\nnats:\n"), []byte("\nnats:\n  replicas: 3\n"), 1)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// connectCluster connects to all servers and makes the streams with three replicas.
func connectCluster(ctx context.Context, t *testing.T, url string) (*nats.Conn, jetstream.JetStream) {
	t.Helper()
	conn, err := broker.Connect(ctx, broker.ConnectOptions{URL: url, Name: "test"}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	b, err := broker.New(ctx, broker.Options{Conn: conn, Log: zerolog.Nop(), Replicas: 3})
	if err != nil {
		t.Fatal(err)
	}
	err = b.Provision(ctx, broker.ProvisionOptions{
		StatusRetention: 90 * retry.Day, LogRetention: 30 * retry.Day, DeadRetention: 365 * retry.Day, LongestWatch: retry.Day,
		Patience: time.Second, // the servers are new: there is nothing to wait for
	})
	if err != nil {
		t.Fatal(err)
	}
	return conn, b.JetStream()
}

// limits are what the two workers together keep to.
func (x *clusterTrial) limits(t *testing.T) []invariant.Limits {
	t.Helper()
	cfg, err := config.Load(x.config, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	o, err := cfg.WorkerOptions(newTransport)
	if err != nil {
		t.Fatal(err)
	}
	all := demoLimits(o.Accounts)
	for i := range all {
		all[i].Workers = len(x.workers)
	}
	return all
}

// Two workers, three servers, 2,000 payments, and all that kills or freezes processes.
func TestCluster_WhateverProcessIsKilledOrFrozen_EndsEveryPaymentRightAndNothingIsLost(t *testing.T) {
	onlyWithCluster(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	x := newClusterTrial(ctx, t)
	var faults sync.WaitGroup
	faults.Go(func() {
		x.befall(ctx, 5, x.killWorker)
		x.befall(ctx, 10, x.killLeader(broker.StreamStatus))
		x.befall(ctx, 20, x.killLeader(broker.StreamWork))
		x.befall(ctx, 30, x.killTwo)
		x.befall(ctx, 40, x.freeze)
	})
	result, err := demo.Run(ctx, demo.Options{
		Payments: clusterPayments, Seed: 11, Sandbox: x.world, Hooks: x.hooks, Pace: x.pace, Conn: x.conn, Worker: x.workers,
		Limits: x.limits(t), Limit: 4 * time.Minute,
	})
	if err != nil {
		cancel()
	}
	faults.Wait()
	if err != nil {
		t.Fatal(err)
	}
	x.judge(result)
	x.audits(ctx)
}
