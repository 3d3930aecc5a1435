package guard_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/guard"
)

// The order of the gates, seen from what a wait at one of them keeps of the others.
func TestGuard_WaitAtOneGate_KeepsNothingOfAnother(t *testing.T) {
	t.Run("waiting for a token keeps no place", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := setup(t, func(o *guard.Options) { o.Rate, o.Concurrency = 1, 1 })
			call(t, g, guard.Success())
			w := wait(t.Context(), g)
			if s := g.Snapshot(); s.InUse != 0 || s.Waiting != 1 {
				t.Errorf("%d in use, %d waiting; want 0 and 1", s.InUse, s.Waiting)
			}
			pass(second)
			w.mustHave(t)
		})
	})
	t.Run("waiting for a place keeps no token", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := setup(t, func(o *guard.Options) { o.Rate, o.Burst, o.Concurrency = 1, 2, 1 })
			p := start(t, g)
			ctx, cancel := context.WithCancel(t.Context())
			wait(ctx, g).mustWait(t)
			cancel()
			synctest.Wait()
			p.Done(guard.Success())
			call(t, g, guard.Success())
			if p, _ := g.Ask(); p != nil {
				t.Error("three calls began where the burst is two")
			}
		})
	})
	t.Run("waiting for the breaker keeps neither", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := setup(t, func(o *guard.Options) { o.Rate, o.Burst, o.Concurrency = 1, 3, 1 })
			fail(t, g, 3)
			pass(3 * second)
			w := wait(t.Context(), g)
			if s := g.Snapshot(); s.InUse != 0 || s.Waiting != 1 {
				t.Errorf("%d in use, %d waiting; want 0 and 1", s.InUse, s.Waiting)
			}
			pass(2 * second)
			p := w.mustHave(t)
			begin(t, p)
			p.Done(guard.Success())
			call(t, g, guard.Success())
			call(t, g, guard.Success())
		})
	})
	t.Run("a closed tap takes no token from a permit in hand", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := setup(t, func(o *guard.Options) { o.Rate, o.Burst = 0.001, 2 })
			p := take(t, g)
			call(t, g, guard.Throttled(second))
			ctx, cancel := p.Context(t.Context())
			defer cancel()
			if ctx.Err() == nil {
				t.Fatal("the call may begin")
			}
			p.Done(guard.Unused())
			pass(second)
			call(t, g, guard.Success())
		})
	})
	t.Run("the time limit begins with the call", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := setup(t, nil)
			p := take(t, g)
			pass(time.Hour)
			ctx, cancel := p.Context(t.Context())
			defer cancel()
			pass(10*second - 1)
			if ctx.Err() != nil {
				t.Fatal("ended too early")
			}
			pass(1)
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) || !errors.Is(context.Cause(ctx), guard.ErrTimeLimit) {
				t.Errorf("ended with %v, cause %v", ctx.Err(), context.Cause(ctx))
			}
			p.Done(guard.Failure())
		})
	})
}

func TestGuard_GivesNoMorePermitsThanTheConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, func(o *guard.Options) { o.Concurrency = 2 })
		a, ok := g.TryAcquire()
		b, ok2 := g.TryAcquire()
		if _, ok3 := g.TryAcquire(); !ok || !ok2 || ok3 {
			t.Fatalf("permits %v %v %v, want true true false", ok, ok2, ok3)
		}
		w := wait(t.Context(), g)
		pass(time.Hour)
		w.mustWait(t)
		a.Done(guard.Success())
		c := w.mustHave(t)
		a.Done(guard.Success()) // a second Done gives back nothing
		if _, ok := g.TryAcquire(); ok {
			t.Error("the same place was given back twice")
		}
		b.Done(guard.Unused())
		c.Done(guard.Unused())
		if s := g.Snapshot(); s.InUse != 0 {
			t.Errorf("%d in use", s.InUse)
		}
	})
}

func TestGuard_ServesInTheOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, func(o *guard.Options) { o.Concurrency = 1 })
		p := take(t, g)
		ctx, cancel := context.WithCancel(t.Context())
		line := []waiter{wait(t.Context(), g), wait(ctx, g), wait(t.Context(), g), wait(t.Context(), g)}
		cancel()
		synctest.Wait()
		if got := g.Snapshot().Waiting; got != 3 {
			t.Fatalf("%d waiting, want 3", got)
		}
		for _, i := range []int{0, 2, 3} {
			p.Done(guard.Unused())
			// Who waits has been woken, but has hardly run yet.
			if _, ok := g.TryAcquire(); ok {
				t.Fatal("TryAcquire went before who waits")
			}
			if p, _ := g.Ask(); p != nil {
				t.Fatal("Ask went before who waits")
			}
			p = line[i].mustHave(t)
			for _, later := range line[i+1:] {
				if len(later) > 0 {
					t.Fatal("a later one was served too")
				}
			}
		}
		p.Done(guard.Unused())
	})
}

func TestGuard_Acquire_EndsWithItsContext_AndLetsTheNextOneOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, func(o *guard.Options) { o.Rate = 1 })
		call(t, g, guard.Success())
		ctx, cancel := context.WithTimeoutCause(t.Context(), second/2, errors.New("stop"))
		defer cancel()
		failed := make(chan error, 1)
		go func() {
			_, err := g.Acquire(ctx)
			failed <- err
		}()
		synctest.Wait()
		next := wait(t.Context(), g)
		err := <-failed
		if !errors.Is(err, context.DeadlineExceeded) || err.Error() != "wait for a permit of party: context deadline exceeded" {
			t.Errorf("error %q", err)
		}
		pass(second/2 - 1)
		next.mustWait(t)
		pass(1)
		next.mustHave(t)

		ended, end := context.WithCancel(t.Context())
		end()
		if _, err := g.Acquire(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("an ended context gave %v", err)
		}
	})
}

func TestPermit_TakesNoToken_WhenItsContextHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, func(o *guard.Options) { o.Rate = 0.001 })
		p := take(t, g)
		ended, end := context.WithCancel(t.Context())
		end()
		ctx, cancel := p.Context(ended)
		defer cancel()
		if !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("context %v", ctx.Err())
		}
		p.Done(guard.Unused())
		call(t, g, guard.Success())
	})
}

func TestPermit_RefusedByItsContext_CountsNothing_WhateverTheResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, func(o *guard.Options) { o.Rate, o.Burst = 0.001, 4 })
		held := []*guard.Permit{take(t, g), take(t, g), take(t, g)}
		call(t, g, guard.Throttled(second))
		for _, p := range held {
			_, cancel := p.Context(t.Context())
			cancel()
			p.Done(guard.Failure())
		}
		pass(second)
		if s := g.Snapshot(); s.State != guard.StateClosed || s.InARow != 0 {
			t.Errorf("%v, %d failures in a row", s.State, s.InARow)
		}
		for range 3 {
			call(t, g, guard.Success())
		}
	})
}

func TestPermit_DoneWithoutContext_CountsAsACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, func(o *guard.Options) { o.Rate, o.Burst = 1, 3 })
		for range 3 {
			take(t, g).Done(guard.Failure())
		}
		mustBe(t, g, guard.StateOpen)
		pass(5 * second)
		take(t, g).Done(guard.Success())
		mustBe(t, g, guard.StateClosed)
	})
}

func TestGuard_Ask_SaysWhenToAskAgain(t *testing.T) {
	rows := []struct {
		name string
		set  func(*guard.Options)
		prep func(*testing.T, *guard.Guard)
		want time.Duration
	}{
		{"open", nil, func(t *testing.T, g *guard.Guard) { fail(t, g, 3) }, 5 * second},
		{"throttled", nil, func(t *testing.T, g *guard.Guard) { call(t, g, guard.Throttled(42*second)) }, 42 * second},
		{"no token", func(o *guard.Options) { o.Rate = 4 }, func(t *testing.T, g *guard.Guard) { call(t, g, guard.Success()) }, second / 4},
		{"every token reserved: a time limit", func(o *guard.Options) { o.Rate = 4 }, func(t *testing.T, g *guard.Guard) { take(t, g) }, 10 * second},
		{"no place: a time limit", func(o *guard.Options) { o.Concurrency = 1 }, func(t *testing.T, g *guard.Guard) { take(t, g) }, 10 * second},
		{"the probe is out: a time limit", nil, func(t *testing.T, g *guard.Guard) {
			fail(t, g, 3)
			pass(5 * second)
			take(t, g)
		}, 10 * second},
		{"no token, and open for longer", func(o *guard.Options) { o.Rate, o.Burst = 1, 3 }, func(t *testing.T, g *guard.Guard) { fail(t, g, 3) }, 5 * second},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := setup(t, row.set)
				row.prep(t, g)
				p, again := g.Ask()
				if p != nil || time.Until(again) != row.want {
					t.Errorf("permit %v, again in %v; want none and %v", p != nil, time.Until(again), row.want)
				}
			})
		})
	}
}

func TestGuard_TellsEachChangeOnce_InOrder_AndWithNoLockHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g *guard.Guard
		var told []guard.Change
		g = setup(t, func(o *guard.Options) {
			o.Ramp = 9 * second
			o.OnChange = func(c guard.Change) {
				g.Snapshot() // would deadlock under the lock
				told = append(told, c)
			}
		})
		born := time.Now()
		fail(t, g, 3)               // 0 s: open
		pass(7 * second)            // half-open since 5 s, noticed at 7 s
		p := start(t, g)            //
		p.Done(guard.Success())     // ramping
		pass(20 * second)           // closed since 16 s, noticed at 27 s
		call(t, g, guard.Success()) //
		call(t, g, guard.Throttled(second))
		pass(second)
		call(t, g, guard.Open("terminal")) // closed since 28 s, then open
		at := func(s int) time.Time { return born.Add(time.Duration(s) * second) }
		want := []guard.Change{
			{From: guard.StateClosed, To: guard.StateOpen, At: at(0), Reason: "3 failures in a row", ReopensAt: at(5)},
			{From: guard.StateOpen, To: guard.StateHalfOpen, At: at(5)},
			{From: guard.StateHalfOpen, To: guard.StateRamping, At: at(7)},
			{From: guard.StateRamping, To: guard.StateClosed, At: at(16)},
			{From: guard.StateClosed, To: guard.StateThrottled, At: at(27), ReopensAt: at(28)},
			{From: guard.StateThrottled, To: guard.StateClosed, At: at(28)},
			{From: guard.StateClosed, To: guard.StateOpen, At: at(28), Reason: "terminal", ReopensAt: at(33)},
		}
		for i := range want {
			want[i].Name = "party"
		}
		if !slices.Equal(told, want) {
			t.Errorf("told\n%+v\nwant\n%+v", told, want)
		}
	})
}

func TestGuard_TellsWhatTimeChanged_BeforeWhatAResultChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []guard.State
		g := setup(t, func(o *guard.Options) {
			o.OnChange = func(c guard.Change) { told = append(told, c.From, c.To) }
		})
		long := start(t, g)
		call(t, g, guard.Throttled(second))
		pass(2 * second)
		long.Done(guard.Open("terminal"))
		want := []guard.State{
			guard.StateClosed, guard.StateThrottled,
			guard.StateThrottled, guard.StateClosed,
			guard.StateClosed, guard.StateOpen,
		}
		if !slices.Equal(told, want) {
			t.Errorf("told %v, want %v", told, want)
		}
	})
}

func TestSnapshot_ShowsTheRampAgain_AfterAThrottleWithinIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, func(o *guard.Options) { o.Ramp = 90 * second })
		call(t, g, guard.Open("down"))
		pass(5 * second)
		call(t, g, guard.Success())
		pass(second)
		call(t, g, guard.Throttled(10*second))
		mustBe(t, g, guard.StateThrottled)
		pass(10 * second)
		if s := g.Snapshot(); s.State != guard.StateRamping || !s.Since.Equal(time.Now()) {
			t.Errorf("%v since %v ago", s.State, time.Since(s.Since))
		}
	})
}

func TestGuard_TellsChangesOneAtATime_ThoughTheHearerIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan guard.State, 10)
		var inside atomic.Int32
		g := setup(t, func(o *guard.Options) {
			o.OnChange = func(c guard.Change) {
				if inside.Add(1) > 1 {
					t.Error("told twice at a time")
				}
				time.Sleep(time.Minute)
				inside.Add(-1)
				told <- c.To
			}
		})
		p := start(t, g)
		go p.Done(guard.Open("down")) // tells, for a minute
		pass(5 * second)
		start(t, g).Done(guard.Success()) // does not wait for the hearer
		if len(told) != 0 {
			t.Fatal("the second caller waited for the hearer")
		}
		pass(time.Hour)
		for _, want := range []guard.State{guard.StateOpen, guard.StateHalfOpen, guard.StateClosed} {
			if got := <-told; got != want {
				t.Errorf("told %v, want %v", got, want)
			}
		}
	})
}

func TestGuard_TellsOfALongerWait_OnlyWhereItIsShutAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told, changes := 0, 0
		g := setup(t, func(o *guard.Options) {
			o.OnProlonged = func() { told++ }
			o.OnChange = func(guard.Change) { changes++ }
		})
		calls := []*guard.Permit{start(t, g), start(t, g), start(t, g), start(t, g)}
		for i, c := range []struct {
			says          time.Duration
			told, changes int
		}{{10 * second, 0, 1}, {5 * second, 0, 1}, {20 * second, 1, 1}, {time.Hour, 2, 1}} {
			calls[i].Done(guard.Throttled(c.says))
			if told != c.told || changes != c.changes {
				t.Errorf("call %d, told to wait %v: %d longer waits and %d changes told, want %d and %d", i, c.says, told, changes, c.told, c.changes)
			}
		}
	})
}

func TestSnapshot_ShowsWhatTimeChanged_ThoughNobodyAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, nil)
		born := time.Now()
		if s := g.Snapshot(); s.State != guard.StateClosed || !s.Since.Equal(born) || s.Name != "party" {
			t.Errorf("new: %+v", s)
		}
		fail(t, g, 3)
		if s := g.Snapshot(); s.State != guard.StateOpen || s.Opened != 1 || s.InARow != 3 {
			t.Errorf("open: %+v", s)
		}
		pass(5*second - 1)
		mustBe(t, g, guard.StateOpen)
		pass(1)
		if s := g.Snapshot(); s.State != guard.StateHalfOpen || !s.Since.Equal(born.Add(5*second)) || !s.ReopensAt.IsZero() {
			t.Errorf("half-open: %+v", s)
		}
	})
}
