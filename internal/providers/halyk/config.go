package halyk

import (
	"strings"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/secret"
)

// documentedScope is the list of the status page's token request.
const documentedScope = "webapi usermanagement email_send verification statement statistics payment"

// Config is one terminal of one Halyk ePay client. A token belongs to both, so
// two terminals are two accounts.
type Config struct {
	// APIURL is the api's base, path included: https://epay-api.homebank.kz in
	// production. For tests the status page says https://testepay.homebank.kz/api
	// and newer pages https://test-epay-api.epayment.kz. Required; at another host
	// of the bank every answer is a login page, and the account's polls find the
	// provider unavailable.
	APIURL string `yaml:"api_url"`
	// TokenURL is the whole address of the token request:
	// https://epay-oauth.homebank.kz/oauth2/token in production. For tests the token
	// page says https://testoauth.homebank.kz/epay2/oauth2/token and newer pages
	// https://test-epay-oauth.epayment.kz/oauth2/token. Required; it has to be of
	// the same environment as api_url.
	TokenURL string `yaml:"token_url"`
	// ClientID and ClientSecret are issued at registration. Required.
	ClientID     string      `yaml:"client_id"`
	ClientSecret secret.Text `yaml:"client_secret"`
	// Terminal is the terminal's UUID from the cabinet, the one on which the
	// invoices are made: with another one every answer is code 109. Required.
	Terminal string `yaml:"terminal"`
	// Scope is what the token is asked for; default: the documented long list.
	Scope string `yaml:"scope"`
	// TwoStage says that the terminal holds first and charges later. Default
	// false; then a hold (AUTH) is told with a note that the terminal and this
	// setting disagree, because the cabinet can switch a terminal silently.
	TwoStage bool `yaml:"two_stage"`
}

// Defaults gives c with the documented value in every empty field that has one.
func (c Config) Defaults() Config {
	if c.Scope == "" {
		c.Scope = documentedScope
	}
	return c
}

// Check lists everything that is wrong with c, all at once; nil if nothing is.
// Call it on what Defaults gave.
func (c Config) Check() []payment.FieldError {
	var faults providers.Faults
	faults.Add("api_url", providers.URLProblem(c.APIURL))
	faults.Add("token_url", providers.URLProblem(c.TokenURL))
	faults.Add("client_id", wordProblem(c.ClientID, "the client's id from the registration"))
	if c.ClientSecret.IsZero() {
		faults.Add("client_secret", "is missing; wanted the access key from the cabinet")
	}
	faults.Add("terminal", wordProblem(c.Terminal, "the terminal's UUID from the cabinet"))
	if c.Scope == "" {
		faults.Add("scope", "is missing; wanted a list such as "+documentedScope)
	}
	return faults
}

// wordProblem says what is wrong with an identifier that has no documented form.
func wordProblem(value, wanted string) string {
	switch {
	case value == "":
		return "is missing; wanted " + wanted
	case strings.IndexFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0:
		return "holds a space or a character outside ASCII; wanted " + wanted
	}
	return ""
}
