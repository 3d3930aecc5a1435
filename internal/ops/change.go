package ops

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"reconciler/internal/notify"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/payment"
)

// Rotate makes new secrets by the endpoint's scheme. Those there are sign beside
// them until overlap has passed, and no longer than they would have; with 0 they
// end at once, and what the receiver has not learned by then fails there.
func (e *Endpoints) Rotate(ctx context.Context, merchant, id string, overlap time.Duration) ([]NewSecret, error) {
	of := name{merchant, id}
	if overlap < 0 || overlap > longestOverlap {
		return nil, &FaultsError{[]payment.FieldError{{Field: "overlap", Problem: "must be 0s to 720h"}}}
	}
	record, err := e.record(ctx, of)
	if err != nil {
		return nil, wrap("rotate the secrets", err)
	}
	sealer, err := e.o.Store.Sealer()
	if err != nil {
		return nil, err
	}
	made, err := e.secrets(sealer, of, record.Signing)
	if err != nil {
		return nil, fmt.Errorf("rotate the secrets: %w", err)
	}
	now := time.Now().UTC()
	err = e.o.Store.Change(ctx, merchant, func(d *endpoint.Document) error {
		i := d.Find(id)
		if i < 0 {
			return ErrNoEndpoint
		}
		r := &d.Endpoints[i]
		r.Secrets = append(append([]endpoint.Sealed(nil), made.sealed...), ending(r.InForce(now), now, overlap)...)
		r.UpdatedAt = now
		if len(r.Secrets) > notify.MaxSecrets {
			return &FaultsError{[]payment.FieldError{{Field: "overlap", Problem: tooMany(r.Secrets)}}}
		}
		return reseal(sealer, of, r)
	})
	if err != nil {
		return nil, wrap("rotate the secrets", err)
	}
	return made.shown, nil
}

// ending are the secrets that are left of old ones, with their ends.
func ending(old []endpoint.Sealed, now time.Time, overlap time.Duration) []endpoint.Sealed {
	if overlap == 0 {
		return nil
	}
	end := now.Add(overlap)
	for i, s := range old {
		if s.ExpiresAt.IsZero() || s.ExpiresAt.After(end) {
			old[i].ExpiresAt = end
		}
	}
	return old
}

func tooMany(secrets []endpoint.Sealed) string {
	var first time.Time
	for _, s := range secrets {
		if !s.ExpiresAt.IsZero() && (first.IsZero() || s.ExpiresAt.Before(first)) {
			first = s.ExpiresAt
		}
	}
	return "leaves more than " + strconv.Itoa(notify.MaxSecrets) + " secrets in force; wait until the first one ends, at " +
		first.Format(time.RFC3339) + ", or take 0s to end all old ones at once"
}

// reseal seals with the newest key what an older one sealed, so that it can go.
func reseal(sealer *endpoint.Sealer, of name, r *endpoint.Record) error {
	for i, h := range r.Headers {
		if sealer.Current(h.Text) {
			continue
		}
		value, err := sealer.OpenHeader(of.merchant, of.id, h)
		if err != nil {
			return fmt.Errorf("seal header %d anew: %w", i+1, err)
		}
		if r.Headers[i], err = sealer.SealHeader(of.merchant, of.id, webhook.Header{Name: h.Name, Value: value}); err != nil {
			return err
		}
	}
	if r.Client == nil || sealer.Current(r.Client.Key) {
		return nil
	}
	client, err := sealer.OpenClient(of.merchant, of.id, *r.Client)
	if err != nil {
		return fmt.Errorf("seal the client certificate's key anew: %w", err)
	}
	return identify(sealer, of, r, client)
}

// Switch enables, disables, pauses or resumes an endpoint, of the configuration
// too. changed is false where it stood so already.
func (e *Endpoints) Switch(ctx context.Context, merchant, id string, v endpoint.Verb) (changed bool, err error) {
	of := name{merchant, id}
	configured, ok := e.configured(of)
	if !ok {
		if _, err := e.record(ctx, of); err != nil {
			return false, wrap(string(v)+" the endpoint", err)
		}
	}
	if configured.Disabled && (v == endpoint.Enable || v == endpoint.Resume) {
		return false, ErrOffInConfiguration
	}
	_, changed, err = e.o.Store.Do(ctx, merchant, id, v)
	return changed, wrap(string(v)+" the endpoint", err)
}

// Remove takes an endpoint away for good, with its secrets and its state. What
// is under way to it is kept as skipped.
func (e *Endpoints) Remove(ctx context.Context, merchant, id string) error {
	if _, ok := e.configured(name{merchant, id}); ok {
		// Both may have the id: then it is the store's that goes.
		if records, err := e.o.Store.Read(ctx, merchant); err != nil || (&endpoint.Document{Endpoints: records}).Find(id) < 0 {
			return wrap("remove the endpoint", orElse(err, ErrConfigured))
		}
	}
	err := e.o.Store.Change(ctx, merchant, func(d *endpoint.Document) error {
		i := d.Find(id)
		if i < 0 {
			return ErrNoEndpoint
		}
		d.Endpoints = append(append([]endpoint.Record(nil), d.Endpoints[:i]...), d.Endpoints[i+1:]...)
		return nil
	})
	if err != nil {
		return wrap("remove the endpoint", err)
	}
	if _, ok := e.configured(name{merchant, id}); ok {
		return nil // the state is the other one's
	}
	return wrap("remove the endpoint", e.o.Store.Forget(ctx, merchant, id))
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// record reads an endpoint made at run time. The errors are ErrNoEndpoint,
// ErrConfigured and the store's.
func (e *Endpoints) record(ctx context.Context, of name) (endpoint.Record, error) {
	if _, ok := e.configured(of); ok {
		return endpoint.Record{}, ErrConfigured
	}
	records, err := e.o.Store.Read(ctx, of.merchant)
	if err != nil {
		return endpoint.Record{}, err
	}
	d := endpoint.Document{Endpoints: records}
	i := d.Find(of.id)
	if i < 0 {
		return endpoint.Record{}, ErrNoEndpoint
	}
	return records[i], nil
}
