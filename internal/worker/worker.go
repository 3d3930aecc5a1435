// Package worker wires into one value the four loops, and beside them what keeps
// them going: the fleet that shares an account's tap, the endpoints as they change,
// the sweep for payments that nobody would come back to, and the watch over streams
// and consumers. Nothing happens at package level, so two workers can live in one
// process; they share the work like two processes would.
//
// New checks every option, provisions the streams and wires the parts; it
// starts nothing. Start begins to pull. Stop ends pulling, lets what is in hand
// finish until its context ends, cuts the rest short and hands it back; it may
// be called more than once and is bounded by its context. The connection
// belongs to the caller and outlives the worker.
package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
	"reconciler/internal/consumer"
	"reconciler/internal/fleet"
	"reconciler/internal/guard"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
)

// Worker runs the four loops, and what keeps them going, over one connection.
type Worker struct {
	conn  *nats.Conn
	set   *consumer.Set
	fleet *fleet.Fleet
	// endpoints are followed for as long as an attempt may report.
	endpoints *endpoint.Live
	sender    *webhook.Sender
	accounts  []*consumer.Account
	hinter    *consumer.Hinter
	sweeper   *consumer.Sweeper
	liveness  *consumer.Liveness

	endPull, endWork context.CancelFunc
	done             chan struct{}
	start, stop      sync.Once
	run              func()
}

// New makes a worker. On error nothing is left behind but the streams it created.
func New(ctx context.Context, o Options) (*Worker, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	b, err := broker.New(ctx, broker.Options{Conn: o.Conn, Log: o.Log, Replicas: o.Replicas, Rand: o.Random})
	if err != nil {
		return nil, fmt.Errorf("set up the broker: %w", err)
	}
	name := rand.Text()
	others := fleet.New(fleet.Options{Broker: b, Worker: name, Log: o.Log})
	accounts, err := o.accounts(others)
	if err != nil {
		return nil, err
	}
	streams := broker.ProvisionOptions{
		StatusRetention: o.StatusRetention, LogRetention: o.LogRetention, DeadRetention: o.DeadRetention,
		LongestWatch: o.longestWatch(),
	}
	if err := b.Provision(ctx, streams); err != nil {
		return nil, fmt.Errorf("prepare the streams: %w", err)
	}
	endpoints, err := o.directory(ctx, b)
	if err != nil {
		return nil, err
	}
	sender, err := webhook.New(o.Webhook)
	if err != nil {
		return nil, fmt.Errorf("set up the webhook sender: %w", err)
	}
	if err := others.Join(ctx); err != nil {
		sender.Close()
		return nil, err
	}
	set := consumer.New(consumer.Options{
		Broker: b, Accounts: accounts, Endpoints: endpoints, Sender: sender, Guards: o.endpointGuard,
		Schedule: o.Schedule, Workers: o.Concurrency, AckWait: o.AckWait, PullWait: o.PullWait, Callbacks: o.Callbacks,
		Random: o.Random, Log: o.Log,
	})
	// The worker lives until Stop, not until the context of its making ends. Two
	// lives: pulling ends at once when Stop begins, the work in hand later.
	pull, endPull := context.WithCancel(context.WithoutCancel(ctx))
	work, endWork := context.WithCancel(context.WithoutCancel(ctx))
	w := &Worker{conn: o.Conn, set: set, fleet: others, endpoints: endpoints, sender: sender, accounts: accounts, hinter: consumer.NewHinter(b, accounts, o.Log), endPull: endPull, endWork: endWork, done: make(chan struct{})}
	w.sweeper = consumer.NewSweeper(consumer.SweepOptions{Broker: b, Accounts: accounts, Worker: name, Interval: o.SweepEvery, Random: o.Random, Log: o.Log})
	w.liveness = set.Liveness(streams, o.LookEvery)
	w.run = func() {
		defer close(w.done)
		w.live(pull, work)
	}
	return w, nil
}

// live runs the loops within the fleet: what is in hand may need it to the end. The
// sweep and the watch end with the pulling.
func (w *Worker) live(pull, work context.Context) {
	member, leave := context.WithCancel(context.WithoutCancel(work))
	var left sync.WaitGroup
	for _, run := range []func(context.Context){w.fleet.Run, w.endpoints.Run} {
		left.Add(1)
		go func() {
			defer left.Done()
			run(member)
		}()
	}
	w.fleet.Settle(pull)
	for _, run := range []func(context.Context){w.sweeper.Run, w.liveness.Run} {
		left.Add(1)
		go func() {
			defer left.Done()
			run(pull)
		}()
	}
	w.set.Run(pull, work)
	leave()
	left.Wait()
}

// Start begins to pull. A second call does nothing, nor does one after Stop.
func (w *Worker) Start() { w.start.Do(func() { go w.run() }) }

// ErrCutShort says that Stop's limit came before the work in hand was done: the
// rest was handed back to the broker and will be done by another worker.
var ErrCutShort = errors.New("the limit for a graceful stop was reached; the messages in hand were handed back")

// flushLimit bounds what Stop does after its context has ended.
const flushLimit = 2 * time.Second

// Stop ends pulling and waits for the work in hand until ctx ends. The error is
// ErrCutShort or nil.
func (w *Worker) Stop(ctx context.Context) error {
	w.endPull()
	w.start.Do(func() { close(w.done) }) // never started: nothing to wait for
	var err error
	select {
	case <-w.done:
	case <-ctx.Done():
		err = ErrCutShort
		w.endWork()
		<-w.done
	}
	w.stop.Do(func() {
		w.endWork()
		w.sender.Close()
		w.fleet.Leave(ctx)
	})
	// Nobody waited for what acknowledges and hands back messages; the caller may
	// end the process now.
	_ = w.conn.FlushTimeout(flushLimit)
	return err
}

// Hinter makes polls of the worker's accounts due now. It needs the connection
// only, so it works whether or not the worker runs.
func (w *Worker) Hinter() *consumer.Hinter { return w.hinter }

// Snapshot is the state of a worker's taps, of its loops, and of the streams and
// consumers as it last saw them, for screens.
type Snapshot struct {
	Accounts []guard.Snapshot
	Health   consumer.Health
	// Connected says that the connection to the broker stands.
	Connected bool
	Loops     []consumer.LoopState
}

// Snapshot shows the taps and loops as they are now.
func (w *Worker) Snapshot() Snapshot {
	s := Snapshot{Health: w.liveness.Health(), Connected: w.conn.IsConnected(), Loops: w.set.Loops()}
	for _, a := range w.accounts {
		s.Accounts = append(s.Accounts, a.Guard.Snapshot())
	}
	return s
}
