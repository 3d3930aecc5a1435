package finipay

import (
	"net/http"
	"strings"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/secret"
)

// noCode is NotFoundCode where finipay has told none.
const noCode = "none"

// Config is one finipay account.
type Config struct {
	// BaseURL is what the administrator gave out, without the API's path:
	// https://{url}.finipay.kg. Required.
	BaseURL string `yaml:"base_url"`
	// Login is the name of HTTP Basic. Required, without a colon. It is no
	// secret, but it is not logged either.
	Login string `yaml:"login"`
	// Password is the password of HTTP Basic. Required.
	Password secret.Text `yaml:"password"`
	// StatusMethod is how the status of a card is asked: "GET" (default) or
	// "POST"; the document says both. With the wrong one every poll is refused.
	StatusMethod string `yaml:"status_method"`
	// AmountUnverified allows a QR to succeed although finipay's answer names
	// no amount to compare. Default false: such a success goes to review.
	AmountUnverified bool `yaml:"amount_unverified"`
	// WalletConfirmed is what CONFIRMED of a wallet means: "processing" (default)
	// or "succeeded". No page says whether it is the end.
	WalletConfirmed string `yaml:"wallet_confirmed"`
	// NotFoundCode is the envelope's code that finipay has shown, or told you, to
	// mean that it does not know an order; no page names one. Default "none":
	// an answer without data changes nothing and is reported.
	NotFoundCode string `yaml:"not_found_code"`
}

// Defaults gives c with the documented value in every empty field that has one.
func (c Config) Defaults() Config {
	if c.StatusMethod == "" {
		c.StatusMethod = http.MethodGet
	}
	if c.WalletConfirmed == "" {
		c.WalletConfirmed = string(payment.Processing)
	}
	if c.NotFoundCode == "" {
		c.NotFoundCode = noCode
	}
	return c
}

// Check lists everything that is wrong with c, all at once; nil if nothing is.
// Call it on what Defaults gave.
func (c Config) Check() []payment.FieldError {
	var faults providers.Faults
	faults.Add("base_url", providers.URLProblem(c.BaseURL))
	switch {
	case c.Login == "":
		faults.Add("login", "is missing; wanted the login from finipay's administrator")
	case strings.Contains(c.Login, ":"):
		// RFC 7617 section 2: the first colon would end the user-id.
		faults.Add("login", "holds a colon, which HTTP Basic does not allow")
	case !providers.Printable(c.Login):
		faults.Add("login", "holds a character outside printable ASCII")
	}
	if c.Password.IsZero() {
		faults.Add("password", "is missing; wanted the password from finipay's administrator")
	}
	if c.StatusMethod != http.MethodGet && c.StatusMethod != http.MethodPost {
		faults.Add("status_method", "is neither GET nor POST")
	}
	if c.WalletConfirmed != string(payment.Processing) && c.WalletConfirmed != string(payment.Succeeded) {
		faults.Add("wallet_confirmed", "is neither processing nor succeeded")
	}
	if rules.Knows(fieldCode, c.NotFoundCode) {
		faults.Add("not_found_code", "is a code that finipay's pages show with another meaning")
	}
	return faults
}
