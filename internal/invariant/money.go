package invariant

import "reconciler/internal/payment"

// judgeMoney judges rule 4. Amounts below zero can't be read at all.
func (j *judge) judgeMoney(r *record) {
	var before payment.Data
	for _, e := range byVersion(r.entries) {
		d := e.data
		for _, problem := range moneyFaults(d) {
			j.fault(4, r.key, "version %d: %s: %s", d.Version, d.Status, problem)
		}
		if shrinks(before.Refunded, d.Refunded) {
			j.fault(4, r.key, "version %d: refunded fell from %s to %s", d.Version, before.Refunded, d.Refunded)
		}
		if shrinks(before.Captured, d.Captured) {
			j.fault(4, r.key, "version %d: captured fell from %s to %s", d.Version, before.Captured, d.Captured)
		}
		before = d
	}
}

// shrinks also holds where money that was known is not told any more.
func shrinks(before, now payment.Money) bool {
	return before.Known() && (!now.Known() || now.Less(before))
}

func moneyFaults(d payment.Data) []string {
	var faults []string
	check := func(bad bool, problem string) {
		if bad {
			faults = append(faults, problem)
		}
	}
	captured, refunded := d.Captured, d.Refunded
	check(foreign(captured, d) || foreign(refunded, d), "money moved in another currency")
	check(aboutMoney(d.Status) && foreign(d.Reported, d), "reported in another currency")
	check(d.Expected.Less(captured), "captured more than expected")
	check(captured.Less(refunded), "refunded more than captured")
	check(d.Expected.Less(refunded), "refunded more than expected")
	switch d.Status {
	case payment.Succeeded:
		// Captured may be absent: an account can be set to accept answers without an amount.
		check(captured.Known() && captured != d.Expected, "captured is not what was expected")
		check(d.Reported.Known() && d.Reported != d.Expected, "reported is not what was expected")
	case payment.PartiallyCaptured:
		check(!captured.Known() || captured.Minor() == 0 || captured == d.Expected, "captured is no part of what was expected")
	case payment.PartiallyRefunded:
		check(refunded.Known() && (refunded.Minor() == 0 || refunded == captured), "refunded is no part of what was captured")
	case payment.Refunded:
		check(refunded.Known() && captured.Known() && refunded != captured, "refunded is not what was captured")
	}
	return faults
}

func foreign(m payment.Money, d payment.Data) bool {
	return m.Known() && m.Currency() != d.Expected.Currency()
}
