package invariant

import (
	"bytes"

	"reconciler/internal/payment"
)

// judgeFold judges the first half of rule 9: who reads the log from its
// beginning ends with what who reads only the last event sees.
func (j *judge) judgeFold(r *record) {
	first, folded := r.entries[0].data, r.entries[0].data
	for _, e := range r.entries {
		d := e.data
		if d.Version > folded.Version {
			folded = d
		}
		if !sameOrigin(first, d) {
			j.fault(9, r.key, "version %d: is not of the payment that began with version %d", d.Version, first.Version)
		}
		if e.Digest != r.entries[0].Digest {
			j.fault(9, r.key, "version %d: has another origin than version %d", d.Version, first.Version)
		}
	}
	if last := r.last(); last.Version != folded.Version || last.Status != folded.Status {
		j.fault(9, r.key, "ends with version %d (%s), the fold with version %d (%s)",
			last.Version, last.Status, folded.Version, folded.Status)
	}
}

// sameOrigin compares what may never change over a payment's events.
func sameOrigin(a, b payment.Data) bool {
	return a.PaymentID == b.PaymentID && a.MerchantID == b.MerchantID && a.Account == b.Account &&
		a.Expected == b.Expected && bytes.Equal(a.Metadata, b.Metadata)
}
