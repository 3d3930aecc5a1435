package ops

import (
	"context"
	"fmt"
	"time"

	"reconciler/internal/notify"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/payment"
	"reconciler/internal/secret"
)

// Change is what Set changes of an endpoint; what is nil stays as it is.
type Change struct {
	// Client replaces the client certificate; the zero value takes it away.
	Client *webhook.ClientCertificate
	// CAs replace the endpoint's own authorities; the zero value takes them away.
	CAs *secret.Text
}

// Set changes an endpoint that was made at run time. Attempts under way end with
// what they began with; each one after that begins with the new settings, on
// connections of its own. The errors are those of Add, ErrNoEndpoint and ErrConfigured.
func (e *Endpoints) Set(ctx context.Context, merchant, id string, c Change) error {
	const what = "change the endpoint"
	of := name{merchant, id}
	if c.Client == nil && c.CAs == nil {
		return &FaultsError{[]payment.FieldError{{Field: "change", Problem: "is missing; wanted a certificate_file, a ca_file, or that one is taken away"}}}
	}
	if _, err := e.record(ctx, of); err != nil {
		return wrap(what, err)
	}
	sealer, err := e.o.Store.Sealer()
	if err != nil {
		return err
	}
	err = e.o.Store.Change(ctx, merchant, func(d *endpoint.Document) error {
		i := d.Find(id)
		if i < 0 {
			return ErrNoEndpoint
		}
		return e.set(sealer, of, &d.Endpoints[i], c)
	})
	return wrap(what, err)
}

// set changes a record, or gives its faults.
func (e *Endpoints) set(sealer *endpoint.Sealer, of name, r *endpoint.Record, c Change) error {
	now := time.Now().UTC()
	changed := *r
	changed.UpdatedAt = now
	if c.CAs != nil {
		changed.CAs = c.CAs.Reveal()
	}
	if c.Client != nil {
		if err := identify(sealer, of, &changed, *c.Client); err != nil {
			return err
		}
	}
	if faults := e.certificateFaults(changed, c, now); len(faults) > 0 {
		return &FaultsError{faults}
	}
	*r = changed
	return nil
}

// certificateFaults are those of the fields that Set can change: another fault of
// the endpoint is none of this change.
func (e *Endpoints) certificateFaults(r endpoint.Record, c Change, now time.Time) []payment.FieldError {
	given := notify.Endpoint{URL: r.URL, AllowHTTP: e.o.AllowHTTP}
	if c.Client != nil {
		given.Client = *c.Client
	}
	if c.CAs != nil {
		given.CAs = *c.CAs
	}
	var faults []payment.FieldError
	for _, f := range append(given.Check(), given.CheckValidity(now)...) {
		switch f.Field {
		case "certificate_file", "key_file", "ca_file":
			faults = append(faults, f)
		}
	}
	return faults
}

// identify puts a client certificate, its key sealed, into a record; the zero
// value takes it out.
func identify(sealer *endpoint.Sealer, of name, r *endpoint.Record, c webhook.ClientCertificate) error {
	if c.IsZero() {
		r.Client = nil
		return nil
	}
	sealed, err := sealer.SealClient(of.merchant, of.id, c)
	if err != nil {
		return fmt.Errorf("seal the client certificate's key: %w", err)
	}
	r.Client = &sealed
	return nil
}
