package consumer

import (
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/retry"
)

// Policy is how one account's payments are watched.
type Policy struct {
	// Cadence says when to look next, by phase and age. Where a phase's table
	// ends, so does the watch: of an undecided payment on the give-up clock, of
	// the others by age.
	Cadence retry.Cadence
	// Jitter spreads the looks.
	Jitter retry.Jitter
	// Floor is the least time between two looks at one payment.
	Floor time.Duration
	// Absence is what "not found" means in the end; with AbsenceAfterExpiry it
	// counts once ExpiryGrace has passed after the payment's expires_at.
	Absence     providers.Absence
	ExpiryGrace time.Duration
	// FailureDelay is when to look again at the latest after a look that was not
	// answered. A closed tap makes it longer by itself.
	FailureDelay time.Duration
	// A doubt becomes a review when it was the answer DoubtLooks times in a row
	// over at least DoubtSpan.
	DoubtLooks int
	DoubtSpan  time.Duration
}

// breakerEffect is what a poll's outcome means for the account's breaker.
type breakerEffect int

const (
	breakerSuccess  breakerEffect = iota + 1
	breakerFailure                // counts towards opening
	breakerNeutral                // says nothing about the provider's health
	breakerThrottle               // closes the tap for Retry-After, counts nothing
	breakerOpen                   // opens at once
)

// effect is everything an outcome of a poll leads to beside a change of status.
type effect struct {
	// answered: the provider spoke about this payment, so the give-up clock runs.
	answered bool
	breaker  breakerEffect
	// cadence: look again by the cadence; else after FailureDelay or Retry-After.
	cadence bool
	// doubt is the reason of the review that this outcome becomes when it lasts.
	doubt payment.Reason
	// alarm: a person should know now.
	alarm bool
}

// answeredWell is the effect of a look that gave an observation.
var answeredWell = effect{answered: true, breaker: breakerSuccess, cadence: true}

// effects has one line for each kind of failed poll. A kind without a line
// would be handled by nobody, so a test walks providers.Kinds.
var effects = map[providers.Kind]effect{
	providers.NotFound:         {answered: true, breaker: breakerSuccess, cadence: true},
	providers.Throttled:        {breaker: breakerThrottle},
	providers.Unavailable:      {breaker: breakerFailure},
	providers.Misconfigured:    {breaker: breakerOpen, alarm: true},
	providers.UnknownStatus:    {breaker: breakerNeutral, cadence: true, alarm: true},
	providers.Unreadable:       {breaker: breakerNeutral, cadence: true, alarm: true},
	providers.Inconsistent:     {answered: true, breaker: breakerSuccess, cadence: true, doubt: payment.ReasonContradiction},
	providers.InvalidReference: {answered: true, breaker: breakerNeutral, cadence: true, alarm: true},
	providers.SignatureInvalid: {breaker: breakerFailure, cadence: true, doubt: payment.ReasonSignatureInvalid, alarm: true},
	providers.IdentityMismatch: {breaker: breakerFailure, cadence: true, doubt: payment.ReasonIdentityMismatch, alarm: true},
	providers.TooLarge:         {breaker: breakerFailure, cadence: true, doubt: payment.ReasonContradiction, alarm: true},
}

// outcome is what one poll gave: an observation, or a failure.
type outcome struct {
	observation payment.Observation
	failure     *providers.Error // nil: there is an observation
	trigger     payment.Trigger
	at          time.Time
}

func (o outcome) effect() effect {
	if o.failure == nil {
		return answeredWell
	}
	return effects[o.failure.Kind]
}

func (o outcome) look() payment.Look {
	return payment.Look{Observation: o.observation, Trigger: o.trigger, At: o.at}
}

// saw is the look in one word, for the ring.
func (o outcome) saw() string {
	switch {
	case o.failure == nil:
		return providers.CleanRaw(o.observation.ProviderStatus)
	case o.failure.Raw != "":
		return o.failure.Kind.String() + ":" + providers.CleanRaw(o.failure.Raw)
	default:
		return o.failure.Kind.String()
	}
}

// change is which event, if any, an outcome leads to.
type change int

const (
	noChange change = iota
	applyLook
	giveUp
	toReview
)

// decision is what to do after a poll.
type decision struct {
	change change
	// to and reason belong to giveUp and toReview.
	to     payment.Status
	reason payment.Reason
	// watch is the watch with this look in it, before any change is published.
	watch watch
}

// event makes the event the decision asks for from the payment's whole state.
// It is false when the whole state shows that there is nothing to tell.
func (d decision) event(s payment.State, o outcome) (payment.Event, bool) {
	switch d.change {
	case giveUp:
		return payment.GiveUp(s, d.to, d.reason, o.look()), true
	case toReview:
		return payment.ToReview(s, d.reason, o.look()), true
	}
	move, event := payment.Apply(s, o.look())
	return event, move == payment.Changed
}

// record is the watch with the look in it: ring, clock, bound number. It is
// applied once per poll, however often the decision is made anew.
func record(w watch, o outcome) watch {
	w.Looks = w.Looks.add(o.saw(), o.at)
	if o.effect().answered {
		w.Clock += w.Planned
		w.Answered++
	}
	if w.Bound == "" && o.failure == nil {
		w.Bound = o.observation.ProviderReference
	}
	return w
}

// decide says what an outcome does to a payment: the watch must have been
// through record. It is pure; what it returns is carried out by the poller.
func decide(w watch, o outcome, p Policy) decision {
	d := decision{watch: w}
	if w.Status.ClosedForGood() {
		return d
	}
	move := payment.Same
	if o.failure == nil {
		move, _ = payment.Apply(w.state(), o.look())
	}
	var shown bool
	d.watch.Doubt, shown = nextDoubt(w, o, move)
	if shown && w.Status != payment.Review && lasting(*d.watch.Doubt, o.at, p) {
		d.change, d.to, d.reason = toReview, payment.Review, d.watch.Doubt.Reason
		return d
	}
	if to, reason, ok := end(w, o, move, p); ok {
		d.change, d.to, d.reason = giveUp, to, reason
		return d
	}
	if move == payment.Changed {
		d.change = applyLook
	}
	return d
}

// nextDoubt counts equal doubts in a row; true: this look is one of them. A good
// answer ends a doubt; a look that was not answered leaves it as it is, and however
// long it has lasted by then shows nothing.
func nextDoubt(w watch, o outcome, move payment.Move) (*doubt, bool) {
	reason := o.effect().doubt
	if move == payment.Regressed {
		reason = payment.ReasonRegression
	}
	switch {
	case reason == "" && o.effect().answered:
		return nil, false
	case reason == "":
		return w.Doubt, false
	case w.Doubt == nil || w.Doubt.Reason != reason:
		return &doubt{Reason: reason, Count: 1, First: o.at}, true
	}
	return &doubt{Reason: reason, Count: w.Doubt.Count + 1, First: w.Doubt.First}, true
}

func lasting(d doubt, now time.Time, p Policy) bool {
	return d.Count >= p.DoubtLooks && now.Sub(d.First) >= p.DoubtSpan
}

// end says whether this look ends the watch of an undecided payment, and as
// what. Only a look that the provider answered can: an outage ends nothing.
func end(w watch, o outcome, move payment.Move, p Policy) (payment.Status, payment.Reason, bool) {
	status := w.Status
	if move == payment.Changed {
		status, _ = seen(w, o)
	}
	if !status.Open() || !o.effect().answered {
		return "", "", false
	}
	absent := o.failure != nil && o.failure.Kind == providers.NotFound && w.Status == payment.Pending
	if absent && absenceFinal(w, o.at, p) {
		return payment.Expired, payment.ReasonNeverReachedProvider, true
	}
	if w.Clock < limit(status, p) {
		return "", "", false
	}
	if absent && p.Absence == providers.AbsenceFinal {
		return payment.Expired, payment.ReasonNeverReachedProvider, true
	}
	return payment.Unknown, "", true
}

// seen is the status that applying the look would publish.
func seen(w watch, o outcome) (payment.Status, payment.Reason) {
	_, event := payment.Apply(w.state(), o.look())
	return event.Data.Status, event.Data.Reason
}

// absenceFinal: the payer's time is over and the provider, whose document
// makes that final, never heard of the payment.
func absenceFinal(w watch, now time.Time, p Policy) bool {
	return p.Absence == providers.AbsenceAfterExpiry && !w.ExpiresAt.IsZero() && !now.Before(w.ExpiresAt.Add(p.ExpiryGrace))
}

// limit is where the watch of an undecided payment ends, on the give-up clock.
func limit(s payment.Status, p Policy) time.Duration { return p.Cadence.Watch(phase(s)) }

// phase is the part of the cadence that a status is watched by.
func phase(s payment.Status) retry.Phase {
	switch {
	case s == payment.Authorized:
		return retry.Held
	case s.Open():
		return retry.Open
	case s.Closed():
		return retry.Closed
	case s.Parked():
		return retry.Parked
	}
	return retry.Settled
}

// again says in how long to look again after an outcome, for the watch as it
// is after any change; false ends the watch.
func again(w watch, o outcome, p Policy, random func() float64) (time.Duration, bool) {
	if w.Status.ClosedForGood() {
		return 0, false
	}
	delay, more := cadenceDelay(w, o.at, p)
	e := o.effect()
	// A watch does not end in doubt: what disagrees at its end is looked at until
	// it agrees or is a review.
	if !more && e.answered && (w.Doubt == nil || w.Status.Parked()) {
		return 0, false
	}
	switch {
	case e.breaker == breakerThrottle && o.failure.RetryAfter > 0:
		// Never earlier than the provider asked for, so no jitter downwards.
		wait := o.failure.RetryAfter
		return max(wait+time.Duration(float64(wait)*random()/10), p.Floor), true
	case !e.cadence || !more: // not answered: soon again, once the tap lets us
		delay = min(delay, p.FailureDelay)
	case w.Doubt != nil:
		// Soon enough to know, late enough to let the provider catch up.
		delay = min(delay, p.DoubtSpan/2)
	}
	delay = p.Jitter.Apply(delay, random)
	if w.Status.Open() && e.cadence {
		delay = retry.Last(delay, w.Clock, limit(w.Status, p))
	}
	return retry.Clamp(delay, p.Floor), true
}

// cadenceDelay is the time to the next look by the cadence; false at the end of
// the watch. An undecided payment is watched until its give-up clock ends,
// however old it is by then: past the table it keeps the table's last interval.
func cadenceDelay(w watch, now time.Time, p Policy) (time.Duration, bool) {
	ph := phase(w.Status)
	since := w.Since
	if ph == retry.Open {
		since = w.CreatedAt
	}
	delay, more := p.Cadence.Next(ph, max(now.Sub(since), 0))
	return delay, more || w.Status.Open()
}
