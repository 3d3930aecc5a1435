package invariant

import (
	"slices"

	"reconciler/internal/payment"
)

// judgeVersions judges rule 2: the sequence of a payment's events.
func (j *judge) judgeVersions(r *record) {
	due := 1
	for i, e := range r.entries {
		d := e.data
		if d.Version != due {
			j.fault(2, r.key, "version %d follows where %d was due", d.Version, due)
		}
		due = d.Version + 1
		j.judgeEnvelope(r, e)
		if i == 0 {
			j.judgeFirst(r, d)
			continue
		}
		j.judgeMove(r, r.entries[i-1].data, d)
	}
}

// judgeEnvelope judges that an event's subject, id and body say the same.
func (j *judge) judgeEnvelope(r *record, e *entry) {
	d := e.data
	if e.Status != d.Status || e.Account != d.Account || e.Merchant != d.MerchantID || e.Payment != d.PaymentID {
		j.fault(2, r.key, "version %d: the subject does not say what the body says", d.Version)
	}
	if e.ID != e.id {
		j.fault(2, r.key, "version %d: has the id %q, not %q", d.Version, e.ID, e.id)
	}
	if d.Final != d.Status.Final() {
		j.fault(2, r.key, "version %d: final is %t for %s", d.Version, d.Final, d.Status)
	}
}

func (j *judge) judgeFirst(r *record, d payment.Data) {
	if d.Status != payment.Pending {
		j.fault(2, r.key, "begins with %s", d.Status)
	}
	if d.Trigger != "" || d.Late || len(d.Implied) > 0 {
		j.fault(2, r.key, "version %d: begins with a trigger or a route", d.Version)
	}
}

func (j *judge) judgeMove(r *record, before, d payment.Data) {
	if d.PreviousStatus != before.Status {
		j.fault(2, r.key, "version %d: previous_status is %s after %s", d.Version, d.PreviousStatus, before.Status)
	}
	j.judgeTrigger(r, d)
	if d.Status == before.Status && d.Captured == before.Captured && d.Refunded == before.Refunded {
		j.fault(2, r.key, "version %d: changes nothing", d.Version)
	}
	route := payment.Route(before.Status, d.Status)
	if !route.Legal {
		j.fault(2, r.key, "version %d: %s may not follow %s", d.Version, d.Status, before.Status)
		return
	}
	if !slices.Equal(d.Implied, route.Implied) {
		j.fault(2, r.key, "version %d: implied is %v, the way is %v", d.Version, d.Implied, route.Implied)
	}
	if d.Late != route.Late {
		j.fault(2, r.key, "version %d: late is %t from %s to %s", d.Version, d.Late, before.Status, d.Status)
	}
}

func (j *judge) judgeTrigger(r *record, d payment.Data) {
	switch d.Trigger {
	case payment.TriggerPoll, payment.TriggerHint, payment.TriggerManual:
	case payment.TriggerGiveUp:
		if d.Status != payment.Unknown && d.Status != payment.Expired {
			j.fault(2, r.key, "version %d: a give-up to %s", d.Version, d.Status)
		}
	default:
		j.fault(2, r.key, "version %d: the trigger %q is none", d.Version, d.Trigger)
	}
	if d.Status == payment.Unknown && d.Trigger != payment.TriggerGiveUp && d.Trigger != payment.TriggerManual {
		j.fault(2, r.key, "version %d: %s by %s, not by giving up", d.Version, d.Status, d.Trigger)
	}
}
