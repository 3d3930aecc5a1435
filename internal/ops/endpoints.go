package ops

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"reconciler/internal/notify"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/payment"
	"reconciler/internal/secret"
)

// DefaultOverlap is how long a rotated secret signs beside the new one: a day
// lets a merchant change it in working hours.
const DefaultOverlap = 24 * time.Hour

// longestOverlap bounds an overlap: a secret that is to go has to go.
const longestOverlap = 30 * 24 * time.Hour

// Options are what NewEndpoints needs.
type Options struct {
	Store *endpoint.Store
	// Configured are the endpoints of the configuration.
	Configured []notify.Endpoint
	// AllowHTTP permits plain http URLs.
	AllowHTTP bool
	// Sender sends tests; nil: Test can't be used.
	Sender *webhook.Sender
	// Random is a cryptographic source, such as crypto/rand.Reader.
	Random io.Reader
}

// Endpoints is the operations on merchants' endpoints.
type Endpoints struct{ o Options }

// NewEndpoints makes the operations. It asks nobody.
func NewEndpoints(o Options) *Endpoints { return &Endpoints{o} }

// Wish is an endpoint to be made. What is left out has the default that
// notify.Endpoint names.
type Wish struct {
	Merchant, ID, URL string
	Events            []string
	// Signing says which secrets are made; empty: v1.
	Signing endpoint.Signing
	Headers []webhook.Header
	// Client is shown to a receiver that asks who calls; CAs are authorities in PEM
	// that its own certificate may be of. Both may be left out.
	Client      webhook.ClientCertificate
	CAs         secret.Text
	Rate        float64
	Concurrency int
	Schedule    []time.Duration
	Format      notify.Format
}

// NewSecret is a secret that was made just now.
type NewSecret struct {
	ID     string
	Scheme webhook.Scheme
	// Text is the "whsec_..." secret for the receiver, which nobody can show again.
	// Scheme v1a has none: its secret key is ours alone.
	Text secret.Text
	// Public is the "whpk_..." key for the receiver, of scheme v1a.
	Public string
}

// fresh are new secrets of an endpoint, sealed and for showing.
type fresh struct {
	sealed []endpoint.Sealed
	shown  []NewSecret
	texts  []secret.Text
}

// Add makes an endpoint, switched on, and its secrets. The errors are
// *FaultsError, endpoint.ErrNoKeys, endpoint.ErrNewer and the broker's.
func (e *Endpoints) Add(ctx context.Context, w Wish) ([]NewSecret, error) {
	sealer, err := e.o.Store.Sealer()
	if err != nil {
		return nil, err
	}
	if w.Signing == "" {
		w.Signing = endpoint.SigningV1
	}
	made, err := e.secrets(sealer, name{w.Merchant, w.ID}, w.Signing)
	if err != nil {
		return nil, err
	}
	if faults := e.check(w, made.texts); len(faults) > 0 {
		return nil, &FaultsError{faults}
	}
	now := time.Now().UTC()
	record := endpoint.Record{
		ID: w.ID, URL: w.URL, Events: w.Events, Signing: w.Signing, Secrets: made.sealed, Rate: w.Rate,
		Concurrency: w.Concurrency, Schedule: w.Schedule, Format: w.Format, CAs: w.CAs.Reveal(),
		CreatedAt: now, UpdatedAt: now,
	}
	for _, h := range w.Headers {
		sealed, err := sealer.SealHeader(w.Merchant, w.ID, h)
		if err != nil {
			return nil, fmt.Errorf("add the endpoint: %w", err)
		}
		record.Headers = append(record.Headers, sealed)
	}
	if err := identify(sealer, name{w.Merchant, w.ID}, &record, w.Client); err != nil {
		return nil, fmt.Errorf("add the endpoint: %w", err)
	}
	// The state of an endpoint of that id that was removed, had its end come in
	// between, must not switch this one off.
	if err := e.begin(ctx, w); err != nil {
		return nil, err
	}
	err = e.o.Store.Change(ctx, w.Merchant, func(d *endpoint.Document) error {
		if d.Find(w.ID) >= 0 {
			return errTaken()
		}
		d.Endpoints = append(d.Endpoints, record)
		return nil
	})
	if err != nil {
		return nil, wrap("add the endpoint", err)
	}
	return made.shown, nil
}

func errTaken() error {
	return &FaultsError{[]payment.FieldError{{Field: "id", Problem: "is that of another endpoint of this merchant; choose another, or remove that one first"}}}
}

// begin forgets what is known of an earlier endpoint of that id.
func (e *Endpoints) begin(ctx context.Context, w Wish) error {
	records, err := e.o.Store.Read(ctx, w.Merchant)
	if err != nil {
		return wrap("add the endpoint", err)
	}
	d := endpoint.Document{Endpoints: records}
	if d.Find(w.ID) >= 0 {
		return errTaken()
	}
	is, err := e.o.Store.State(ctx, w.Merchant, w.ID)
	if err != nil || is.ChangedAt.IsZero() {
		return wrap("add the endpoint", err)
	}
	return wrap("add the endpoint", e.o.Store.Forget(ctx, w.Merchant, w.ID))
}

// check finds every fault of a wish.
func (e *Endpoints) check(w Wish, secrets []secret.Text) []payment.FieldError {
	made := notify.Endpoint{
		ID: w.ID, Merchant: w.Merchant, URL: w.URL, AllowHTTP: e.o.AllowHTTP, Events: w.Events, Secrets: secrets,
		Headers: w.Headers, Client: w.Client, CAs: w.CAs, Rate: w.Rate, Concurrency: w.Concurrency, Schedule: w.Schedule, Format: w.Format,
	}
	var faults []payment.FieldError
	for _, f := range append(made.Check(), made.CheckValidity(time.Now())...) {
		if f.Field != "secrets" || len(w.Signing.Schemes()) > 0 { // without a scheme there are none, which is said below
			faults = append(faults, f)
		}
	}
	if len(w.Signing.Schemes()) == 0 {
		faults = append(faults, payment.FieldError{Field: "signing", Problem: "must be v1, v1a or both"})
	}
	if _, ok := e.configured(name{w.Merchant, w.ID}); ok {
		faults = append(faults, payment.FieldError{Field: "id", Problem: "is that of an endpoint of the configuration (endpoints), which would win; choose another"})
	}
	return faults
}

// name names an endpoint.
type name struct{ merchant, id string }

// secrets makes a new secret for each scheme.
func (e *Endpoints) secrets(sealer *endpoint.Sealer, of name, signing endpoint.Signing) (fresh, error) {
	var made fresh
	for _, scheme := range signing.Schemes() {
		var raw [6]byte
		if _, err := io.ReadFull(e.o.Random, raw[:]); err != nil {
			return fresh{}, fmt.Errorf("make a secret: %w", err)
		}
		id := hex.EncodeToString(raw[:])
		text, err := webhook.NewSecret(e.o.Random)
		if scheme == webhook.SchemeV1a {
			text, _, err = webhook.NewKeyPair(e.o.Random)
		}
		if err != nil {
			return fresh{}, err
		}
		sealed, err := sealer.SealSecret(of.merchant, of.id, id, text)
		if err != nil {
			return fresh{}, err
		}
		sealed.CreatedAt = time.Now().UTC()
		shown := NewSecret{ID: id, Scheme: scheme, Public: sealed.Public}
		if scheme == webhook.SchemeV1 {
			shown.Text = text
		}
		made.sealed, made.shown, made.texts = append(made.sealed, sealed), append(made.shown, shown), append(made.texts, text)
	}
	return made, nil
}

func (e *Endpoints) configured(of name) (notify.Endpoint, bool) {
	for _, c := range e.o.Configured {
		if c.Merchant == of.merchant && c.ID == of.id {
			return c, true
		}
	}
	return notify.Endpoint{}, false
}

// wrap says what was tried, but leaves refusals as they are: they say it all.
func wrap(what string, err error) error {
	var faults *FaultsError
	if err == nil || errors.As(err, &faults) || errors.Is(err, ErrNoEndpoint) {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}
