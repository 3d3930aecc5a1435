package uapay

import (
	"net/http"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/sandbox"
	"reconciler/internal/secret"
)

func TestAdapter_KeepsTheContract(t *testing.T) {
	providertest.Exercise(t, providertest.Subject{
		Provider: sandbox.Uapay,
		New: func(s map[string]string, transport http.RoundTripper) (providers.Provider, error) {
			return New(Config{BaseURL: s["base_url"], ClientID: s["client_id"], Secret: secret.New(s["secret"])}, transport)
		},
		Wrong: map[string]string{
			"client_id": "99999999-3f40-4512-8697-a8b9cadbecfd", "secret": "c2VjcmV0LW9mLW90aGVycw==",
		},
		// CANCELED beside PAID tells a hold that was released from a payment
		// that never held any money.
		Means: map[sandbox.Word]payment.Status{sandbox.HoldReleased: payment.Voided},
	})
}
