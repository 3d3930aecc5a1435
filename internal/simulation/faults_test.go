package simulation

import (
	"slices"
	"strings"
	"time"

	"reconciler/internal/retry"
	"reconciler/internal/sandbox"
	"reconciler/internal/simulation/wire"
)

// kind is one kind of fault: what it is called, how long it lasts, and what it
// does to a world. What begin gives undoes it; nil: there is nothing to undo.
type kind struct {
	name              string
	shortest, longest time.Duration
	begin             func(*world, fault) (end func())
}

// kinds are all of them. Plans are drawn from this list in this order: a new kind
// changes what a seed means.
func kinds() []kind {
	var all []kind
	for _, part := range [][]kind{providerKinds(), hookKinds(), linkKinds(), messageKinds(), processKinds(), brokerKinds(), streamKinds(), timerKinds(), inputKinds(), crowdKinds(), moneyKinds(), outcomeKinds()} {
		all = append(all, part...)
	}
	return all
}

// provider makes a kind of a sandbox's trouble at one provider.
func provider(name string, shortest, longest time.Duration, fill func(fault) sandbox.Trouble) kind {
	return kind{name, shortest, longest, func(w *world, f fault) func() {
		t := fill(f)
		var can []string
		for _, a := range w.accounts {
			if slices.Contains(sandbox.TroubleKindsOf(a.Provider), t.Kind) {
				can = append(can, a.Provider)
			}
		}
		if len(can) == 0 {
			w.tally.add("fault "+name, -1) // not at these providers
			return nil
		}
		t.Provider = can[f.which%len(can)]
		t.From, t.Until = time.Now(), time.Now().Add(f.lasts)
		w.must(name, w.sandbox.Trouble(t))
		w.windows = append(w.windows, window{name, t})
		w.burstFor(f, whose{provider: t.Provider})
		if strings.HasPrefix(name, "provider down") {
			// More at once than may be asked at a time: some are in hand when the tap closes.
			for i := range 2 * accountPlaces {
				w.after(time.Duration(i)*100*time.Millisecond, func() { w.announceAs(whose{provider: t.Provider}, nil) })
			}
		}
		return nil
	}}
}

// window is a sandbox's trouble, to see afterwards whether anybody met it.
type window struct {
	name string
	sandbox.Trouble
}

// hits counts who met the troubles.
func (w *world) hits() {
	// Of connections that were refused there are no receipts.
	w.tally.add("hit merchant down: refused", w.sandbox.Tally().RefusedConnections)
	for _, a := range w.sandbox.Asked() {
		for _, in := range w.windows {
			if a.Fault != "" && in.Provider == a.Provider && !a.Arrived.Before(in.From) && a.Arrived.Before(in.Until) {
				w.tally.add("hit "+in.name, 1)
			}
		}
	}
	for _, r := range w.sandbox.Received() {
		for _, in := range w.windows {
			if r.Fault != "" && (in.Hook == r.Hook || in.Hook == sandbox.AllHooks) && !r.At.Before(in.From) && (r.At.Before(in.Until) || in.Until.IsZero()) {
				w.tally.add("hit "+in.name, 1)
			}
		}
	}
}

// countsHits are the kinds of which is known whom they befell; of the others it is
// enough that they came.
func countsHits() []string {
	names := []string{"store full", "broker clock steps ahead"}
	for _, kinds := range [][]kind{providerKinds(), hookKinds(), messageKinds(), streamKinds(), timerKinds(), inputKinds(), crowdKinds(), moneyKinds(), outcomeKinds()} {
		for _, k := range kinds {
			names = append(names, k.name)
		}
	}
	return names
}

func plain(k sandbox.TroubleKind) func(fault) sandbox.Trouble {
	return func(fault) sandbox.Trouble { return sandbox.Trouble{Kind: k} }
}

// between draws a span by the fault's part.
func (f fault) between(shortest, longest time.Duration) time.Duration {
	return shortest + time.Duration(f.part*float64(longest-shortest)).Round(time.Second)
}

func providerKinds() []kind {
	minutes, hours, days := 5*time.Minute, 6*time.Hour, 4*retry.Day
	return []kind{
		provider("provider down: 503", minutes, days, plain(sandbox.Down503)),
		provider("provider down: refused", minutes, days, plain(sandbox.DownRefused)),
		provider("provider down: reset", minutes, days, plain(sandbox.DownReset)),
		provider("provider down: hangs", minutes, days, plain(sandbox.DownHang)),
		provider("provider slow", minutes, hours, func(f fault) sandbox.Trouble {
			return sandbox.Trouble{Kind: sandbox.AnswerSlow, Late: f.between(2*time.Second, 30*time.Second)}
		}),
		provider("provider answers 500", minutes, hours, plain(sandbox.Answer500)),
		provider("provider garbage", minutes, hours, plain(sandbox.AnswerGarbage)),
		provider("provider answers cut off", minutes, hours, plain(sandbox.AnswerCut)),
		provider("provider 429 storm", minutes, hours, func(f fault) sandbox.Trouble {
			return sandbox.Trouble{Kind: sandbox.AnswerThrottled, RetryAfter: f.between(time.Second, 2*time.Hour), AsDate: f.which%2 == 0}
		}),
		provider("provider busy", minutes, hours, plain(sandbox.AnswerBusy)),
		provider("provider hostile", minutes, hours, plain(sandbox.HostileAny)),
		provider("provider swaps payments", minutes, hours, plain(sandbox.HostileSwapped)),
		provider("provider signs wrongly", minutes, hours, plain(sandbox.HostileForged)),
		provider("provider flaps", hours/3, 2*retry.Day, plain(sandbox.TellsFlapping)),
		provider("provider regresses once", hours/3, 2*retry.Day, func(fault) sandbox.Trouble {
			return sandbox.Trouble{Kind: sandbox.TellsRegression, Looks: 1}
		}),
		provider("provider regresses", hours/3, 2*retry.Day, plain(sandbox.TellsRegression)),
		provider("provider contradicts itself", hours/3, 2*retry.Day, plain(sandbox.TellsContradiction)),
		provider("provider forgets", minutes, retry.Day, plain(sandbox.TellsNothingKnown)),
		provider("provider refuses the login", minutes, retry.Day, plain(sandbox.RefusesLogin)),
		provider("provider refuses the account", minutes, retry.Day, plain(sandbox.RefusesAccount)),
		provider("provider revokes tokens", hours, 2*retry.Day, func(f fault) sandbox.Trouble {
			return sandbox.Trouble{Kind: sandbox.TokensRevoked, Every: f.between(time.Minute, time.Hour)}
		}),
		provider("provider clock steps", hours, 4*retry.Day, func(f fault) sandbox.Trouble {
			return sandbox.Trouble{Kind: sandbox.ClockStepped, Clock: f.between(-6*time.Hour, 6*time.Hour)}
		}),
	}
}

// merchant makes a kind of a sandbox's trouble at one hook, or all.
func merchant(name string, longest time.Duration, every bool, fill func(fault) sandbox.Trouble) kind {
	return kind{name, 5 * time.Minute, longest, func(w *world, f fault) func() {
		t, at := fill(f), w.busy()[f.which%len(w.busy())]
		t.Hook = sandbox.AllHooks
		if !every {
			t.Hook = at.name
		}
		t.From, t.Until = time.Now(), time.Now().Add(f.lasts)
		w.must(name, w.sandbox.Trouble(t))
		w.windows = append(w.windows, window{name, t})
		w.burstFor(f, whose{merchant: at.merchant})
		return nil
	}}
}

// busy are the hooks that get every event and are never gone for good.
func (w *world) busy() []hook {
	var all []hook
	for _, h := range w.hooks {
		if h.id == "orders" {
			all = append(all, h)
		}
	}
	return all
}

func hookKinds() []kind {
	hours, days := 6*time.Hour, 4*retry.Day
	wait := func(k sandbox.TroubleKind) func(fault) sandbox.Trouble {
		return func(f fault) sandbox.Trouble {
			return sandbox.Trouble{Kind: k, RetryAfter: f.between(time.Second, 3*time.Hour), AsDate: f.which%2 == 0}
		}
	}
	late := func(k sandbox.TroubleKind, longest time.Duration) func(fault) sandbox.Trouble {
		return func(f fault) sandbox.Trouble {
			return sandbox.Trouble{Kind: k, Late: f.between(time.Second, longest)}
		}
	}
	return []kind{
		merchant("merchant down: refused", days, true, plain(sandbox.HookDownRefused)),
		merchant("merchant down: reset", days, false, plain(sandbox.HookDownReset)),
		merchant("merchant hangs", hours, false, plain(sandbox.HookDownHang)),
		merchant("merchant answers 500", days, false, plain(sandbox.Hook500)),
		merchant("merchant answers 503", hours, false, wait(sandbox.Hook503)),
		merchant("merchant answers 429", hours, false, wait(sandbox.Hook429)),
		merchant("merchant takes it and answers 500", hours, false, plain(sandbox.HookTakes500)),
		merchant("merchant slow", hours, false, late(sandbox.HookSlow, 20*time.Second)),
		merchant("merchant slow to write", hours, false, late(sandbox.HookSlowBody, 20*time.Second)),
		merchant("merchant slow to read", hours, true, late(sandbox.HookSlowReading, 4*time.Second)),
		merchant("merchant redirects", hours, false, plain(sandbox.Hook307)),
		merchant("merchant answers 304", hours, false, plain(sandbox.Hook304)),
		merchant("merchant answers without end", hours, false, plain(sandbox.HookEndless)),
		merchant("merchant drops after 200", hours, false, plain(sandbox.HookCut)),
		{"merchant gone", time.Minute, time.Hour, func(w *world, f fault) func() {
			t := sandbox.Trouble{Hook: "b-fragile", Kind: sandbox.Hook410, From: time.Now()}
			w.must("hook gone", w.sandbox.Trouble(t))
			w.windows = append(w.windows, window{"merchant gone", t})
			w.burstFor(f, whose{merchant: "shop-b"})
			return nil
		}},
	}
}

// line lays a fault on a link of one process.
func line(name string, shortest, longest time.Duration, lay func(*process, fault)) kind {
	return kind{name, shortest, longest, func(w *world, f fault) func() {
		living := w.living()
		if len(living) == 0 {
			return nil
		}
		lay(living[f.which%len(living)], f)
		w.burst(f)
		return nil
	}}
}

func onNATS(what wire.Fault) func(*process, fault) {
	return func(p *process, f fault) { p.nats.LayFor(what, f.lasts) }
}

func onHTTP(what wire.Fault) func(*process, fault) {
	return func(p *process, f fault) { p.http.LayFor(what, f.lasts) }
}

func linkKinds() []kind {
	short, long := 5*time.Second, time.Hour
	return []kind{
		line("broker link cut", 0, 0, func(p *process, _ fault) { p.nats.Cut() }),
		line("broker link refused", short, long, func(p *process, f fault) {
			p.nats.LayFor(wire.Refused(), f.lasts)
			p.nats.Cut()
		}),
		line("broker link deaf", short, long, onNATS(wire.Deaf())),
		line("broker link mute", short, long, onNATS(wire.Mute())),
		line("worker frozen", 90*time.Second, 10*time.Minute, func(p *process, f fault) {
			p.nats.LayFor(wire.Frozen(), f.lasts)
			p.http.LayFor(wire.Frozen(), f.lasts)
		}),
		line("network cut", 0, 0, func(p *process, _ fault) { p.http.Cut() }),
		line("network gone", short, long, func(p *process, f fault) {
			p.http.LayFor(wire.Refused(), f.lasts)
			p.http.Cut()
		}),
		line("network deaf", short, long, onHTTP(wire.Deaf())),
	}
}

// message makes a kind befall single messages of all processes.
func message(name string, chance float64) kind {
	return kind{name, time.Hour, 2 * retry.Day, func(w *world, f fault) func() {
		end := w.aimed(name, chance)
		w.burst(f)
		return end
	}}
}

func messageKinds() []kind {
	return []kind{
		message(publishLost, 0.2), message(answerLost, 0.3), message(answerLate, 0.2), message(appendLate, 0.3),
		message(ackLost, 0.3), message(ackLate, 0.3), message(outcomeUnknown, 0.4),
		message(requestLost, 0.2), message(answerCut, 0.2),
	}
}

func processKinds() []kind {
	return []kind{
		{"worker killed", time.Second, 6 * time.Hour, func(w *world, f fault) func() {
			living := w.living()
			if len(living) == 0 {
				return nil
			}
			living[f.which%len(living)].kill()
			w.burst(f)
			return func() { w.startProcess() }
		}},
		{"worker killed at a call", time.Second, time.Minute, func(w *world, f fault) func() {
			living := w.living()
			if len(living) == 0 {
				return nil
			}
			p := living[f.which%len(living)]
			at := wire.Before
			if f.part < 0.5 {
				at = wire.After
			}
			counter := p.nats.Counter()
			counter.At(counter.Calls()+1+f.which%40, at, p.kill)
			w.burst(f)
			return func() {
				p.kill() // where it has made too few calls
				w.startProcess()
			}
		}},
		{"worker stopped and started", time.Second, time.Hour, func(w *world, f fault) func() {
			living := w.living()
			if len(living) == 0 {
				return nil
			}
			// Half of them are given no time to finish what is in hand.
			w.burst(f)
			w.after(time.Duration(20+f.which%100)*time.Second, func() {
				living[f.which%len(living)].stop(time.Duration(f.which%2) * stopLimit)
			})
			return func() { w.after(2*time.Minute, func() { w.startProcess() }) }
		}},
		{"two workers", time.Hour, 3 * retry.Day, func(w *world, f fault) func() {
			p := w.startProcess()
			w.burst(f)
			return func() {
				if len(w.living()) > 1 {
					p.stop(stopLimit)
				}
			}
		}},
		{"no worker for days", retry.Day, 5 * retry.Day, func(w *world, f fault) func() {
			living := w.living()
			for _, p := range living {
				p.kill()
			}
			w.burst(f)
			return func() {
				for range living {
					w.startProcess()
				}
			}
		}},
	}
}

func brokerKinds() []kind {
	return []kind{
		{"broker restarted", time.Second, 4 * time.Hour, func(w *world, f fault) func() {
			if w.server == nil {
				return nil
			}
			w.stopBroker()
			return w.startBroker
		}},
		{"store full", 10 * time.Minute, 2 * time.Hour, func(w *world, f fault) func() {
			w.burst(f)
			return w.fillStore()
		}},
		{"broker clock steps ahead", time.Minute, 2 * time.Minute, func(w *world, f fault) func() {
			w.burst(f) // looked at so often that some were just before
			w.after(f.between(20*time.Second, 50*time.Second), func() { w.fireAhead(f.between(10*time.Minute, 12*time.Hour)) })
			return nil
		}},
	}
}
