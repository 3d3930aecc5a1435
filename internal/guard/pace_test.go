package guard_test

import (
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/guard"
)

const ms = time.Millisecond

// begun makes calls as fast as the guard lets it for d and gives when each began.
func begun(t *testing.T, g *guard.Guard, d time.Duration) []time.Duration {
	t.Helper()
	from := time.Now()
	var at []time.Duration
	for {
		p, again := g.Ask()
		if p == nil {
			if again.Sub(from) >= d {
				pass(d - time.Since(from))
				return at
			}
			pass(time.Until(again))
			continue
		}
		begin(t, p)
		at = append(at, time.Since(from))
		p.Done(guard.Success())
	}
}

func TestGuard_GivesPermitsAtTheRate_ToTheNanosecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, func(o *guard.Options) { o.Rate, o.Burst = 10, 3 })
		for range 3 {
			call(t, g, guard.Success())
		}
		w := wait(t.Context(), g)
		for range 5 {
			pass(100*ms - 1)
			w.mustWait(t)
			pass(1)
			p := w.mustHave(t)
			w = wait(t.Context(), g)
			begin(t, p)
			p.Done(guard.Success())
		}
		pass(100 * ms)
		w.mustHave(t).Done(guard.Unused())
	})
}

func TestGuard_UnusedPermit_GivesItsTokenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, func(o *guard.Options) { o.Rate, o.Burst = 1, 2 })
		for range 100 {
			a, b := take(t, g), take(t, g)
			a.Done(guard.Unused())
			b.Done(guard.Unused())
		}
		call(t, g, guard.Success())
		call(t, g, guard.Success())
		if _, again := g.Ask(); !again.Equal(time.Now().Add(second)) {
			t.Errorf("ask again in %v, want 1s", time.Until(again))
		}
	})
}

func TestGuard_PermitsHeldUnused_DoNotLetMoreBeginThanTheBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, func(o *guard.Options) { o.Rate, o.Burst = 1, 2 })
		held := []*guard.Permit{take(t, g), take(t, g)}
		w := wait(t.Context(), g)
		pass(time.Hour)
		w.mustWait(t) // the bucket is full, and all of it is reserved
		for _, p := range held {
			begin(t, p)
		}
		pass(second - 1)
		w.mustWait(t)
		pass(1)
		begin(t, w.mustHave(t))
	})
}

func TestGuard_RateGrowsInNineSteps_AfterClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, func(o *guard.Options) { o.Rate, o.Burst, o.Ramp = 10, 10, 90*second })
		call(t, g, guard.Open("down"))
		pass(time.Hour) // the bucket is full now
		call(t, g, guard.Success())
		mustBe(t, g, guard.StateRamping)
		for step := 1; step <= 9; step++ {
			if rate := g.Snapshot().Rate; rate != float64(step) {
				t.Errorf("step %d: rate %v", step, rate)
			}
			calls := len(begun(t, g, 10*second))
			// One token of the burst may lie over at each border.
			if want := 10 * step; calls < want-1 || calls > want+1 {
				t.Errorf("step %d: %d calls in 10 s, want about %d", step, calls, want)
			}
		}
		s := g.Snapshot()
		if s.State != guard.StateClosed || s.Rate != 10 || !s.Since.Equal(time.Now()) {
			t.Errorf("after the ramp: %v at %v calls a second since %v ago", s.State, s.Rate, time.Since(s.Since))
		}
	})
}

func TestGuard_RampTakesItsSteps_AlsoWhenNobodyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, func(o *guard.Options) { o.Rate, o.Burst, o.Ramp = 1, 100, 900*second })
		call(t, g, guard.Open("down"))
		pass(time.Hour)
		call(t, g, guard.Success())
		pass(300 * second)
		// The bucket was cut to 10 at closing, and grew to 20 and 30 with 100 s each
		// at 0.1, 0.2 and 0.3 a second, enough to fill it; it grows to 40 just now.
		if calls := len(begun(t, g, 1)); calls != 30 {
			t.Errorf("%d calls at once, want 30", calls)
		}
	})
}

func TestGuard_WaitForAToken_GetsShorter_WhenTheRampTakesAStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// 8 s at 0.0625 a second give half a token, 4 s at 0.125 the other half.
		g := setup(t, func(o *guard.Options) { o.Rate, o.Ramp = 0.625, 72*second })
		call(t, g, guard.Open("down"))
		pass(5 * second)
		call(t, g, guard.Success())
		w := wait(t.Context(), g)
		pass(12*second - 1)
		w.mustWait(t)
		pass(1)
		w.mustHave(t)
	})
}

func TestGuard_NextInLine_WaitsForTheNextToken_ThoughTheFirstLiesUnused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, func(o *guard.Options) { o.Rate, o.Burst = 1, 2 })
		call(t, g, guard.Success())
		call(t, g, guard.Success())
		first, next := wait(t.Context(), g), wait(t.Context(), g)
		pass(second)
		first.mustHave(t)
		pass(second - 1)
		next.mustWait(t)
		pass(1)
		next.mustHave(t)
	})
}

func TestGuard_ConcurrencyGrows_WhereThereIsNoRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, func(o *guard.Options) { o.Concurrency, o.Ramp = 20, 90*second })
		call(t, g, guard.Open("down"))
		pass(5 * second)
		call(t, g, guard.Success())
		inUse := 0
		for places := 2; places <= 20; places += 2 {
			for p, _ := g.Ask(); p != nil; p, _ = g.Ask() {
				inUse++
			}
			if inUse != places {
				t.Fatalf("%d permits, want %d", inUse, places)
			}
			if places < 20 {
				w := wait(t.Context(), g)
				pass(10*second - 1)
				w.mustWait(t)
				pass(1)
				w.mustHave(t)
				inUse++
			}
		}
		mustBe(t, g, guard.StateClosed)
	})
}

func TestGuard_ReopenedDuringTheRamp_WaitsLonger_AndRampsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, func(o *guard.Options) { o.Rate, o.Burst, o.Ramp = 10, 10, 90*second })
		call(t, g, guard.Open("down"))
		pass(5 * second)
		call(t, g, guard.Success())
		pass(50 * second)
		call(t, g, guard.Open("down"))
		if got := time.Until(g.Snapshot().ReopensAt); got != 10*second {
			t.Errorf("reopens in %v, want 10s", got)
		}
		pass(10 * second)
		if rate := g.Snapshot().Rate; rate != 10 {
			t.Errorf("half-open at %v calls a second: the probe need not wait for the ramp", rate)
		}
		call(t, g, guard.Success())
		if s := g.Snapshot(); s.State != guard.StateRamping || s.Rate != 1 {
			t.Errorf("%v at %v calls a second, want ramping at 1", s.State, s.Rate)
		}
	})
}
