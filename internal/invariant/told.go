package invariant

import (
	"time"

	"reconciler/internal/payment"
)

// How far a provider's time of an answer and ours may lie apart. The provider
// notes the time when its answer is written, which may be a moment after we
// have read it; we may read it late, but not later than a call may last.
const (
	answeredAfter  = 2 * time.Second
	answeredBefore = 2 * time.Minute
)

// judgeTold judges rule 3: nothing is published that the provider did not tell.
func (j *judge) judgeTold(r *record) {
	succeeded := false
	for i, e := range r.entries {
		d := e.data
		if succeeded && d.Status.Open() {
			j.fault(3, r.key, "version %d: %s after succeeded", d.Version, d.Status)
		}
		succeeded = succeeded || d.Status == payment.Succeeded
		if i == 0 || j.h.Without.Looks {
			continue
		}
		switch {
		case d.Trigger == payment.TriggerManual: // a person's word
		case d.Trigger == payment.TriggerGiveUp:
			j.judgeGiveUp(r, d)
		case d.Status == payment.Review:
			j.judgeDoubt(r, d, r.entries[i-1].data)
		default:
			j.judgeReport(r, d)
		}
	}
}

// judgeReport judges a status that a provider is said to have told.
func (j *judge) judgeReport(r *record, d payment.Data) {
	told := false
	for _, l := range r.looks {
		if !answers(l, d) || !l.Known || l.Status != d.Status {
			continue
		}
		if !aboutMoney(d.Status) || (agrees(l.Captured, d.Captured) && agrees(l.Refunded, d.Refunded)) {
			return
		}
		told = true
	}
	if told {
		j.fault(3, r.key, "version %d: %s with captured %s and refunded %s, which no look was told", d.Version, d.Status, d.Captured, d.Refunded)
		return
	}
	j.fault(3, r.key, "version %d: %s, which no look was told", d.Version, d.Status)
}

// judgeGiveUp judges the end of a watch: it rests on an answer that decided nothing.
func (j *judge) judgeGiveUp(r *record, d payment.Data) {
	for _, l := range r.looks {
		if !answers(l, d) {
			continue
		}
		if !l.Known || (d.Status == payment.Unknown && !l.Status.Final()) {
			return
		}
	}
	j.fault(3, r.key, "version %d: %s without an answered last look that left it open", d.Version, d.Status)
}

// judgeDoubt judges a review: an answer raised it, or answers that could not be
// read (another payment's, a wrong signature) again and again. Answers that say
// nothing but what may follow the event before raise none.
func (j *judge) judgeDoubt(r *record, d, before payment.Data) {
	unreadable, answered, raised := 0, false, false
	for _, l := range r.looks {
		if l.AskedAt.After(d.ObservedAt.Add(answeredAfter)) {
			continue
		}
		if !l.Answered {
			unreadable++
			continue
		}
		ours := answers(l, d)
		answered = answered || ours
		// A doubt that lasts may end with a look whose answer came to nobody.
		raised = raised || (ours || !l.AnsweredAt.Before(before.ObservedAt)) && doubtful(l, before)
	}
	switch {
	case answered && raised, unreadable >= 2:
	case answered:
		j.fault(3, r.key, "version %d: review, and no look was told anything that is in doubt", d.Version)
	default:
		j.fault(3, r.key, "version %d: review without an answered look", d.Version)
	}
}

// doubtful reports whether an answer told something that does not follow from
// what was published before, or moved money without saying how much.
func doubtful(l Look, before payment.Data) bool {
	switch {
	case !l.Known, l.Status == payment.Review:
		return true
	case aboutMoney(l.Status) && l.Status != payment.Authorized && !l.Captured.Known():
		return true
	case foreign(l.Captured, before) || foreign(l.Refunded, before), l.Captured.Less(before.Captured), l.Refunded.Less(before.Refunded):
		return true
	}
	return l.Status != before.Status && !payment.Route(before.Status, l.Status).Legal
}

// answers reports whether the event may rest on the look, by its time.
func answers(l Look, d payment.Data) bool {
	return l.Answered &&
		!l.AnsweredAt.After(d.ObservedAt.Add(answeredAfter)) &&
		!l.AnsweredAt.Before(d.ObservedAt.Add(-answeredBefore))
}

// agrees compares published money with what was told; none told says nothing,
// and nothing taken need not be published.
func agrees(told, published payment.Money) bool {
	return !told.Known() || told == published || (told.Minor() == 0 && !published.Known())
}

// aboutMoney reports whether a status says something about money: before it,
// providers send zero or nothing.
func aboutMoney(s payment.Status) bool {
	return s == payment.Authorized || s.Paid() || s == payment.Refunded || s == payment.ChargedBack
}
