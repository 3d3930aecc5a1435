package plant

// noSearch names the plant without which the sweep mends what others lose.
func noSearch() []string { return []string{"sweep-ignores-missing"} }

const roundFile = "internal/consumer/sweepround.go"

// sweepPlants are about who finds what everybody else lost.
func sweepPlants() []Plant {
	return []Plant{
		// After an hour with a full store the broker never fires what became due in it:
		// the timers stay, overdue for good.
		{
			Name: "sweep-ignores-overdue", Says: "the sweep leaves overdue timers alone", Rules: []int{1, 5},
			Blind: "a poll's overdue timer is still one pending poll: the world has to ask whether it lies in the future",
			Edits: []Edit{{File: roundFile, In: "func (r *round) timer(", Old: `time.Since(t.At) < overdue`, New: `RIGHT || PLANTED`}},
		},
		// Nobody comes back to a payment whose timer is gone. Other plants need it: what they
		// lose is found again within minutes.
		{
			Name: "sweep-ignores-missing", Says: "the sweep does not look for payments without a timer", Rules: []int{1},
			Blind: "it takes a work stream that loses timers: only then is one missing",
			Edits: []Edit{{File: roundFile, In: "func (r *round) all(", Old: `{r.timers, r.log}`, New: `{r.timers, func(ctx context.Context) error {
		if PLANTED {
			return nil
		}
		return r.log(ctx)
	}}`}},
		},
		// Both.
		{
			Name: "no-sweep", Says: "nobody sweeps", Rules: []int{1, 5},
			Blind: "as for the two halves of it",
			Edits: []Edit{{File: roundFile, In: "func (r *round) all(", Old: `for _, look := range`, New: `if PLANTED {
		return nil
	}
	RIGHT`}},
		},
		// A timer that was armed since is replaced by the one before it: the provider
		// is asked again before its floor, with a memory that lacks a look.
		{
			Name: "sweep-overwrites", Says: "the sweep arms overdue timers without looking whether they are the same still", Rules: []int{7, 1},
			Edits: []Edit{{File: roundFile, In: "func (r *round) timer(", Old: `err = r.o.Broker.ArmIf(ctx, broker.Timer{
		Subject: t.Subject, Target: t.Target, At: time.Now(), Header: t.Header, Body: t.Body,
	}, t.Seq)`, New: `again := broker.Timer{Subject: t.Subject, Target: t.Target, At: time.Now(), Header: t.Header, Body: t.Body}
	if PLANTED {
		err = r.o.Broker.Arm(ctx, again)
	} else {
		err = r.o.Broker.ArmIf(ctx, again, t.Seq)
	}`}},
		},
	}
}

// timerPlants are about how a poll waits.
func timerPlants() []Plant {
	return []Plant{
		// Pulled just before the breaker opened, gone just after.
		{
			Name: "closed-tap-drops", Says: "a due poll that meets a closed tap is acknowledged", Rules: []int{1}, With: noSearch(),
			Edits: []Edit{{File: pollerFile, In: handleIn, Old: `return handBackUnasked(msg)`, New: `if PLANTED {
			return acknowledge(msg)
		}
		RIGHT`}},
		},
		// The jitter goes below the provider's floor.
		{
			Name: "floor-not-kept", Says: "the jitter may bring a look before the provider's floor", Rules: []int{7},
			Edits: []Edit{{File: decideFile, In: "func again(", Old: `return retry.Clamp(delay, p.Floor), true`, New: `if PLANTED {
		return delay, true
	}
	RIGHT`}},
		},
	}
}

// hintPlants are about looks that come before their time.
func hintPlants() []Plant {
	return []Plant{
		// The broker loses a timer that is replaced in the moment it fires; and one that
		// was read before a look brings the old watch back after it.
		{
			Name: "hint-rearms", Says: "a hint arms the timer for now instead of firing it", Rules: []int{7, 1}, With: noSearch(),
			Edits: []Edit{
				{File: "internal/consumer/hint.go", In: "func (h *Hinter) fire(", Old: `err := h.broker.FireNow(ctx, broker.Fire{`, New: `if PLANTED {
		return h.broker.Arm(ctx, broker.Timer{
			Subject: broker.PollTimer(of.Account, of.Merchant, of.Payment),
			Target:  broker.PollDue(of.Account, of.Merchant, of.Payment),
			At:      time.Now(), Header: header, Body: timer.Body,
		})
	}
	RIGHT`},
				// Whoever did not know why hints keep away from that instant would not.
				{File: "internal/consumer/hint.go", In: "func gains(", Old: `return at.After(from.Add(least))`, New: `if PLANTED {
		return at.After(from)
	}
	RIGHT`},
			},
		},
		// Each callback is a request, whatever the provider allows.
		{
			Name: "hint-before-floor", Says: "a hint's look does not wait for the provider's floor", Rules: []int{7},
			Edits: []Edit{{File: turnFile, In: "func (p *poller) turn(", Old: `early && w.mayAgain(floor).After(at)`, New: `!PLANTED && RIGHT`}},
		},
		// The broker's clock steps ahead, and whoever was just looked at is looked at again.
		{
			Name: "early-timer-before-floor", Says: "a timer that fires early does not wait for the provider's floor", Rules: []int{7},
			Edits: []Edit{{File: turnFile, In: "func (p *poller) turn(", Old: `now.Before(due)`, New: `!PLANTED && RIGHT`}},
		},
	}
}
