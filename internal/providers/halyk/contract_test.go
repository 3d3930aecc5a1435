package halyk

import (
	"net/http"
	"testing"

	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/sandbox"
	"reconciler/internal/secret"
)

func TestAdapter_KeepsTheContract(t *testing.T) {
	providertest.Exercise(t, providertest.Subject{
		Provider: sandbox.Halyk,
		New: func(s map[string]string, transport http.RoundTripper) (providers.Provider, error) {
			return New(Config{
				APIURL: s["api_url"], TokenURL: s["token_url"], ClientID: s["client_id"], ClientSecret: secret.New(s["client_secret"]), Terminal: s["terminal"],
			}, transport)
		},
		Wrong: map[string]string{
			"client_id": "client-of-others", "client_secret": "client-secret-of-others", "terminal": "99999999-2222-4333-8444-555555555555",
		},
	})
}
