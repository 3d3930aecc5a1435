package guard_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/guard"
)

const second = time.Second

// options is a guard without rate, ramp and jitter: what a test wants, it sets.
func options(set func(*guard.Options)) guard.Options {
	o := guard.Options{
		Name:        "party",
		Burst:       1,
		Concurrency: 100,
		TimeLimit:   10 * second,
		Consecutive: 3,
		Reopen:      []time.Duration{5 * second, 10 * second, 20 * second},
	}
	if set != nil {
		set(&o)
	}
	return o
}

func setup(t testing.TB, set func(*guard.Options)) *guard.Guard {
	t.Helper()
	g, err := guard.New(options(set))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// take gets a permit that must be had without waiting.
func take(t *testing.T, g *guard.Guard) *guard.Permit {
	t.Helper()
	p, again := g.Ask()
	if p == nil {
		t.Fatalf("no permit in state %v, ask again at %v", g.Snapshot().State, again)
	}
	return p
}

// start gets a permit and begins its call.
func start(t *testing.T, g *guard.Guard) *guard.Permit {
	t.Helper()
	p := take(t, g)
	begin(t, p)
	return p
}

func begin(t *testing.T, p *guard.Permit) {
	t.Helper()
	ctx, cancel := p.Context(t.Context())
	t.Cleanup(cancel)
	if ctx.Err() != nil {
		t.Fatalf("the call may not begin: %v", context.Cause(ctx))
	}
}

// call makes one whole call.
func call(t *testing.T, g *guard.Guard, r guard.Result) {
	t.Helper()
	start(t, g).Done(r)
}

// fail makes n calls that fail.
func fail(t *testing.T, g *guard.Guard, n int) {
	t.Helper()
	for range n {
		call(t, g, guard.Failure())
	}
}

// waiter is an Acquire under way.
type waiter chan *guard.Permit

func wait(ctx context.Context, g *guard.Guard) waiter {
	w := make(waiter, 1)
	go func() {
		p, err := g.Acquire(ctx)
		if err == nil {
			w <- p
		}
		close(w)
	}()
	synctest.Wait()
	return w
}

// pass lets virtual time pass and everybody act on it.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (w waiter) mustWait(t *testing.T) {
	t.Helper()
	synctest.Wait()
	select {
	case <-w:
		t.Fatal("a permit came too early")
	default:
	}
}

func (w waiter) mustHave(t *testing.T) *guard.Permit {
	t.Helper()
	synctest.Wait()
	select {
	case p := <-w:
		if p == nil {
			t.Fatal("Acquire gave an error")
		}
		return p
	default:
		t.Fatal("no permit came")
		return nil
	}
}

func mustBe(t *testing.T, g *guard.Guard, want guard.State) {
	t.Helper()
	if got := g.Snapshot().State; got != want {
		t.Fatalf("state %v, want %v", got, want)
	}
}
