package guard_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/guard"
)

// Every result in every state of the breaker: what state it leads to and how
// long nobody may call.
func TestGuard_GivesEachResultItsEffect_InEachState(t *testing.T) {
	rows := []struct {
		name   string
		probe  bool // the result is half-open's, else closed's, after two failures of three
		result guard.Result
		want   guard.State
		shut   time.Duration
	}{
		{"closed: success", false, guard.Success(), guard.StateClosed, 0},
		{"closed: the third failure", false, guard.Failure(), guard.StateOpen, 5 * second},
		{"closed: neutral", false, guard.Neutral(), guard.StateClosed, 0},
		{"closed: zero value", false, guard.Result{}, guard.StateClosed, 0},
		{"closed: unused", false, guard.Unused(), guard.StateClosed, 0},
		{"closed: open", false, guard.Open("terminal"), guard.StateOpen, 5 * second},
		{"closed: throttled", false, guard.Throttled(7 * second), guard.StateThrottled, 7 * second},
		{"closed: throttled, no time said", false, guard.Throttled(0), guard.StateThrottled, 5 * second},
		{"closed: throttled for a year", false, guard.Throttled(8760 * time.Hour), guard.StateThrottled, guard.LongestThrottle},
		{"half-open: success", true, guard.Success(), guard.StateClosed, 0},
		{"half-open: failure", true, guard.Failure(), guard.StateOpen, 10 * second},
		{"half-open: neutral", true, guard.Neutral(), guard.StateHalfOpen, 0},
		{"half-open: unused", true, guard.Unused(), guard.StateHalfOpen, 0},
		{"half-open: open", true, guard.Open("terminal"), guard.StateOpen, 10 * second},
		{"half-open: throttled", true, guard.Throttled(7 * second), guard.StateThrottled, 7 * second},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := setup(t, nil)
				fail(t, g, 2)
				if row.probe {
					fail(t, g, 1)
					pass(5 * second)
				}
				call(t, g, row.result)
				mustBe(t, g, row.want)
				w := wait(t.Context(), g)
				if row.shut > 0 {
					pass(row.shut - 1)
					w.mustWait(t)
					pass(1)
				}
				w.mustHave(t).Done(guard.Unused())
			})
		})
	}
}

func TestGuard_LetsOneProbeThrough_AtTheReopenInstantAndNotBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, nil)
		fail(t, g, 3)
		ctx, cancel := context.WithCancel(t.Context())
		first, second := wait(ctx, g), wait(ctx, g)
		pass(5*time.Second - 1)
		first.mustWait(t)
		pass(1)
		probe := first.mustHave(t)
		mustBe(t, g, guard.StateHalfOpen)
		pass(time.Hour)
		second.mustWait(t)
		if _, ok := g.TryAcquire(); ok {
			t.Error("TryAcquire gave a permit half-open")
		}
		begin(t, probe)
		probe.Done(guard.Success())
		mustBe(t, g, guard.StateClosed)
		second.mustHave(t).Done(guard.Unused())
		cancel()
	})
}

func TestGuard_HandsTheProbeOn_WhenItWasNotUsed(t *testing.T) {
	for name, result := range map[string]guard.Result{"unused": guard.Unused(), "neutral": guard.Neutral()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := setup(t, nil)
				fail(t, g, 3)
				pass(5 * second)
				if _, ok := g.TryAcquire(); ok {
					t.Fatal("TryAcquire gave the probe")
				}
				probe := take(t, g)
				next := wait(t.Context(), g)
				// Ten days with a permit in hand and no message.
				pass(240 * time.Hour)
				next.mustWait(t)
				probe.Done(result)
				p := next.mustHave(t)
				begin(t, p)
				p.Done(guard.Success())
				mustBe(t, g, guard.StateClosed)
			})
		})
	}
}

func TestGuard_ThrottledProbe_DoesNotKeepTheBreakerHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, nil)
		fail(t, g, 3)
		pass(5 * second)
		call(t, g, guard.Throttled(30*second))
		s := g.Snapshot()
		if s.State != guard.StateThrottled || !s.ReopensAt.Equal(time.Now().Add(30*second)) {
			t.Fatalf("%v until %v", s.State, s.ReopensAt)
		}
		pass(30 * second)
		mustBe(t, g, guard.StateHalfOpen)
		// The next failure is the first failed probe, not the second.
		call(t, g, guard.Failure())
		if s := g.Snapshot(); !s.ReopensAt.Equal(time.Now().Add(10 * second)) {
			t.Fatalf("reopens in %v, want 10s", time.Until(s.ReopensAt))
		}
	})
}

func TestGuard_ReopenTimeGrows_AndBeginsAnewAfterAClosingThatLasted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, nil)
		shut := func(want time.Duration) {
			t.Helper()
			s := g.Snapshot()
			if got := time.Until(s.ReopensAt); s.State != guard.StateOpen || got != want {
				t.Fatalf("%v for %v, want open for %v", s.State, got, want)
			}
			pass(want)
		}
		fail(t, g, 3)
		shut(5 * second)
		fail(t, g, 1)
		shut(10 * second)
		fail(t, g, 1)
		shut(20 * second)
		fail(t, g, 1)
		shut(20 * second) // the last one again and again

		call(t, g, guard.Success())
		pass(20*second - 1)
		fail(t, g, 3)
		shut(20 * second) // it did not last

		call(t, g, guard.Success())
		pass(20 * second)
		fail(t, g, 3)
		shut(5 * second) // it lasted as long as the tap had been shut
	})
}

func TestGuard_ReopenTime_IsOnlyLengthenedByJitter(t *testing.T) {
	for random, want := range map[float64]time.Duration{0: 5 * second, 0.5: 5500 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			g := setup(t, func(o *guard.Options) { o.Jitter = func() float64 { return random } })
			fail(t, g, 3)
			if got := time.Until(g.Snapshot().ReopensAt); got != want {
				t.Errorf("random %v: reopens in %v, want %v", random, got, want)
			}
		})
	}
}

func TestGuard_OpensOnFailuresInARow_HoweverFarApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, nil)
		for range 2 {
			fail(t, g, 1)
			pass(time.Hour)
		}
		call(t, g, guard.Neutral())
		fail(t, g, 1)
		mustBe(t, g, guard.StateOpen)
		if got, want := g.Snapshot().Reason, "3 failures in a row"; got != want {
			t.Errorf("reason %q, want %q", got, want)
		}
	})
}

func TestGuard_CountsFailuresInARowAnew_AfterASuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, nil)
		fail(t, g, 2)
		call(t, g, guard.Success())
		fail(t, g, 2)
		mustBe(t, g, guard.StateClosed)
	})
}

func TestGuard_OpenedByHand_SaysWhy_AndIsAsPatientAsEverAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, nil)
		fail(t, g, 3)
		pass(5 * second)
		call(t, g, guard.Open("terminal"))
		if s := g.Snapshot(); s.Reason != "terminal" || s.Opened != 2 {
			t.Errorf("reason %q, opened %d times", s.Reason, s.Opened)
		}
		pass(10 * second)
		call(t, g, guard.Failure())
		if got, want := g.Snapshot().Reason, "the probe failed"; got != want {
			t.Errorf("reason %q, want %q", got, want)
		}
		pass(20 * second)
		call(t, g, guard.Success())
		fail(t, g, 2)
		mustBe(t, g, guard.StateClosed)
	})
}

func TestGuard_OpensOnTheRatio_WithinTheWindowOnly(t *testing.T) {
	ratio := func(o *guard.Options) { o.Consecutive, o.Ratio, o.MinRequests, o.Window = 0, 0.5, 4, 10*second }
	t.Run("reached within the window", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := setup(t, ratio)
			call(t, g, guard.Success())
			fail(t, g, 1)
			call(t, g, guard.Success())
			call(t, g, guard.Neutral())
			mustBe(t, g, guard.StateClosed)
			pass(9 * second)
			fail(t, g, 1)
			mustBe(t, g, guard.StateOpen)
			if got, want := g.Snapshot().Reason, "2 of 4 calls failed within 10s"; got != want {
				t.Errorf("reason %q, want %q", got, want)
			}
		})
	})
	t.Run("the first ones have left the window", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := setup(t, ratio)
			call(t, g, guard.Success())
			fail(t, g, 2)
			pass(10 * second)
			fail(t, g, 1)
			mustBe(t, g, guard.StateClosed)
			if s := g.Snapshot(); s.Failures != 1 || s.Successes != 0 || s.InARow != 3 {
				t.Errorf("%d failures, %d successes, %d in a row; want 1, 0, 3", s.Failures, s.Successes, s.InARow)
			}
			pass(10 * second)
			if s := g.Snapshot(); s.Failures != 0 {
				t.Errorf("%d failures are shown that have left the window", s.Failures)
			}
		})
	})
	t.Run("a permit unused for longer than the window still counts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := setup(t, ratio)
			p := take(t, g)
			pass(time.Minute)
			call(t, g, guard.Success())
			call(t, g, guard.Success())
			fail(t, g, 1)
			begin(t, p)
			p.Done(guard.Failure())
			mustBe(t, g, guard.StateOpen)
		})
	})
}

func TestGuard_LateResult_DisturbsNothing(t *testing.T) {
	for name, late := range map[string]guard.Result{
		"success": guard.Success(), "failure": guard.Failure(), "neutral": guard.Neutral(),
		"unused": guard.Unused(), "open": guard.Open("terminal"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := setup(t, nil)
				var old [4]*guard.Permit
				for i := range old {
					old[i] = start(t, g)
				}
				fail(t, g, 3)
				old[0].Done(late)
				mustBe(t, g, guard.StateOpen)
				pass(5 * second)
				old[1].Done(late)
				mustBe(t, g, guard.StateHalfOpen)
				probe := start(t, g)
				old[2].Done(late)
				mustBe(t, g, guard.StateHalfOpen)
				if p, _ := g.Ask(); p != nil {
					t.Fatal("a second probe")
				}
				probe.Done(guard.Success())
				old[3].Done(late)
				s := g.Snapshot()
				if s.State != guard.StateClosed || s.InARow != 0 || s.Failures != 0 || s.Successes != 0 || s.InUse != 0 {
					t.Fatalf("after closing: %+v", s)
				}
			})
		})
	}
}

func TestGuard_LateRetryAfter_IsHeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, nil)
		old := start(t, g)
		fail(t, g, 3)
		old.Done(guard.Throttled(time.Minute))
		mustBe(t, g, guard.StateOpen)
		pass(5 * second)
		mustBe(t, g, guard.StateThrottled)
		w := wait(t.Context(), g)
		pass(55*second - 1)
		w.mustWait(t)
		pass(1)
		w.mustHave(t).Done(guard.Unused())
	})
}

func TestGuard_ShorterRetryAfter_DoesNotOpenTheTapEarlier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, nil)
		other := start(t, g)
		call(t, g, guard.Throttled(time.Minute))
		other.Done(guard.Throttled(second))
		if got := time.Until(g.Snapshot().ReopensAt); got != time.Minute {
			t.Errorf("reopens in %v, want 1m", got)
		}
	})
}

func TestPermit_MayNotBeginItsCall_OnceTheTapHasClosed(t *testing.T) {
	refused := func(t *testing.T, p *guard.Permit) {
		t.Helper()
		ctx, cancel := p.Context(t.Context())
		defer cancel()
		if ctx.Err() == nil || !errors.Is(context.Cause(ctx), guard.ErrClosed) {
			t.Fatalf("the call may begin; cause %v", context.Cause(ctx))
		}
	}
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, nil)
		p := take(t, g)
		fail(t, g, 3)
		refused(t, p)
		pass(5 * second)
		refused(t, p) // half-open: it is not the probe
		call(t, g, guard.Success())
		refused(t, p) // nor is it of the new time
		p.Done(guard.Unused())
		refused(t, p)

		p = take(t, g)
		call(t, g, guard.Throttled(second))
		refused(t, p)
		pass(second)
		begin(t, p)
		p.Done(guard.Success())
		refused(t, p)
	})
}

// isClosed looks at a channel without waiting.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Who waits for work with a permit in hand is told when the tap closes, by
// whatever closes it, and only then.
func TestPermit_Closed_TellsThatTheTapHasClosed(t *testing.T) {
	for name, end := range map[string]struct {
		results []guard.Result
		closes  bool
	}{
		"a success":                  {[]guard.Result{guard.Success()}, false},
		"fewer failures than needed": {[]guard.Result{guard.Failure(), guard.Failure()}, false},
		"the failures that open it":  {[]guard.Result{guard.Failure(), guard.Failure(), guard.Failure()}, true},
		"opened by hand":             {[]guard.Result{guard.Open("refused")}, true},
		"a Retry-After":              {[]guard.Result{guard.Throttled(time.Minute)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := setup(t, nil)
				early, silent := take(t, g), take(t, g)
				asked := early.Closed()
				for _, r := range end.results {
					start(t, g).Done(r)
				}
				late := early.Closed()
				if isClosed(asked) != end.closes || isClosed(late) != end.closes || isClosed(silent.Closed()) != end.closes {
					t.Errorf("asked before: closed %v, asked after: %v, want %v", isClosed(asked), isClosed(late), end.closes)
				}
			})
		})
	}
}

func TestPermit_Closed_OfALaterPermit_IsOpenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := setup(t, nil)
		first := take(t, g)
		asked := first.Closed()
		start(t, g).Done(guard.Open("refused"))
		time.Sleep(5 * second)
		probe := start(t, g)
		during := probe.Closed()
		if !isClosed(asked) || isClosed(during) {
			t.Errorf("half-open: the old permit's is closed: %v, the probe's: %v", isClosed(asked), isClosed(during))
		}
		probe.Done(guard.Success())
		if now := take(t, g).Closed(); isClosed(now) {
			t.Error("closed again, but a new permit is told otherwise")
		}
		if !isClosed(first.Closed()) {
			t.Error("the old permit may not begin a call, and is not told so")
		}
	})
}
