package uapay

import (
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/secret"
)

// FuzzDecode reads any answer, as it is and signed, to any of the three
// methods: never a panic, always an observation that makes sense or an *Error.
func FuzzDecode(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add(g.Body, 200, "authorized", testPayment)
	}
	f.Add([]byte(`{"status":1,"data":{"token":"`+vectorReply+`"}}`), 200, "pending", "")
	f.Add([]byte(`<html>`), 502, "", "")
	f.Fuzz(func(t *testing.T, body []byte, status int, last, bound string) {
		q := byPayment()
		q.Last, q.Bound = payment.Status(last), bound
		for _, signed := range []bool{true, false} {
			r := reader{key: secret.New(testKey), requireSigned: signed}
			for _, m := range []method{checkStatus, invoicesShow} {
				for _, text := range []string{string(body), wrapped(t, string(body))} {
					got, err := r.observe(m, providers.Answer{Status: status, Body: []byte(text)}, q)
					providertest.CheckOutcome(t, mappingVersion, got, err)
				}
			}
			if _, err := r.session(providers.Answer{Status: status, Body: body}); err != nil {
				providertest.CheckOutcome(t, mappingVersion, payment.Observation{}, err)
			}
		}
	})
}
