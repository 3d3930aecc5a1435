package invariant

import "time"

// judgeTimers judges the half of rule 1 that is about what happens next: a
// payment that is still watched has exactly one pending poll.
func (j *judge) judgeTimers(r *record) {
	last := r.last()
	timers, due := 0, 0
	for _, p := range r.polls {
		if p.Account != last.Account {
			j.fault(1, r.key, "has a pending poll at account %q, not %q", p.Account, last.Account)
		}
		if p.Queue == QueueTimer {
			timers++
		} else {
			due++
		}
	}
	switch {
	case timers > 1 || due > 1, j.h.Quiet && timers+due > 1:
		// A timer beside a due message is normal while the poll is at work: the
		// next one is armed before the last is acknowledged.
		j.fault(1, r.key, "has %d poll timers and %d due polls", timers, due)
	case j.h.Quiet && timers+due == 0 && j.watched(r):
		j.fault(1, r.key, "is %s and still watched but has no pending poll", last.Status)
	}
}

func (j *judge) watched(r *record) bool {
	last := r.last()
	switch {
	case last.Status.ClosedForGood():
		return false
	case last.Status.Open():
		return true // only a decision or an honest give-up ends this watch
	case j.h.WatchedUntil == nil:
		return false
	}
	return j.h.WatchedUntil(last, r.since()).After(j.h.Now)
}

// since is when the payment came to its status; a further part refund keeps it.
func (r *record) since() time.Time {
	i := len(r.entries) - 1
	for i > 0 && r.entries[i-1].data.Status == r.entries[i].data.Status {
		i--
	}
	return r.entries[i].data.ObservedAt
}

// judgePending judges that no pending work is without its cause.
func (j *judge) judgePending() {
	for _, p := range j.h.Pending {
		k := key{p.Merchant, p.Payment}
		r := j.payments[k]
		switch {
		case p.Kind == KindPoll && r == nil:
			j.fault(1, k, "has a pending poll but no event")
		case p.Kind == KindWebhook && (r == nil || !r.has(p.Version)):
			j.fault(5, k, "has a pending webhook for version %d but no such event", p.Version)
		}
	}
}

func (r *record) has(version int) bool {
	for _, e := range r.entries {
		if e.data.Version == version {
			return true
		}
	}
	return false
}
