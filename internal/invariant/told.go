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
			j.judgeDoubt(r, d)
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
// read (another payment's, a wrong signature) again and again.
func (j *judge) judgeDoubt(r *record, d payment.Data) {
	unreadable := 0
	for _, l := range r.looks {
		if answers(l, d) {
			return
		}
		if !l.Answered && !l.AskedAt.After(d.ObservedAt.Add(answeredAfter)) {
			unreadable++
		}
	}
	if unreadable < 2 {
		j.fault(3, r.key, "version %d: review without an answered look", d.Version)
	}
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
