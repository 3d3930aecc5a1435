package guard_test

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/guard"
)

// history is what happened to a guard, as seen from outside.
type history struct {
	mu      sync.Mutex
	calls   []made
	shut    []span // from which instant to which no call may begin
	changes []guard.Change
}

// made is one call; probe: its permit was asked for half-open.
type made struct {
	begin, end time.Time
	probe      bool
}

type span struct{ from, to time.Time }

// client asks for permits in one of the three ways, lets some lie, and makes
// calls of random length with random ends, for two virtual hours.
func client(ctx context.Context, g *guard.Guard, h *history, random *rand.Rand) {
	for ctx.Err() == nil {
		p := askSomehow(ctx, g, random)
		if p == nil {
			time.Sleep(time.Duration(random.IntN(2000)) * ms)
			continue
		}
		if random.IntN(3) == 0 {
			time.Sleep(time.Duration(random.IntN(30)) * second)
		}
		oneCall(ctx, g, p, h, random)
		p.Done(guard.Unused())
	}
}

func askSomehow(ctx context.Context, g *guard.Guard, random *rand.Rand) *guard.Permit {
	var p *guard.Permit
	switch random.IntN(3) {
	case 0:
		p, _ = g.Ask()
	case 1:
		p, _ = g.TryAcquire()
	default:
		limited, cancel := context.WithTimeout(ctx, time.Duration(random.IntN(20))*second)
		defer cancel()
		p, _ = g.Acquire(limited)
	}
	return p
}

func oneCall(ctx context.Context, g *guard.Guard, p *guard.Permit, h *history, random *rand.Rand) {
	if random.IntN(10) == 0 {
		return
	}
	limited, cancel := p.Context(ctx)
	defer cancel()
	if limited.Err() != nil {
		return
	}
	call := made{begin: time.Now(), probe: g.Snapshot().State == guard.StateHalfOpen}
	pause := time.NewTimer(time.Duration(random.IntN(12)) * second)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-limited.Done():
	}
	result, retryAfter := randomResult(random)
	h.mu.Lock()
	call.end = time.Now()
	h.calls = append(h.calls, call)
	if retryAfter > 0 {
		h.shut = append(h.shut, span{call.end, call.end.Add(retryAfter)})
	}
	h.mu.Unlock()
	p.Done(result)
}

func randomResult(random *rand.Rand) (guard.Result, time.Duration) {
	switch n := random.IntN(100); {
	case n < 50:
		return guard.Success(), 0
	case n < 85:
		return guard.Failure(), 0
	case n < 92:
		return guard.Neutral(), 0
	case n < 95:
		return guard.Open("setting"), 0
	}
	d := time.Duration(1+random.IntN(20)) * second
	return guard.Throttled(d), d
}

func TestGuard_KeepsItsPromises_UnderRandomUse(t *testing.T) {
	const rate, burst = 4.0, 5
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			h := &history{}
			g := setup(t, func(o *guard.Options) {
				o.Rate, o.Burst, o.Concurrency, o.Ramp = rate, burst, 6, 30*second
				o.Ratio, o.MinRequests, o.Window = 0.6, 10, 20*second
				o.OnChange = func(c guard.Change) { h.changes = append(h.changes, c) }
			})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
			defer cancel()
			var clients sync.WaitGroup
			for n := range uint64(12) {
				clients.Go(func() { client(ctx, g, h, rand.New(rand.NewPCG(seed, n))) })
			}
			clients.Wait()
			if s := g.Snapshot(); s.InUse != 0 || s.Waiting != 0 {
				t.Errorf("seed %d: %d in use, %d waiting at the end", seed, s.InUse, s.Waiting)
			}
			for _, c := range h.changes {
				if c.To == guard.StateOpen {
					h.shut = append(h.shut, span{c.At, c.ReopensAt})
				}
			}
			if len(h.calls) < 300 || len(h.shut) < 20 {
				t.Errorf("seed %d: only %d calls and %d closings: nothing was tried", seed, len(h.calls), len(h.shut))
			}
			h.check(t, seed, rate, burst)
		})
	}
}

func (h *history) check(t *testing.T, seed uint64, rate float64, burst int) {
	t.Helper()
	// Of two that began at one instant the shorter was first: it made way.
	slices.SortFunc(h.calls, func(a, b made) int {
		return cmp.Or(a.begin.Compare(b.begin), a.end.Compare(b.end))
	})
	var probes []made
	for i, c := range h.calls {
		for _, s := range h.shut {
			if c.begin.After(s.from) && c.begin.Before(s.to) {
				t.Errorf("seed %d: a call began at %v, the tap was shut from %v to %v", seed, c.begin, s.from, s.to)
			}
		}
		if c.probe {
			probes = append(probes, c)
		}
		for j := range i + 1 {
			n, took := i-j+1, c.begin.Sub(h.calls[j].begin).Seconds()
			if float64(n) > float64(burst)+rate*took+1e-6 {
				t.Fatalf("seed %d: %d calls began within %v s", seed, n, took)
			}
		}
	}
	for i := 1; i < len(probes); i++ {
		if probes[i].begin.Before(probes[i-1].end) {
			t.Errorf("seed %d: two probes at a time, at %v", seed, probes[i].begin)
		}
	}
}

// The real scheduler, for the race detector: bubbles run goroutines too, but
// only here do two threads meet in the guard without virtual time between.
func TestGuard_GivesEverythingBack_WhenManyUseItAtOnce(t *testing.T) {
	g := setup(t, func(o *guard.Options) {
		o.Concurrency, o.Reopen = 4, []time.Duration{ms}
		o.OnChange = func(guard.Change) {}
	})
	var users sync.WaitGroup
	for n := range uint64(8) {
		users.Go(func() {
			random := rand.New(rand.NewPCG(1, n))
			for range 300 {
				p, err := g.Acquire(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				_, cancel := p.Context(t.Context())
				g.Snapshot()
				switch random.IntN(4) {
				case 0:
					p.Done(guard.Failure())
				case 1:
					p.Done(guard.Unused())
				default:
					p.Done(guard.Success())
				}
				cancel()
			}
		})
	}
	users.Wait()
	if s := g.Snapshot(); s.InUse != 0 || s.Waiting != 0 {
		t.Errorf("%d in use, %d waiting", s.InUse, s.Waiting)
	}
}
