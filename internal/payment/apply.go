package payment

import "time"

// State is what is known of a payment: its last event and what it was created with.
type State struct {
	Last   Data
	Origin Origin
}

// Move is what an observation does to a payment.
type Move int

// The moves.
const (
	// Same: nothing to tell.
	Same Move = iota
	// Changed: a new event.
	Changed
	// Regressed: the provider takes back what it said. Nothing is published;
	// when it stays, it becomes a review (see ToReview).
	Regressed
)

// String names the move.
func (m Move) String() string { return [...]string{"same", "changed", "regressed"}[m] }

// Look is one answered look: what was seen, when and why.
type Look struct {
	Observation Observation
	Trigger     Trigger
	// At is when the answer was read, by our clock.
	At time.Time
}

// Begin makes the state and the first event of a payment: version 1, pending.
func Begin(c Created, now time.Time) (State, Event) {
	data := Data{
		PaymentID: c.PaymentID, MerchantID: c.MerchantID, Account: c.Account,
		Version: 1, Status: Pending, Expected: c.Expected,
		ObservedAt: now.UTC(), Metadata: c.Metadata, SchemaVersion: SchemaVersion,
	}
	origin := Origin{
		CreatedID: c.ID, Digest: c.Digest(), Reference: c.Reference,
		CreatedAt: c.CreatedAt, ExpiresAt: c.ExpiresAt,
	}
	return State{Last: data, Origin: origin}, wrap(data)
}

// Apply decides what an observation does to a payment. It is the only way to a
// new status beside the end of a watch (GiveUp) and a lasting doubt (ToReview).
// With Changed comes the next event.
func Apply(s State, l Look) (Move, Event) {
	last := s.Last.Status
	if last.ClosedForGood() || last == Review {
		return Same, Event{}
	}
	o := checkMoney(s.Last, l.Observation)
	if o.Status == last {
		return sameStatus(s, l, o)
	}
	route := Route(last, o.Status)
	if route.Legal && shrinks(s.Last, o) {
		return Regressed, Event{}
	}
	if route.Legal {
		return Changed, next(s, l, o, route)
	}
	switch judgeIllegal(last, o.Status) {
	case Same:
		return Same, Event{}
	case Regressed:
		return Regressed, Event{}
	default:
		o.Status, o.Reason = Review, ReasonContradiction
		return Changed, next(s, l, o, Moves{Legal: true})
	}
}

// judgeIllegal tells what a move that the table does not allow means. Changed
// stands for a contradiction that goes to review at once.
func judgeIllegal(last, seen Status) Move {
	switch {
	case last == Unknown && seen.Open():
		return Same // given up; only a decision brings it back
	case last.Open() && seen.Open() && last != Authorized:
		return Same // a payer who tries again goes back a step; that is no news
	case last.Closed() && seen.Closed():
		return Same // failed, canceled, expired: no money either way
	case seen.Open(), last.Paid() && seen.Paid():
		return Regressed
	default:
		return Changed // such as refunded after failed: money moved that nobody took
	}
}

// sameStatus looks for news in the money: a further part refund or capture is
// an event of its own, less than before is a doubt.
func sameStatus(s State, l Look, o Observation) (Move, Event) {
	if shrinks(s.Last, o) {
		return Regressed, Event{}
	}
	captured, refunded := moved(s.Last, o)
	more := growth(s.Last.Captured, captured) > 0 || growth(s.Last.Refunded, refunded) > 0
	if more && Route(o.Status, o.Status).Legal {
		return Changed, next(s, l, o, Moves{Legal: true})
	}
	return Same, Event{}
}

// shrinks reports whether less money moved than was known to have moved.
func shrinks(last Data, o Observation) bool {
	captured, refunded := moved(last, o)
	return growth(last.Captured, captured) < 0 || growth(last.Refunded, refunded) < 0
}

// growth compares money that was known with money now seen; absent money says nothing.
func growth(before, now Money) int {
	switch {
	case before.Less(now):
		return 1
	case now.Less(before):
		return -1
	}
	return 0
}

// next makes the event that follows the state.
func next(s State, l Look, o Observation, route Moves) Event {
	d := s.Last
	d.PreviousStatus, d.Status = d.Status, o.Status
	d.Version++
	d.Implied, d.Late, d.Final = route.Implied, route.Late, o.Status.Final()
	d.Trigger, d.Reason = l.Trigger, o.Reason
	d.Reported = o.Amount
	d.ProviderStatus, d.ProviderCode, d.ProviderMessage = o.ProviderStatus, o.ProviderCode, o.ProviderMessage
	d.MappingVersion = o.MappingVersion
	d.OccurredAt, d.ObservedAt = o.OccurredAt.UTC(), l.At.UTC()
	d.SchemaVersion = SchemaVersion
	if o.ProviderReference != "" {
		d.ProviderReference = o.ProviderReference
	}
	d.Captured, d.Refunded = moved(s.Last, o)
	return wrap(d)
}

// moved is the money taken and given back by what was seen or, where that is
// silent, by what was known. Only a status that says something about money
// moves any: what is under review is not believed, and an answer about an
// undecided or undone payment may hold zeros or nothing.
func moved(last Data, o Observation) (captured, refunded Money) {
	captured, refunded = last.Captured, last.Refunded
	if !o.Status.aboutMoney() {
		return captured, refunded
	}
	if o.Captured.Known() {
		captured = o.Captured
	} else if o.Status == Succeeded && o.Amount.Known() {
		captured = o.Amount
	}
	if o.Refunded.Known() {
		refunded = o.Refunded
	} else if o.Status == Refunded && captured.Known() {
		refunded = captured
	}
	return captured, refunded
}

// checkMoney turns an observation about the wrong money into a review. Only
// statuses that say something about money are compared.
func checkMoney(last Data, o Observation) Observation {
	reason := moneyReason(last, o)
	if reason != "" {
		o.Status, o.Reason = Review, reason
	}
	return o
}

// aboutMoney reports whether a status says that money is held or was moved.
func (s Status) aboutMoney() bool {
	return s == Authorized || s.Paid() || s == Refunded || s == ChargedBack
}

func moneyReason(last Data, o Observation) Reason {
	if !o.Status.aboutMoney() {
		return ""
	}
	for _, m := range []Money{o.Amount, o.Captured, o.Refunded} {
		if m.Known() && m.Currency() != last.Expected.Currency() {
			return ReasonCurrencyMismatch
		}
	}
	if o.Amount.Known() && o.Amount != last.Expected {
		return ReasonAmountMismatch
	}
	captured, refunded := moved(last, o)
	taken := captured
	if !taken.Known() {
		taken = last.Expected
	}
	switch {
	case last.Expected.Less(captured):
		return ReasonAmountMismatch
	case taken.Less(refunded):
		return ReasonContradiction
	}
	switch o.Status {
	case Succeeded:
		if !captured.Known() && !o.AmountUnverified {
			return ReasonAmountMissing
		}
		if captured.Known() && captured != last.Expected {
			return ReasonAmountMismatch
		}
	case PartiallyCaptured:
		if !captured.Known() || captured.Minor() == 0 || !captured.Less(last.Expected) {
			return ReasonContradiction
		}
	case PartiallyRefunded:
		if refunded.Known() && (refunded.Minor() == 0 || refunded == taken) {
			return ReasonContradiction
		}
	case Refunded:
		if refunded.Known() && captured.Known() && refunded != captured {
			return ReasonContradiction
		}
	}
	return ""
}

// GiveUp ends the watch of an undecided payment: Unknown, or Expired with
// ReasonNeverReachedProvider where the provider's document makes absence
// final. The last answered look is what it rests on.
func GiveUp(s State, to Status, reason Reason, l Look) Event {
	l.Trigger = TriggerGiveUp
	l.Observation.Status, l.Observation.Reason = to, reason
	return next(s, l, l.Observation, Moves{Legal: true})
}

// ToReview hands a payment to a person because a doubt has lasted.
func ToReview(s State, reason Reason, l Look) Event {
	l.Observation.Status, l.Observation.Reason = Review, reason
	return next(s, l, l.Observation, Moves{Legal: true})
}

func wrap(d Data) Event {
	return Event{Type: TypeOf(d.Status), Timestamp: d.ObservedAt, Data: d}
}
