package notify

import (
	"slices"
	"strings"
	"time"

	"reconciler/internal/notify/webhook"
	"reconciler/internal/secret"
)

// DefaultConcurrency is how many attempts one endpoint gets at a time where its
// owner says nothing: enough for 80 events a second at 200 ms an answer, and
// not more than a small server takes.
const DefaultConcurrency = 16

// Endpoint is a place where one merchant is told of its payments.
type Endpoint struct {
	// ID names the endpoint among its merchant's: 1 to 64 of A-Z a-z 0-9 _ -.
	ID string
	// Merchant is the merchant's id as payments carry it: see payment.CheckID.
	Merchant string
	// URL takes the POST requests: absolute, https, without user and password.
	URL string
	// AllowHTTP permits a plain http URL. Whoever is on the way reads the events
	// then; the signature still shows what was changed.
	AllowHTTP bool
	// Events are the wanted types: "payment.succeeded", or "payment.*" for all
	// of them. Empty: all.
	Events []string
	// Secrets are "whsec_..." secrets (scheme v1) and "whsk_..." secret keys (v1a),
	// newest first. Each signs, so that a receiver may hold any of them while one
	// is being replaced.
	Secrets []secret.Text
	// Signer has the Secrets read already. nil: whoever sends reads them.
	Signer *webhook.Signer
	// Headers are the owner's own, sent with each webhook; see webhook.CheckHeaders.
	Headers []webhook.Header
	// Client is who we are to a receiver that asks for a certificate (mTLS). Zero:
	// nobody, and such a receiver takes nothing.
	Client webhook.ClientCertificate
	// CAs are authorities in PEM that the receiver's certificate may be of, on top of
	// the public ones. Zero: those only.
	CAs secret.Text
	// Schedule is the delays before attempt 1, 2, 3 ... of a webhook. Empty: the
	// schedule of all endpoints.
	Schedule []time.Duration
	// Format is how much an event tells. Empty: FormatFull.
	Format Format
	// Concurrency is how many attempts may be in flight at a time. 0:
	// DefaultConcurrency. Too high and a burst overruns the receiver.
	Concurrency int
	// Rate is how many attempts a second are made at most. 0: no limit. Below
	// the merchant's rate of events, deliveries fall ever further behind.
	Rate float64
	// Disabled endpoints are told nothing; what they would have been told is kept
	// as skipped.
	Disabled bool
}

// WithDefaults fills in what may be left out.
func (e Endpoint) WithDefaults() Endpoint {
	if e.Concurrency == 0 {
		e.Concurrency = DefaultConcurrency
	}
	return e
}

// PoolOptions say how the endpoint is reached. Where they are not Equal any more it
// needs another pool.
func (e Endpoint) PoolOptions() webhook.PoolOptions {
	return webhook.PoolOptions{Concurrency: e.Concurrency, CAs: e.CAs, Client: e.Client}
}

// Interested reports whether events of that type are for e, by its filter. A
// disabled endpoint stays interested: what it misses is kept for it.
func Interested(e Endpoint, eventType string) bool {
	return len(e.Events) == 0 || slices.ContainsFunc(e.Events, func(pattern string) bool { return matches(pattern, eventType) })
}

// matches compares a whole type, or a family by its "family.*".
func matches(pattern, eventType string) bool {
	if family, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasSuffix(family, ".") && strings.HasPrefix(eventType, family)
	}
	return pattern == eventType
}
