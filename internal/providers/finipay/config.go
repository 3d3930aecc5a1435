package finipay

import (
	"net/http"
	"strings"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/secret"
)

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
}

// Defaults gives c with the documented value in every empty field that has one.
func (c Config) Defaults() Config {
	if c.StatusMethod == "" {
		c.StatusMethod = http.MethodGet
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
	return faults
}
