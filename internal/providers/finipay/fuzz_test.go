package finipay

import (
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
)

func FuzzDecodeStatus(f *testing.F) {
	for _, g := range goldens(f) {
		if g.Want.Reference[kindKey] != kindQR {
			f.Add(g.Body, g.Want.Bound, wallet(g.Want.Reference))
		}
	}
	expected := providertest.Money(f, "120.50 KGS")
	f.Fuzz(func(t *testing.T, body []byte, bound string, ofWallet bool) {
		if bound != "" && !orderNumber(bound) {
			return // only what an answer told is bound
		}
		q := providers.Query{Reference: payment.Reference{orderKey: "ORDER-1001"}, Expected: expected, Bound: bound}
		if ofWallet {
			q.Reference[kindKey] = kindMegapay
		}
		obs, err := decodeStatus(body, q, ofWallet)
		providertest.CheckOutcome(t, mappingVersion, obs, err)
		if obs.Status.Paid() && (!obs.Amount.Known() || !obs.Captured.Known()) {
			t.Errorf("status %s without money: %+v", obs.Status, obs)
		}
		if q.Bound != "" && obs.ProviderReference != q.Bound && obs.ProviderReference != "" {
			t.Errorf("bound to %q, answered for %q", q.Bound, obs.ProviderReference)
		}
		if obs.AmountUnverified {
			t.Error("only a QR does without an amount")
		}
	})
}

func FuzzDecodeQR(f *testing.F) {
	for _, g := range goldens(f) {
		if g.Want.Reference[kindKey] == kindQR {
			f.Add(g.Body, g.Case.AmountUnverified)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, unverified bool) {
		obs, err := decodeQR(body, unverified)
		providertest.CheckOutcome(t, mappingVersion, obs, err)
		if obs.Amount.Known() || obs.Captured.Known() || obs.ProviderReference != "" {
			t.Errorf("a QR's answer holds no amount and no number: %+v", obs)
		}
		if err == nil && obs.AmountUnverified != unverified {
			t.Errorf("amount unverified is %t, the account says %t", obs.AmountUnverified, unverified)
		}
	})
}

func FuzzJudge(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add(max(g.Want.HTTP, 200), g.Body, true)
	}
	for _, status := range []int{400, 401, 404, 405, 411, 415, 422, 429, 500} {
		f.Add(status, []byte(`{"errorCode":"5"}`), false)
	}
	f.Fuzz(func(t *testing.T, status int, body []byte, get bool) {
		if status < 200 || status > 999 {
			return // net/http gives no such answer
		}
		method := ""
		if get {
			method = "GET"
		}
		err := judge(providers.Answer{Status: status, Body: body}, doingStatus, method)
		if answer := status < 300; answer != (err == nil) {
			t.Fatalf("HTTP %d: error %v", status, err)
		}
		if err != nil {
			providertest.CheckOutcome(t, mappingVersion, payment.Observation{}, err)
		}
	})
}
