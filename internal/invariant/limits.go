package invariant

// judgeLimits judges rule 7: the providers' own ledgers mark what came too soon.
func (j *judge) judgeLimits() {
	for _, l := range j.h.Looks {
		k := key{l.Merchant, l.Payment}
		if l.TooSoon {
			j.fault(7, k, "account %q was asked above its limits at %s", l.Account, stamp(l.AskedAt))
		}
		if l.BeforeRetryAfter {
			j.fault(7, k, "account %q was asked before its Retry-After was over, at %s", l.Account, stamp(l.AskedAt))
		}
	}
	j.judgeAsks()
}

// judgeSpent judges the part of rule 8 that a history shows: a watch counts no
// look as answered in which the provider did not speak.
func (j *judge) judgeSpent(r *record) {
	if j.h.Without.Looks {
		return
	}
	spoke := 0
	for _, l := range r.looks {
		if !l.Faulty {
			spoke++
		}
	}
	for _, p := range r.polls {
		if p.Answered > spoke {
			j.fault(8, r.key, "its watch counts %d answered looks, its provider spoke %d times", p.Answered, spoke)
		}
	}
}
