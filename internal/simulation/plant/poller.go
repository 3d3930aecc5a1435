package plant

func pollerPlants() []Plant {
	return []Plant{
		// A worker that dies in between leaves a payment without timer and due message.
		{
			Name: "ack-first", Says: "a due poll is acknowledged before its status is recorded", Rules: []int{1}, With: noSearch(),
			Edits: []Edit{{File: pollerFile, In: settleIn, Old: `trace := msg.Headers().Get(headerTrace)`, New: earlyAck("p")}},
		},
		// Payments that their provider hears of a little later have no timer any more.
		{
			Name: "drop-not-found", Says: "a payment that its provider does not know is forgotten", Rules: []int{1}, With: noSearch(),
			Edits: []Edit{{File: pollerFile, In: handleIn, Old: `o.trigger = trigger`, New: `if PLANTED && o.failure != nil && o.failure.Kind == providers.NotFound {
		return acknowledge(msg)
	}
	RIGHT`}},
		},
		// The first step that fails for good loses the timer: a stop in the middle of a
		// broker outage is enough.
		{
			Name: "arm-error-logged", Says: "a timer that can't be armed is left out", Rules: []int{1}, With: noSearch(),
			Edits: []Edit{{File: pollerFile, In: settleIn, Old: `if err := arm(ctx, p.broker, w, trace); err != nil {`, New: `RIGHT
			if PLANTED {
				return acknowledge(msg)
			}`}},
		},
		// Killed in between, the timer knows a status that nobody was told, and the next
		// look finds nothing new: the log still says pending when all is quiet.
		{
			Name: "arm-before-publish", Says: "the next timer is armed before the change is published", Rules: []int{3, 1},
			Edits: []Edit{{File: pollerFile, In: settleIn, Old: `w, event, err := p.publish(ctx, w, o)`, New: `if PLANTED {
		ahead := w
		if d := decide(w, o, p.account.Policy); d.change == applyLook {
			ahead = d.watch
			ahead.Status, _ = seen(w, o)
		}
		if delay, more := again(ahead, o, p.account.Policy, p.random); more {
			ahead.Planned = delay
			if err := arm(ctx, p.broker, ahead, trace); err != nil {
				return err
			}
		}
	}
	RIGHT`}},
		},
		// Two workers race for one change: the loser forgets that it has to arm, and the
		// winner may have died before it did.
		{
			Name: "timer-lost-on-conflict", Says: "who finds that the payment has changed drops the due message", Rules: []int{1}, With: noSearch(),
			Edits: []Edit{
				{File: pollerFile, In: publishIn, Old: `w = w.at(is.state.Last, is.seq)`, New: `if PLANTED {
				return w, nil, &broker.ConflictError{}
			}
			RIGHT`},
				{File: pollerFile, In: publishIn, Old: `if isConflict(err) {`, New: `if isConflict(err) && !PLANTED {`},
				{File: pollerFile, In: settleIn, Old: `if errors.Is(err, errNoState) {`, New: `if PLANTED && isConflict(err) {
		return acknowledge(msg)
	}
	RIGHT`},
			},
		},
		// The timer was never armed by the worker that had the message before.
		{
			Name: "newer-timer-believed", Says: "a due message that comes again is dropped: surely there is a newer timer", Rules: []int{1}, With: noSearch(),
			Edits: []Edit{{File: pollerFile, In: "func (p *poller) superseded(", Old: `meta, err := msg.Metadata()`, New: `if PLANTED {
		return true, nil
	}
	RIGHT`}},
		},
		// A timer that fires between the two is found by neither: the payment is looked
		// at twice at a time.
		{
			Name: "asked-in-two-questions", Says: "whether a due message was finished by somebody else is asked in two questions", Rules: []int{7},
			Edits: []Edit{{File: "internal/broker/sweep.go", In: "func (b *Broker) PollTakenOver(", Old: `due := PollDue(of.Account, of.Merchant, of.Payment)`, New: `RIGHT
	if PLANTED {
		last, err := b.read(ctx, StreamWork, readRequest{Last: due})
		switch {
		case errors.Is(err, ErrNotFound):
			return true, nil
		case err != nil || last.Seq != seq:
			return err == nil, err
		}
		_, err = b.read(ctx, StreamWork, readRequest{Last: PollTimer(of.Account, of.Merchant, of.Payment)})
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	}`}},
		},
		// Who wakes up arms a timer with an old memory, beside the look that waits for a
		// closed tap by then: both are made when it opens, one right after the other.
		{
			Name: "frozen-not-noticed", Says: "a worker that was frozen goes on as if nobody had taken its message over", Rules: []int{7, 1},
			Edits: []Edit{
				{File: pollerFile, In: handleIn, Old: `time.Since(taken) >= p.ackWait`, New: `RIGHT && !PLANTED`},
				{File: delivererFile, In: "func (d *deliverer) attempt(", Old: `time.Since(began) >= d.ackWait`, New: `RIGHT && !PLANTED`},
			},
		},
		// A refund of tomorrow, or a payer whose bank was slow, is never seen.
		{
			Name: "watch-ends-at-decision", Says: "a payment is not looked at any more once it is decided", Rules: []int{1, 3}, With: noSearch(),
			Edits: []Edit{{File: decideFile, In: "func again(", Old: `w.Status.ClosedForGood()`, New: `RIGHT || PLANTED && w.Status.Final()`}},
		},
		// What was in hand when the grace period ended is lost.
		{
			Name: "stop-acknowledges", Says: "what is cut short by a stop is acknowledged", Rules: []int{1, 5, 6},
			Edits: []Edit{{File: "internal/consumer/loop.go", In: "func (l *loop[P]) work(", Old: `rest := l.restOf(msg)`, New: `if PLANTED && ctx.Err() != nil {
		_ = msg.Ack()
		return
	}
	RIGHT`}},
		},
	}
}

// clockPlants make an outage an answer.
func clockPlants() []Plant {
	const endIn = "func end("
	return []Plant{
		// The due message is used up without a look: the watch counts more answered
		// looks than the provider gave.
		{
			Name: "attempt-while-open", Says: "a poll that waits for an open breaker counts as a look", Rules: []int{8},
			Edits: []Edit{{File: pollerFile, In: handleIn, Old: `return handBackUnasked(msg)`, New: `if PLANTED {
			w.Answered, w.Clock = w.Answered+1, w.Clock+w.Planned
			w.Planned = p.account.Policy.FailureDelay
			return orAcknowledge(msg, arm(ctx, p.broker, w, msg.Headers().Get(headerTrace)))
		}
		RIGHT`}},
		},
		// The same for looks that were made and not answered; the give-up clock runs on,
		// so the payment is given up too early as well.
		{
			Name: "attempt-unanswered", Says: "a look that the provider did not answer counts like one that it did", Rules: []int{8},
			Edits: []Edit{{File: decideFile, In: "func record(", Old: `o.effect().answered`, New: `(RIGHT || PLANTED)`}},
		},
		// After an outage of days the first answer ends the watch: the clock ran while
		// nothing was asked.
		{
			Name: "clock-in-outage", Says: "the give-up clock runs while the tap is closed", Rules: []int{8, 3},
			Blind: "the give-up is backed by an answered look, and how long was really watched needs the cadence",
			Edits: []Edit{
				{File: turnFile, In: "func elapsed(", Old: `trigger == payment.TriggerPoll`, New: `RIGHT && !PLANTED`},
				{File: turnFile, In: "func elapsed(", Old: `return min(w.Planned, max(now.Sub(since), 0))`, New: `if PLANTED {
		return max(now.Sub(since), 0)
	}
	RIGHT`},
			},
		},
		// An event "expired" without any answer near it.
		{
			Name: "expire-in-outage", Says: "a payment expires by its age though its provider does not answer", Rules: []int{3, 8},
			Edits: []Edit{{File: decideFile, In: endIn, Old: `if !status.Open() || !o.effect().answered {`, New: `if PLANTED && status.Open() && !o.effect().answered &&
		(o.at.Sub(w.CreatedAt) >= limit(status, p) || !w.ExpiresAt.IsZero() && o.at.After(w.ExpiresAt)) {
		return payment.Expired, payment.ReasonNeverReachedProvider, true
	}
	RIGHT`}},
		},
		// An event "expired" beside an answer that says pending, or paid.
		{
			Name: "expire-by-own-clock", Says: "a payment expires at its expires_at, whatever the provider says", Rules: []int{3, 8},
			Edits: []Edit{{File: decideFile, In: endIn, Old: `absent := o.failure != nil`, New: `if PLANTED && !w.ExpiresAt.IsZero() && o.at.After(w.ExpiresAt) {
		return payment.Expired, payment.ReasonNeverReachedProvider, true
	}
	RIGHT`}},
		},
		// A payer who begins late: expired, and then paid all the same.
		{
			Name: "expire-at-first-absence", Says: "a payment expires at the first \"not found\"", Rules: []int{3},
			Blind: "the give-up is backed by an answered look, and the late success is legal",
			Edits: []Edit{{File: decideFile, In: endIn, Old: `absenceFinal(w, o.at, p)`, New: `(RIGHT || PLANTED)`}},
		},
		// A give-up without any answer near it.
		{
			Name: "no-last-look", Says: "the watch of an undecided payment ends without the last look", Rules: []int{3, 8},
			Edits: []Edit{{File: pollerFile, In: handleIn, Old: `w.Planned = elapsed(w, trigger, taken)`, New: `RIGHT
	if PLANTED && w.Status.Open() && w.Clock+w.Planned >= limit(w.Status, p.account.Policy) {
		o := outcome{failure: &providers.Error{Kind: providers.NotFound, Doing: "poll"}, trigger: trigger, at: taken}
		return p.settle(ctx, msg, record(w, o), o)
	}`}},
		},
	}
}
