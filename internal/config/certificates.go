package config

import (
	"errors"
	"slices"
	"time"

	"reconciler/internal/notify"
	"reconciler/internal/notify/webhook"
)

// soon is how long before the end of a client certificate somebody is told: time
// for a merchant to be asked, and to answer.
const soon = 14 * 24 * time.Hour

// Certificate is a client certificate of an endpoint that is not valid, or not for
// much longer. It is that endpoint's trouble alone: a worker warns of it and runs.
type Certificate struct {
	// Fault is where it stands and what is wrong with it.
	Fault
	// Merchant and Endpoint name the endpoint.
	Merchant, Endpoint string
	// At is when it expired, expires or, with Early, begins to be valid.
	At    time.Time
	Early bool
	// Valid: it still is, but expires within 14 days. Without it a receiver that
	// asks for a certificate refuses every attempt.
	Valid bool
}

// Certificates are those that somebody should replace, in the order of the file.
func (c *Config) Certificates() []Certificate { return slices.Clone(c.certificates) }

// checkValidity notes the endpoint's client certificate if it is not valid for the
// time to come. What can't be read is a fault, and said elsewhere.
func (c *Config) checkValidity(d *decoder, path string, e notify.Endpoint) {
	facts, err := e.Client.Facts()
	if err != nil {
		return
	}
	now := time.Now()
	found := Certificate{Merchant: e.Merchant, Endpoint: e.ID, At: facts.NotAfter}
	var invalid *webhook.ValidityError
	switch {
	case errors.As(facts.Check(now), &invalid):
		found.At, found.Early = invalid.At, invalid.Early
		found.Found, found.Wanted = phrase(invalid.Error(), true)
	case now.After(facts.NotAfter.Add(-soon)):
		found.Valid = true
		found.Found, found.Wanted = "a value that expires at "+facts.NotAfter.UTC().Format(time.RFC3339), "its successor before that"
	default:
		return
	}
	found.Field = join(path, "certificate_file")
	where := d.nearest(found.Field)
	found.Line, found.Column = where.line, where.column
	c.certificates = append(c.certificates, found)
}

// unusable are the certificates that are not valid, as faults of the file.
func (c *Config) unusable() []Fault {
	var faults []Fault
	for _, found := range c.certificates {
		if !found.Valid {
			faults = append(faults, found.Fault)
		}
	}
	return faults
}
