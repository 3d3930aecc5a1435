package uapay

import (
	"strings"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/secret"
)

// productionURL is the production address of the quick start page (753795086).
const productionURL = "https://api.uapay.ua/api"

// maxClientID bounds client_id; UAPAY's are UUIDs of 36 characters.
const maxClientID = 128

// Config is one UAPAY account.
type Config struct {
	// BaseURL is the address before the method, with "/api" at the end. Default:
	// https://api.uapay.ua/api; the test system is https://api.demo.uapay.ua/api.
	BaseURL string `yaml:"base_url"`
	// ClientID is the account's clientId from UAPAY's cabinet. A wrong one: no
	// session is given and the account's polls stop as misconfigured.
	ClientID string `yaml:"client_id"`
	// Secret is the account's signing key, the text exactly as the cabinet shows
	// it (it looks like base64 but is not decoded).
	Secret secret.Text `yaml:"secret"`
	// RequireSigned refuses answers and callbacks that are not wrapped in a signed
	// token. Default: true. Off, whoever can answer in UAPAY's place can invent payments.
	RequireSigned *bool `yaml:"require_signed"`
}

// Defaults fills in what is not set.
func (c Config) Defaults() Config {
	if c.BaseURL == "" {
		c.BaseURL = productionURL
	}
	if c.RequireSigned == nil {
		on := true
		c.RequireSigned = &on
	}
	return c
}

// Check returns every fault at once, with the fields' names as in YAML; none: nil.
func (c Config) Check() []payment.FieldError {
	var faults providers.Faults
	faults.Add("base_url", providers.URLProblem(c.BaseURL))
	switch {
	case c.ClientID == "":
		faults.Add("client_id", "is empty; wanted the clientId of UAPAY's cabinet")
	case len(c.ClientID) > maxClientID || !providers.Printable(c.ClientID) || strings.Contains(c.ClientID, " "):
		faults.Add("client_id", "is no clientId; wanted 1 to 128 printable ASCII characters without spaces")
	}
	faults.Add("secret", providers.KeyProblem(c.Secret, "the secret key of UAPAY's cabinet", "the key exactly as in UAPAY's cabinet"))
	return faults
}
