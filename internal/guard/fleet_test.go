package guard_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/guard"
)

// pair is two guards of one party, as two processes have them.
func pair(t *testing.T, set func(*guard.Options)) (a, b *guard.Guard) {
	return setup(t, set), setup(t, set)
}

func TestGuard_Adopt_OpensAndClosesLikeTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, func(o *guard.Options) { o.Ramp = 90 * second })
		fail(t, a, 3)
		b.Adopt(a.Standing())
		mustBe(t, b, guard.StateOpen)
		if sa, sb := a.Snapshot(), b.Snapshot(); !sa.ReopensAt.Equal(sb.ReopensAt) || sa.Reason != sb.Reason {
			t.Errorf("it stands as %+v, the other as %+v", sb, sa)
		}
		if !a.Standing().SameBreaker(b.Standing()) {
			t.Error("they stand differently")
		}

		pass(5 * second) // half-open: the other's probe fails
		call(t, a, guard.Failure())
		b.Adopt(a.Standing())
		mustBe(t, b, guard.StateOpen)
		if in := time.Until(b.Snapshot().ReopensAt); in != 10*second {
			t.Errorf("reopens in %v, want the second reopen time", in)
		}

		pass(10 * second) // half-open again: the other's probe succeeds, heard 30 s later
		call(t, a, guard.Success())
		pass(30 * second)
		b.Adopt(a.Standing())
		mustBe(t, b, guard.StateRamping)
		_, ua, _ := a.Ramp()
		_, ub, ramping := b.Ramp()
		if !ramping || !ua.Equal(ub) {
			t.Errorf("the ramp ends at %v, the other's at %v", ub, ua)
		}
		pass(60 * second)
		mustBe(t, b, guard.StateClosed)
		fail(t, b, 3)
		if in := time.Until(b.Snapshot().ReopensAt); in != 5*second {
			t.Errorf("after a closing that lasted it reopens in %v, want the first reopen time", in)
		}
	})
}

func TestGuard_Adopt_ReopensLater_WhenTheOthersClosingDidNotLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, func(o *guard.Options) { o.Ramp = 90 * second })
		fail(t, a, 3)
		pass(5 * second)
		call(t, a, guard.Success())
		b.Adopt(a.Standing())
		fail(t, b, 3)
		if in := time.Until(b.Snapshot().ReopensAt); in != 10*second {
			t.Errorf("reopens in %v, want the second reopen time", in)
		}
	})
}

func TestGuard_Adopt_MakesOlderPermitsWorthless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, func(o *guard.Options) { o.Rate, o.Burst = 1, 5 })
		unused, running := take(t, b), start(t, b)
		closed := unused.Closed()
		fail(t, a, 3)
		b.Adopt(a.Standing())
		select {
		case <-closed:
		default:
			t.Error("who waits for work with a permit is not told")
		}
		ctx, cancel := unused.Context(t.Context())
		defer cancel()
		if !errors.Is(context.Cause(ctx), guard.ErrClosed) {
			t.Errorf("the call may begin: %v", context.Cause(ctx))
		}
		unused.Done(guard.Unused())
		running.Done(guard.Success())
		mustBe(t, b, guard.StateOpen)
		if s := b.Snapshot(); s.InUse != 0 {
			t.Errorf("%d places stay taken", s.InUse)
		}
		pass(5 * second)
		call(t, b, guard.Success()) // and nothing of the old ones keeps the probe out
	})
}

func TestGuard_Adopt_EndsItsOwnProbe(t *testing.T) {
	for name, end := range map[string]guard.Result{"failed": guard.Failure(), "succeeded": guard.Success()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t, nil)
				fail(t, a, 3)
				b.Adopt(a.Standing())
				pass(5 * second)
				mine := start(t, b)
				if !mine.Probe() {
					t.Error("half-open's permit is no probe")
				}
				call(t, a, guard.Failure())
				b.Adopt(a.Standing())
				if mine.Probe() {
					t.Error("it is a probe still, though the breaker has changed")
				}
				mine.Done(end)
				mustBe(t, b, guard.StateOpen)
				if in := time.Until(b.Snapshot().ReopensAt); in != 10*second {
					t.Errorf("reopens in %v, want as the other says", in)
				}
				pass(10 * second)
				call(t, b, guard.Success())
				mustBe(t, b, guard.StateClosed)
			})
		})
	}
}

func TestGuard_Adopt_WakesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, nil)
		fail(t, a, 3)
		b.Adopt(a.Standing())
		w := wait(t.Context(), b)
		w.mustWait(t)
		pass(5 * second)
		p := w.mustHave(t)
		p.Done(guard.Unused())
		b.Hold(time.Now().Add(15 * second))
		w = wait(t.Context(), b)
		pass(2 * second)
		w.mustWait(t)
		call(t, a, guard.Success())
		b.Adopt(a.Standing())
		w.mustHave(t).Done(guard.Success())
	})
}

func TestGuard_Adopt_ChangesNothing_WhenNothingIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, func(o *guard.Options) { o.Consecutive = 3 })
		g.Adopt(guard.Standing{})
		fail(t, g, 2)
		g.Adopt(g.Standing())
		fail(t, g, 1)
		mustBe(t, g, guard.StateOpen)
		p, _ := g.TryAcquire()
		if p != nil {
			t.Error("a permit while open")
		}
		g.Adopt(g.Standing())
		pass(5 * second)
		call(t, g, guard.Success())
		mustBe(t, g, guard.StateClosed)
	})
}

// What another says may be absurd; the tap opens again by itself all the same.
func TestGuard_Adopt_CutsAbsurdTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := time.Now().Add(1000 * time.Hour)
		g := setup(t, func(o *guard.Options) { o.Ramp = 90 * second })
		g.Adopt(guard.Standing{Open: true, Rung: 99, OpenedAt: far, ReopenAt: far, ThrottledUntil: far})
		if in := time.Until(g.Snapshot().ReopensAt); in > guard.LongestThrottle {
			t.Errorf("shut for %v", in)
		}
		pass(guard.LongestThrottle)
		call(t, g, guard.Failure())
		if in := time.Until(g.Snapshot().ReopensAt); in != 20*second {
			t.Errorf("reopens in %v, want the longest reopen time", in)
		}
		g.Adopt(guard.Standing{Rung: -3, ClosedAt: far})
		pass(time.Minute * 3)
		mustBe(t, g, guard.StateClosed)
	})
}

func TestGuard_Throttle_IsThatOfACall_ButNeverShortens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []guard.State
		g := setup(t, func(o *guard.Options) { o.OnChange = func(c guard.Change) { told = append(told, c.To) } })
		p := take(t, g)
		closed := p.Closed()
		g.Throttle(time.Now().Add(time.Minute))
		g.Throttle(time.Now().Add(second))
		g.Throttle(time.Time{})
		<-closed
		p.Done(guard.Unused())
		if in := time.Until(g.Snapshot().ReopensAt); in != time.Minute {
			t.Errorf("goes on in %v", in)
		}
		pass(time.Minute)
		call(t, g, guard.Success())
		if len(told) != 2 || told[0] != guard.StateThrottled || told[1] != guard.StateClosed {
			t.Errorf("told %v", told)
		}
	})
}

func TestGuard_Hold_LetsAnothersProbeGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, nil)
		g.Hold(time.Now().Add(second)) // closed: there is nothing to hold
		call(t, g, guard.Success())
		fail(t, g, 3)
		pass(5 * second)
		g.Hold(time.Now().Add(15 * second))
		if p, again := g.Ask(); p != nil || time.Until(again) != 15*second {
			t.Errorf("permit %v, again in %v", p != nil, time.Until(again))
		}
		pass(15 * second)
		call(t, g, guard.Failure())
		pass(10 * second)
		call(t, g, guard.Success()) // the hold did not outlive the change

		g.Adopt(guard.Standing{Open: true, ReopenAt: time.Now()})
		g.Hold(time.Now().Add(1000 * time.Hour))
		if _, again := g.Ask(); time.Until(again) > 24*second {
			t.Errorf("held for %v", time.Until(again))
		}
	})
}

func TestGuard_Share_DividesRateBurstAndConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, func(o *guard.Options) { o.Rate, o.Burst, o.Concurrency = 10, 6, 4 })
		g.Share(2)
		if got := g.Snapshot().Rate; math.Abs(got-5) > 1e-9 {
			t.Errorf("%v calls a second, want 5", got)
		}
		for range 2 {
			start(t, g)
		}
		if _, ok := g.TryAcquire(); ok {
			t.Error("a third call at once, want 4 / 2")
		}
		w := wait(t.Context(), g)
		g.Share(1)
		w.mustHave(t).Done(guard.Unused())
		g.Share(100)
		if got := g.Snapshot(); got.Rate > 0.11 {
			t.Errorf("%v calls a second", got.Rate)
		}
		g.Share(0)
		if got := g.Snapshot().Rate; got != 10 {
			t.Errorf("%v calls a second, want 10", got)
		}
	})
	t.Run("with the ramp, and without a rate", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := setup(t, func(o *guard.Options) { o.Ramp, o.Concurrency = 90*second, 40 })
			g.Share(2)
			fail(t, g, 3)
			pass(5 * second)
			call(t, g, guard.Success())
			for _, want := range []int{2, 4, 6} {
				var held []*guard.Permit
				for {
					p, ok := g.TryAcquire()
					if !ok {
						break
					}
					held = append(held, p)
				}
				if len(held) != want {
					t.Errorf("%d calls at once, want %d", len(held), want)
				}
				for _, p := range held {
					p.Done(guard.Unused())
				}
				pass(10 * second)
			}
		})
	})
}

// Who waits for work with permits of the whole limits would make as many calls beside
// those that the others make of their parts.
func TestGuard_Share_TakesBackWhatLiesUnused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, func(o *guard.Options) { o.Rate, o.Burst, o.Concurrency = 5, 5, 8 })
		began := start(t, g)
		var unused []*guard.Permit
		for range 4 {
			unused = append(unused, take(t, g))
		}
		waits := unused[0].Closed()
		g.Share(2)
		if !isClosed(waits) || !isClosed(unused[1].Closed()) {
			t.Error("who waits for work with an older permit is not told")
		}
		for _, p := range unused {
			limited, cancel := p.Context(t.Context())
			if cause := context.Cause(limited); !errors.Is(cause, guard.ErrClosed) {
				t.Errorf("a call of an older permit may begin (%v)", cause)
			}
			cancel()
			p.Done(guard.Success())
		}
		if isClosed(began.Closed()) {
			t.Error("a call that had begun may not go on")
		}
		began.Done(guard.Success())
		if s := g.Snapshot(); s.InUse != 0 || s.Successes != 1 {
			t.Errorf("%d in use, %d successes, want 0 and 1: only one call was made", s.InUse, s.Successes)
		}
		pass(time.Second)
		later := []*guard.Permit{take(t, g), take(t, g)}
		if _, ok := g.TryAcquire(); ok {
			t.Error("more than the part of the burst may begin")
		}
		g.Share(1)
		for _, p := range later {
			begin(t, p) // a larger part takes nothing back
		}
	})
}

func TestGuard_Ramp_IsKnownWhileItLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, func(o *guard.Options) { o.Ramp = 90 * second })
		if _, _, ramping := g.Ramp(); ramping {
			t.Error("a ramp without an opening")
		}
		fail(t, g, 3)
		pass(5 * second)
		if _, _, ramping := g.Ramp(); ramping {
			t.Error("a ramp while half-open")
		}
		call(t, g, guard.Success())
		from, until, ramping := g.Ramp()
		if !ramping || !from.Equal(time.Now()) || until.Sub(from) != 90*second {
			t.Errorf("ramp %v from %v to %v", ramping, from, until)
		}
		pass(90 * second)
		if _, _, ramping := g.Ramp(); ramping {
			t.Error("the ramp never ends")
		}
	})
}
