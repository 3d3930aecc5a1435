package simulation

import (
	"slices"
	"time"

	"reconciler/internal/sandbox"
)

// crowdKinds are many payments of one account due at once, and limits that more
// than one process keeps to: two of a fleet, or one after the other.
func crowdKinds() []kind {
	return []kind{
		crowd("crowd at two workers", func(fault) sandbox.Trouble { return sandbox.Trouble{} }),
		crowd("crowd at a slow provider", func(f fault) sandbox.Trouble {
			return sandbox.Trouble{Kind: sandbox.AnswerSlow, Late: f.between(4*time.Second, 8*time.Second)}
		}),
		crowd("crowd at a provider that is down", func(f fault) sandbox.Trouble {
			down := []sandbox.TroubleKind{sandbox.Down503, sandbox.DownReset, sandbox.DownHang}
			return sandbox.Trouble{Kind: down[int(f.part*3)]}
		}),
		{"told to wait, and another worker", 20 * time.Minute, time.Hour, toldToWait},
		{"told to wait longer by a late answer", 20 * time.Minute, time.Hour, toldToWaitLonger},
		{"told to wait within a look", 20 * time.Minute, time.Hour, toldWithinALook},
		downForDays(),
	}
}

// crowdSize is several times what an account's limits let begin in a second, or
// have in hand.
const crowdSize = 40

// crowd makes a kind of so many payments at one provider while two workers live;
// it may be in trouble.
func crowd(name string, fill func(fault) sandbox.Trouble) kind {
	return kind{name, 12 * time.Minute, 40 * time.Minute, func(w *world, f fault) func() {
		at := w.accountOf(f)
		end := w.two()
		if t := fill(f); t.Kind != "" {
			t.Provider = at
			w.meet(f, t, f.lasts)
		}
		// Later than the second worker has its part of the limits.
		w.after(15*time.Second, func() { w.crowd(at, crowdSize) })
		w.after(30*time.Second, func() {
			if fill(f).Kind == "" && len(w.living()) > 1 {
				w.tally.add("hit "+name, 1)
			}
		})
		return end
	}}
}

// toldToWait lets a provider tell one worker to wait for long, and another one come
// within that time: in the first one's place, or beside it.
func toldToWait(w *world, f fault) func() {
	at, end := w.accountOf(f), func() {}
	w.meet(f, sandbox.Trouble{Provider: at, Kind: sandbox.AnswerThrottled, RetryAfter: f.lasts, AsDate: f.part < 0.5}, time.Minute)
	w.crowd(at, 3)
	w.after(2*time.Minute, func() {
		if f.which/2%2 == 0 {
			end = w.fresh()
		} else {
			for _, p := range w.living() {
				p.kill()
				w.startProcess()
			}
		}
		w.crowd(at, 6)
	})
	return func() { end() }
}

// toldToWaitLonger lets two workers be told to wait for a short time, while one of
// them has a call in hand that is answered later and tells it to wait for long.
func toldToWaitLonger(w *world, f fault) func() {
	at, end := w.accountOf(f), w.two()
	w.after(15*time.Second, func() { w.crowd(at, 4) }) // both have their token then
	w.after(2*time.Minute, func() {
		w.meet(f, sandbox.Trouble{Provider: at, Kind: sandbox.AnswerThrottled, Late: 6 * time.Second, RetryAfter: f.lasts - 2*time.Minute}, time.Minute)
		n := len(w.sandbox.Asked())
		w.crowd(at, 1)
		w.after(3*time.Second, func() { w.crowd(at, 6) })
		w.whenAsked(at, n, 600, func(sandbox.Ask) bool { return true }, func() {
			w.meet(f, sandbox.Trouble{Provider: at, Kind: sandbox.AnswerThrottled, RetryAfter: 10 * time.Second}, 20*time.Second)
		})
	})
	return end
}

// toldWithinALook tells an account to wait while one of its looks stands between
// two requests: a new worker has to fetch a token or a session first, which takes
// its time, and meanwhile the worker that has one is told.
func toldWithinALook(w *world, f fault) func() {
	at, end := w.accountOf(f), func() {}
	for _, a := range w.accounts {
		if a.Provider == sandbox.Halyk || a.Provider == sandbox.Uapay {
			at = a.Provider
		}
	}
	w.crowd(at, 2) // who works now has its token from then on
	w.after(time.Minute, func() { w.crowd(at, 16) })
	w.after(time.Minute+5*time.Second, func() { end = w.fresh() })
	w.after(time.Minute+7*time.Second, func() {
		w.meet(f, sandbox.Trouble{Provider: at, Kind: sandbox.AnswerSlow, Late: 5 * time.Second}, 20*time.Second)
		credential := func(a sandbox.Ask) bool { return a.Credential }
		w.whenAsked(at, len(w.sandbox.Asked()), 100, credential, func() {
			w.meet(f, sandbox.Trouble{Provider: at, Kind: sandbox.AnswerThrottled, RetryAfter: f.lasts - 2*time.Minute}, time.Minute)
		})
	})
	return func() { end() }
}

// whenAsked does something once a provider was asked what is wanted, after the first
// n asks; it looks so many times.
func (w *world) whenAsked(at string, n, looks int, wanted func(sandbox.Ask) bool, do func()) {
	if slices.ContainsFunc(w.sandbox.AskedSince(n), func(a sandbox.Ask) bool { return a.Provider == at && wanted(a) }) {
		do()
		return
	}
	if looks > 0 {
		w.after(100*time.Millisecond, func() { w.whenAsked(at, n, looks-1, wanted, do) })
	}
}

// downForDays is a merchant's outage that lasts longer than half of all attempts take,
// and not as long as all.
func downForDays() kind {
	k := merchant("merchant down for days", 60*time.Hour, false, plain(sandbox.Hook500))
	k.shortest = 38 * time.Hour
	return k
}

// accountOf is the account that a fault befalls.
func (w *world) accountOf(f fault) string { return w.accounts[f.which%len(w.accounts)].Provider }

// meet puts a provider into trouble now.
func (w *world) meet(f fault, t sandbox.Trouble, lasts time.Duration) {
	t.From, t.Until = time.Now(), time.Now().Add(lasts)
	w.must(f.kind, w.sandbox.Trouble(t))
	w.windows = append(w.windows, window{f.kind, t})
}

// two makes sure that two processes work, and gives what ends those that came.
func (w *world) two() (end func()) {
	var came []*process
	for len(w.living()) < 2 {
		came = append(came, w.startProcess())
	}
	return func() { w.leave(came) }
}

// fresh starts one more process, and gives what ends it.
func (w *world) fresh() (end func()) {
	p := w.startProcess()
	return func() { w.leave([]*process{p}) }
}

// leave stops processes, but not the last one.
func (w *world) leave(came []*process) {
	for _, p := range came {
		if len(w.living()) > 1 {
			p.stop(stopLimit)
		}
	}
}

// crowd announces payments of one provider that are due in the same second, and
// are over with their first look: paid and given back before anybody asks. Their
// merchant wants no webhooks.
func (w *world) crowd(at string, n int) {
	moment := sandbox.Spread{{Share: 1, From: time.Second, To: 2 * time.Second}}
	for range n {
		w.announceWish("shop-c", sandbox.CreateOptions{
			Provider: at, Life: "refunded", AmountMinor: 100 + w.random.Int64N(500_000), Currency: sandbox.Currencies(at)[0],
			Stretch: sandbox.Stretch{Open: moment, Settled: moment},
		}, nil)
	}
}
