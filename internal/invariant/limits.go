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
}
