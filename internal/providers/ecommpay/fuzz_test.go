package ecommpay

import (
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/secret"
)

// FuzzDecode reads any answer, as it comes and as if its signature held: never
// a panic, always an observation that makes sense or an *Error.
func FuzzDecode(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add(g.Body, 200, g.Want.Reference[keyPayment], g.Want.Reference[keyRequest], g.Want.Bound)
	}
	f.Add([]byte(`{"status":"error","code":"3261"}`), 400, "a", "", "")
	f.Add([]byte(`<html>`), 502, "a", "", "")
	f.Fuzz(func(t *testing.T, body []byte, status int, id, request, bound string) {
		q := byPayment(id)
		if id == "" {
			q.Reference = payment.Reference{"request_id": request}
		}
		q.Bound = bound
		r := reader{config: Config{ProjectID: testProject, Secret: secret.New(testKey), TwoStage: true}}
		got, err := r.observe(questionOf(q), providers.Answer{Status: status, Body: body})
		providertest.CheckOutcome(t, mappingVersion, got, err)
		if answer, err := providers.ReadObject(body); err == nil {
			got, err := r.interpret(questionOf(q), answer)
			providertest.CheckOutcome(t, mappingVersion, got, err)
		}
	})
}
