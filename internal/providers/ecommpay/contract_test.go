package ecommpay

import (
	"net/http"
	"strconv"
	"testing"

	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/sandbox"
	"reconciler/internal/secret"
)

func TestAdapter_KeepsTheContract(t *testing.T) {
	providertest.Exercise(t, providertest.Subject{
		Provider: sandbox.Ecommpay,
		New: func(s map[string]string, transport http.RoundTripper) (providers.Provider, error) {
			project, err := strconv.ParseInt(s["project_id"], 10, 64)
			if err != nil {
				return nil, err
			}
			return New(Config{BaseURL: s["base_url"], ProjectID: project, Secret: secret.New(s["secret"])}, transport)
		},
		Wrong: map[string]string{
			"project_id": "4712", "secret": "secret-of-others",
		},
	})
}
