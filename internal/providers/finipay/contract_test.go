package finipay

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
		Provider: sandbox.Finipay,
		New: func(s map[string]string, transport http.RoundTripper) (providers.Provider, error) {
			return New(Config{BaseURL: s["base_url"], Login: s["login"], Password: secret.New(s["password"])}, transport)
		},
		Wrong: map[string]string{
			"login": "sandbox-login-of-others", "password": "sandbox-password-of-others",
		},
	})
}
