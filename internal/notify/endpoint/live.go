package endpoint

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/notify"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/pause"
)

// Options are what New needs.
type Options struct {
	Broker *broker.Broker
	// Configured are the endpoints of the configuration.
	Configured []notify.Endpoint
	// Keys open the secrets of endpoints made at run time, the first also seals.
	// Empty: such endpoints are left out, those of the configuration still have
	// their states.
	Keys []Key
	// AllowHTTP permits plain http URLs of endpoints made at run time.
	AllowHTTP bool
	// DisableAfter is how long nothing but failures disables an endpoint; 0:
	// DefaultDisableAfter. It should outlast the schedule of attempts.
	DisableAfter time.Duration
	Log          zerolog.Logger
}

// Live is all endpoints as they are now: those of the configuration, those made
// at run time, and how each stands. Make it with New, then Run.
type Live struct {
	store      *Store
	configured map[string][]*entry
	after      time.Duration
	log        zerolog.Logger

	snapshot atomic.Pointer[snapshot]
	// mu is over what the snapshot is made of, never over I/O.
	mu    sync.Mutex
	known known
	marks map[name]*atomic.Int64
}

// snapshot is what is asked: it never changes once it is stored.
type snapshot struct{ merchants map[string][]*entry }

// entry is one endpoint in a snapshot.
type entry struct {
	id         string
	phases     []phase
	configured bool
	state      State
	// success is when an attempt from here last succeeded, in Unix nanoseconds. It
	// outlives the snapshot.
	success *atomic.Int64
}

// known is the bucket's content.
type known struct {
	made      time.Time
	documents map[string]document
	states    map[name]held
}

// document is a merchant's endpoints, opened.
type document struct {
	entries  []*entry
	revision uint64
}

func newKnown(made time.Time) known {
	return known{made: made, documents: map[string]document{}, states: map[name]held{}}
}

// New makes a directory and reads all there is. It starts nothing. The error
// names every fault of the configured endpoints.
func New(ctx context.Context, o Options) (*Live, error) {
	l := &Live{configured: map[string][]*entry{}, after: o.DisableAfter, log: o.Log, marks: map[name]*atomic.Int64{}}
	if l.after == 0 {
		l.after = DefaultDisableAfter
	}
	if err := l.configure(o.Configured); err != nil {
		return nil, err
	}
	var err error
	if l.store, err = OpenStore(ctx, StoreOptions{Broker: o.Broker, Keys: o.Keys, AllowHTTP: o.AllowHTTP}); err != nil {
		return nil, err
	}
	if len(o.Keys) == 0 {
		l.log.Debug().Msg("endpoints can't be made at run time: no key to seal with is configured")
	}
	for err = l.read(ctx); errors.Is(err, errClosed) && ctx.Err() == nil; err = l.read(ctx) {
		pause.For(ctx, again) // the server of the watch died, perhaps
	}
	if err != nil {
		return nil, fmt.Errorf("read the endpoints: %w", err)
	}
	return l, nil
}

// read takes in all there is.
func (l *Live) read(ctx context.Context) error {
	watch, err := l.watch(ctx)
	if err != nil {
		return err
	}
	defer watch.stop()
	return watch.fill(ctx)
}

// configure takes in the endpoints of the configuration, if nothing is wrong with them.
func (l *Live) configure(endpoints []notify.Endpoint) error {
	if err := notify.CheckAll(endpoints); err != nil {
		return err
	}
	for _, e := range endpoints {
		e = e.WithDefaults()
		signer, err := webhook.NewSigner(e.Secrets)
		if err != nil {
			return fmt.Errorf("endpoint %q of the configuration: %w", e.ID, err)
		}
		e.Signer = signer
		l.configured[e.Merchant] = append(l.configured[e.Merchant], &entry{
			id: e.ID, configured: true, phases: []phase{{endpoint: e}},
		})
	}
	return nil
}

// For gives a merchant's endpoints, switched on or not: those of the
// configuration first. The list is the caller's own; what the endpoints hold
// must not be changed. It asks nobody.
func (l *Live) For(merchant string) []notify.Endpoint {
	entries := l.snapshot.Load().merchants[merchant]
	now := time.Now()
	list := make([]notify.Endpoint, len(entries))
	for i, e := range entries {
		list[i] = e.now(now)
	}
	return list
}

// Find gives one endpoint, switched on or not. What it holds must not be changed.
// It asks nobody.
func (l *Live) Find(merchant, id string) (notify.Endpoint, bool) {
	e := l.find(name{merchant, id})
	if e == nil {
		return notify.Endpoint{}, false
	}
	return e.now(time.Now()), true
}

func (l *Live) find(of name) *entry {
	for _, e := range l.snapshot.Load().merchants[of.merchant] {
		if e.id == of.id {
			return e
		}
	}
	return nil
}

func (e *entry) now(now time.Time) notify.Endpoint {
	endpoint := at(e.phases, now)
	endpoint.Disabled = endpoint.Disabled || !e.state.On()
	return endpoint
}

// rebuild makes the snapshot anew for one merchant, or for all where merchant is
// empty. Call it with mu held.
func (l *Live) rebuild(merchant string) {
	was := l.snapshot.Load()
	next := &snapshot{merchants: map[string][]*entry{}}
	if merchant == "" {
		for m := range l.configured {
			next.merchants[m] = l.merge(m)
		}
		for m := range l.known.documents {
			next.merchants[m] = l.merge(m)
		}
	} else {
		for m, entries := range was.merchants {
			next.merchants[m] = entries
		}
		next.merchants[merchant] = l.merge(merchant)
		if len(next.merchants[merchant]) == 0 {
			delete(next.merchants, merchant)
		}
	}
	l.snapshot.Store(next)
}

// merge puts a merchant's endpoints together. Those of the configuration win.
func (l *Live) merge(merchant string) []*entry {
	var merged []*entry
	for _, e := range slices.Concat(l.configured[merchant], l.known.documents[merchant].entries) {
		if slices.ContainsFunc(merged, func(other *entry) bool { return other.id == e.id }) {
			continue // told when it was heard
		}
		of := name{merchant, e.id}
		if l.marks[of] == nil {
			l.marks[of] = &atomic.Int64{}
		}
		own := *e
		own.state, own.success = l.known.states[of].State, l.marks[of]
		merged = append(merged, &own)
	}
	return merged
}
