package plant

// limitPlants are about what a provider is asked, and when.
func limitPlants() []Plant {
	return []Plant{
		// Each worker of the fleet probes for itself.
		{
			Name: "probe-without-lease", Says: "a half-open call is made without the fleet's lease", Rules: []int{7},
			Edits: []Edit{{File: pollerFile, In: "func (p *poller) mayProbe(", Old: `p.account.Fleet == nil`, New: `PLANTED || RIGHT`}},
		},
		// Two workers ask twice as much as one may.
		{
			Name: "limits-not-shared", Says: "each worker takes an account's whole limits for its own", Rules: []int{7},
			Edits: []Edit{{File: "internal/fleet/run.go", In: "func (f *Fleet) share(", Old: `a.guard.Share(len(f.seen) + 1)`, New: `if PLANTED {
			a.guard.Share(1)
			continue
		}
		RIGHT`}},
		},
		// The next payment is asked about although this one was told to wait.
		{
			Name: "throttle-not-told", Says: "a 429 holds back its own payment only", Rules: []int{7},
			Edits: []Edit{{File: pollerFile, In: "func guardResult(", Old: `return guard.Throttled(o.failure.RetryAfter)`, New: `if PLANTED {
			return guard.Neutral()
		}
		RIGHT`}},
		},
		// A worker that has just started, or another one, asks before Retry-After is over.
		{
			Name: "throttle-not-kept", Says: "a provider's Retry-After is known to the worker that was told, until it ends", Rules: []int{7},
			Edits: []Edit{
				{File: "internal/fleet/record.go", In: "func (r record) standing(", Old: `return guard.Standing{`, New: `if PLANTED {
		r.ThrottledUntil = time.Time{}
	}
	RIGHT`},
				{File: "internal/fleet/tell.go", In: "func (a *account) take(", Old: `a.guard.Throttle(r.ThrottledUntil)`, New: `if !PLANTED {
			RIGHT
		}`},
			},
		},
		// The last of several answers tells to wait longest, and one worker alone knows.
		{
			Name: "longer-wait-untold", Says: "a Retry-After that comes while the tap is shut is not told to the others", Rules: []int{7},
			Edits: []Edit{{File: "internal/guard/guard.go", In: "func (g *Guard) release(", Old: `g.prolonged && g.options.OnProlonged != nil`, New: `RIGHT && !PLANTED`}},
		},
		// A provider that is down is asked as if it were up.
		{
			Name: "outage-not-counted", Says: "failed calls do not open the breaker", Rules: []int{7},
			Edits: []Edit{{File: pollerFile, In: "func guardResult(", Old: `return guard.Failure()`, New: `if PLANTED {
			return guard.Neutral()
		}
		RIGHT`}},
		},
		// A provider that is down for hours is probed every few seconds.
		{
			Name: "reopen-never-later", Says: "each failed probe is followed by the shortest reopen time", Rules: []int{7},
			Edits: []Edit{{File: "internal/guard/tap.go", In: "func (t *tap) open(", Old: `t.rung = min(t.rung+1, len(t.options.Reopen)-1)`, New: `RIGHT
		if PLANTED {
			t.rung = 0
		}`}},
		},
		// A kept connection breaks, and the transport asks a second time by itself.
		{
			Name: "request-sent-twice", Says: "a request goes out again by itself when its connection breaks", Rules: []int{7},
			Edits: []Edit{{File: "internal/providers/call.go", In: "func Call(", Old: `req, done := once(req)`, New: `plain := req
	RIGHT
	if PLANTED {
		req = plain
	}`}},
		},
		// The first of a look's two requests was told to wait, and the second one goes.
		{
			Name: "held-request-sent", Says: "a look that began before the tap closed makes its next request all the same", Rules: []int{7},
			Edits: []Edit{{File: "internal/providers/call.go", In: "func Call(", Old: `held(req.Context())`, New: `RIGHT && !PLANTED`}},
		},
		// A slow provider has more calls in hand than it allows.
		{
			Name: "places-not-counted", Says: "an account's limit of calls in hand is not kept", Rules: []int{7},
			Edits: []Edit{{File: "internal/guard/guard.go", In: "func (g *Guard) askPlaces(", Old: `g.inUse < places`, New: `RIGHT || PLANTED`}},
		},
	}
}
