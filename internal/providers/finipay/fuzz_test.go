package finipay

import (
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
)

func FuzzDecode(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add(g.Body, g.Want.Bound, g.Want.Reference[kindKey] == kindQR)
	}
	expected := providertest.Money(f, "120.50 KGS")
	f.Fuzz(func(t *testing.T, body []byte, bound string, qr bool) {
		if bound != "" && !orderNumber(bound) {
			return // only what an answer told is bound
		}
		q := providers.Query{Reference: payment.Reference{orderKey: "ORDER-1001"}, Expected: expected, Bound: bound}
		var obs payment.Observation
		var err error
		if qr {
			obs, err = decodeQR(body, true)
		} else {
			obs, err = decodeCard(body, q)
		}
		providertest.CheckOutcome(t, mappingVersion, obs, err)
		if obs.Status.Paid() && !obs.AmountUnverified && (!obs.Amount.Known() || !obs.Captured.Known()) {
			t.Errorf("status %s without money: %+v", obs.Status, obs)
		}
		if q.Bound != "" && obs.ProviderReference != q.Bound && obs.ProviderReference != "" {
			t.Errorf("bound to %q, answered for %q", q.Bound, obs.ProviderReference)
		}
	})
}
