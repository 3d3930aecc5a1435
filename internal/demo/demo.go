package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/invariant"
	"reconciler/internal/sandbox"
	"reconciler/internal/worker"
)

// Options is everything a demo needs. All fields are required but Screen and Limits.
type Options struct {
	Payments int
	Seed     uint64
	// Sandbox is running; Hooks are its merchant's endpoints.
	Sandbox *sandbox.Sandbox
	Hooks   []Hook
	Pace    Pace
	// Conn is what the demo publishes and reads over. The streams exist, and
	// nothing has been published to them.
	Conn *nats.Conn
	// Worker does the work, in this process or elsewhere.
	Worker Worker
	// Limits are what it keeps to at each account; nil: they are not judged.
	Limits []invariant.Limits
	// Screen shows progress; nil: nothing is shown. Live says that it is a
	// terminal that can be painted over.
	Screen io.Writer
	Live   bool
	// Limit is when a demo that does not come to its end is judged as it stands.
	Limit time.Duration
}

// Worker is what a demo shows.
type Worker interface {
	// Start begins to work. It is called once.
	Start()
	// Stop ends it: what is in hand is finished before ctx ends, or handed back.
	Stop(ctx context.Context) error
	// Snapshot is for the screen; empty where the worker is another process.
	Snapshot() worker.Snapshot
}

// Hook is one endpoint of a simulated merchant.
type Hook struct {
	Merchant, ID string
	// Name is the sandbox's name for it: the path its deliveries come to.
	Name string
	// Events is the filter, as in the configuration.
	Events []string
}

const (
	// stopLimit is how long the worker may take to stop.
	stopLimit = 20 * time.Second
	// publishLimit is when an announcement counts as lost.
	publishLimit = 10 * time.Second
)

// Run runs a demo to its end and judges it. An error means that it could not be
// run, not that it failed.
func Run(ctx context.Context, o Options) (Result, error) {
	b, err := broker.New(ctx, broker.Options{Conn: o.Conn, Log: zerolog.Nop()})
	if err != nil {
		return Result{}, fmt.Errorf("set up the broker: %w", err)
	}
	js, err := jetstream.New(o.Conn, jetstream.WithPublishAsyncTimeout(publishLimit))
	if err != nil {
		return Result{}, fmt.Errorf("set up JetStream: %w", err)
	}
	r := &run{Options: o, broker: b, js: js, began: time.Now(), board: newBoard()}
	stopFollowing, err := r.follow(ctx)
	if err != nil {
		return Result{}, err
	}
	defer stopFollowing()
	o.Worker.Start()
	runErr := r.play(ctx)
	if err := r.stop(ctx); err != nil {
		return Result{}, fmt.Errorf("stop the worker: %w", err)
	}
	if runErr != nil && !errors.Is(runErr, errUnfinished) {
		return Result{}, runErr
	}
	return r.judge(ctx)
}

// run is one demo under way.
type run struct {
	Options
	broker *broker.Broker
	js     jetstream.JetStream
	began  time.Time
	plan   []planned
	told   []jetstream.PubAckFuture // the announcements
	board  *board
}

// stop stops the worker. One that was cut short has handed its work back.
func (r *run) stop(ctx context.Context) error {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	if err := r.Worker.Stop(limited); err != nil && !errors.Is(err, worker.ErrCutShort) {
		return err
	}
	return nil
}

// errUnfinished says that the limit came first. The verdict tells the rest.
var errUnfinished = errors.New("the demo did not come to its end")

// glanceEvery is how often the screen is drawn and the end is looked for.
const glanceEvery = 200 * time.Millisecond

// play announces all payments and waits until all has been told. Progress is
// shown while it announces, too.
func (r *run) play(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, r.Limit)
	defer cancel()
	announced := make(chan error, 1)
	go func() { announced <- r.announce(limited) }()
	err := r.watch(limited, announced)
	if limited.Err() != nil && ctx.Err() == nil {
		return errUnfinished
	}
	return err
}

// watch shows progress until the end. It returns after the announcer has.
func (r *run) watch(ctx context.Context, announced <-chan error) error {
	ticker := time.NewTicker(glanceEvery)
	defer ticker.Stop()
	screen := newScreen(r.Screen, r.Live)
	for whole := false; ; {
		p := r.progress()
		screen.show(p)
		if whole && p.finished() {
			screen.end(p)
			return nil
		}
		select {
		case <-ticker.C:
		case err := <-announced:
			if err != nil {
				return err
			}
			whole, announced = true, nil
		case <-ctx.Done():
			if !whole {
				<-announced
			}
			return ctx.Err()
		}
	}
}
