package endpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"reconciler/internal/notify"
	"reconciler/internal/notify/webhook"
)

// documentSchema is the newest version of a merchant's value. Version 2 is what
// Document shows; version 1 had neither certificates nor authorities, and is still
// what is written where no endpoint has any, so that workers of that time go on
// reading it. A reader leaves a newer one alone: it neither changes it nor believes
// it, and goes on with what it knew of that merchant before.
const documentSchema = 2

// Document is all endpoints of one merchant that were made at run time: the
// value of a key.
type Document struct {
	Schema int `json:"schema"`
	// Merchant is whose they are. It must be the key's: a value that was copied to
	// another merchant's key is not believed.
	Merchant  string   `json:"merchant"`
	Endpoints []Record `json:"endpoints"`
}

// Record is one endpoint as it is kept. Secrets and the values of headers are
// sealed, so that nothing in it opens anything.
type Record struct {
	ID  string `json:"id"`
	URL string `json:"url"`
	// Events filters by type, as notify.Endpoint does; empty: all.
	Events  []string `json:"events,omitempty"`
	Signing Signing  `json:"signing"`
	// Secrets sign, newest first.
	Secrets []Sealed `json:"secrets"`
	// Headers are the merchant's own: their values may be keys of an API.
	Headers []SealedHeader `json:"headers,omitempty"`
	// Client is shown to receivers that ask who calls (mTLS); nil: nothing is.
	Client *SealedCertificate `json:"client,omitempty"`
	// CAs are authorities in PEM that the receiver's certificate may be of.
	CAs         string  `json:"cas,omitempty"`
	Rate        float64 `json:"rate,omitempty"`
	Concurrency int     `json:"concurrency,omitempty"`
	// Schedule is in nanoseconds; empty: that of all endpoints.
	Schedule  []time.Duration `json:"schedule,omitempty"`
	Format    notify.Format   `json:"format,omitempty"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
}

// Signing says by which schemes an endpoint's webhooks are signed: a closed set.
type Signing string

// The ways of signing.
const (
	SigningV1   Signing = "v1"
	SigningV1a  Signing = "v1a"
	SigningBoth Signing = "both"
)

// Schemes are those that s stands for; none: s is not one of the set.
func (s Signing) Schemes() []webhook.Scheme {
	switch s {
	case SigningV1:
		return []webhook.Scheme{webhook.SchemeV1}
	case SigningV1a:
		return []webhook.Scheme{webhook.SchemeV1a}
	case SigningBoth:
		return []webhook.Scheme{webhook.SchemeV1, webhook.SchemeV1a}
	}
	return nil
}

// Sealed is one secret as it is kept.
type Sealed struct {
	ID     string         `json:"id"`
	Scheme webhook.Scheme `json:"scheme"`
	// Text is what Sealer made of the secret.
	Text string `json:"text"`
	// Public is the "whpk_..." key of a v1a secret key: no secret.
	Public    string    `json:"public,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	// ExpiresAt is when it stops to sign; zero: not known yet.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// SealedHeader is a header whose value is sealed.
type SealedHeader struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// SealedCertificate is a client certificate whose key is sealed.
type SealedCertificate struct {
	// Chain is certificates in PEM, the own one first. It is no secret.
	Chain string `json:"chain"`
	// Key is what Sealer made of the own one's key in PEM.
	Key string `json:"key"`
}

// inForce reports whether the secret still signs.
func (s Sealed) inForce(now time.Time) bool { return s.ExpiresAt.IsZero() || now.Before(s.ExpiresAt) }

// InForce are the secrets that still sign, newest first.
func (r Record) InForce(now time.Time) []Sealed {
	var left []Sealed
	for _, s := range r.Secrets {
		if s.inForce(now) {
			left = append(left, s)
		}
	}
	return left
}

// Find gives an endpoint's place in the document; -1: it is not there.
func (d *Document) Find(id string) int {
	for i, r := range d.Endpoints {
		if r.ID == id {
			return i
		}
	}
	return -1
}

func (d Document) encode() ([]byte, error) {
	d.Schema = d.version()
	value, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode the endpoints of a merchant: %w", err)
	}
	return value, nil
}

// version is the oldest one that can hold the document.
func (d Document) version() int {
	for _, r := range d.Endpoints {
		if r.Client != nil || r.CAs != "" {
			return documentSchema
		}
	}
	return 1
}

var errNoDocument = errors.New("it is not what this program writes: write it anew, or purge the key")

// parseDocument reads the value of a merchant's key. The error is ErrNewer or
// says that it can't be believed; it repeats nothing.
func parseDocument(merchant string, value []byte) (Document, error) {
	var peek struct {
		Schema int `json:"schema"`
	}
	if _ = json.Unmarshal(value, &peek); peek.Schema > documentSchema {
		return Document{}, ErrNewer
	}
	var d Document
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.DisallowUnknownFields() // written back, what is not known would be lost
	if err := dec.Decode(&d); err != nil || d.Schema < 1 || d.Merchant != merchant {
		return Document{}, errNoDocument
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Document{}, errNoDocument
	}
	seen := map[string]bool{}
	for _, r := range d.Endpoints {
		if r.ID == "" || seen[r.ID] {
			return Document{}, errNoDocument
		}
		seen[r.ID] = true
	}
	return d, nil
}
