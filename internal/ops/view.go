package ops

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"reconciler/internal/notify"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/secret"
)

// Where an endpoint stands.
const (
	InConfiguration = "configuration"
	InStore         = "store"
)

// View is an endpoint as it may be shown: it holds no secret.
type View struct {
	Merchant string `json:"merchant"`
	ID       string `json:"id"`
	// Source is InConfiguration or InStore.
	Source string `json:"source"`
	// URL is without its query, which may hold a token.
	URL     string           `json:"url"`
	Events  []string         `json:"events,omitempty"`
	Signing endpoint.Signing `json:"signing,omitempty"`
	Secrets []SecretView     `json:"secrets,omitempty"`
	Headers []string         `json:"headers,omitempty"`
	// Client is what is shown to a receiver that asks who calls.
	Client *CertificateView `json:"client_certificate,omitempty"`
	// CAs is how many authorities of its own the endpoint's certificate may be of.
	CAs         int           `json:"authorities,omitempty"`
	Rate        float64       `json:"rate,omitempty"`
	Concurrency int           `json:"concurrency"`
	Schedule    []string      `json:"schedule,omitempty"`
	Format      notify.Format `json:"format"`
	// Status, Since and Reason say whether it is told anything; Reason is
	// "configuration" where it is disabled there.
	Status       endpoint.Status `json:"status"`
	Since        *time.Time      `json:"since,omitempty"`
	Reason       string          `json:"reason,omitempty"`
	FailingSince *time.Time      `json:"failing_since,omitempty"`
	// Problem is why the endpoint can't be used as it is kept.
	Problem   string     `json:"problem,omitempty"`
	CreatedAt *time.Time `json:"created_at,omitempty"`
	UpdatedAt *time.Time `json:"updated_at,omitempty"`
}

// SecretView is what may be shown of a secret.
type SecretView struct {
	ID        string         `json:"id"`
	Scheme    webhook.Scheme `json:"scheme"`
	Public    string         `json:"public,omitempty"`
	CreatedAt time.Time      `json:"created_at"`
	ExpiresAt *time.Time     `json:"expires_at,omitempty"`
}

// CertificateView is what may be shown of a client certificate.
type CertificateView struct {
	Subject   string    `json:"subject"`
	ExpiresAt time.Time `json:"expires_at"`
}

// List gives the endpoints of a merchant, or of all of them where merchant is
// empty: by merchant, those of the configuration first. With an error, which
// names the merchants that could not be read, the others' are given all the same.
func (e *Endpoints) List(ctx context.Context, merchant string) ([]View, error) {
	merchants := []string{merchant}
	if merchant == "" {
		var err error
		if merchants, err = e.o.Store.Merchants(ctx); err != nil {
			return nil, err
		}
		for _, c := range e.o.Configured {
			merchants = append(merchants, c.Merchant)
		}
		slices.Sort(merchants)
		merchants = slices.Compact(merchants)
	}
	all := []View{}
	var faults []error
	for _, m := range merchants {
		views, err := e.of(ctx, m)
		if err != nil {
			faults = append(faults, fmt.Errorf("list the endpoints of merchant %q: %w", m, err))
		}
		all = append(all, views...)
	}
	return all, errors.Join(faults...)
}

// Show gives one endpoint.
func (e *Endpoints) Show(ctx context.Context, merchant, id string) (View, error) {
	views, err := e.of(ctx, merchant)
	if err != nil {
		return View{}, wrap("show the endpoint", err)
	}
	for _, v := range views {
		if v.ID == id {
			return v, nil
		}
	}
	return View{}, ErrNoEndpoint
}

func (e *Endpoints) of(ctx context.Context, merchant string) ([]View, error) {
	var views []View
	for _, c := range e.o.Configured {
		if c.Merchant == merchant {
			v := viewOf(c.WithDefaults(), InConfiguration)
			if err := e.stand(ctx, &v, c.Disabled); err != nil {
				return nil, err
			}
			views = append(views, v)
		}
	}
	records, err := e.o.Store.Read(ctx, merchant)
	if err != nil {
		return views, err
	}
	for _, r := range records {
		v := e.viewOfRecord(merchant, r)
		if err := e.stand(ctx, &v, false); err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}

func viewOf(n notify.Endpoint, source string) View {
	v := View{
		Merchant: n.Merchant, ID: n.ID, Source: source, URL: withoutQuery(n.URL), Events: n.Events,
		Rate: n.Rate, Concurrency: n.Concurrency, Format: n.Format,
	}
	if v.Format == "" {
		v.Format = notify.FormatFull
	}
	for _, h := range n.Headers {
		v.Headers = append(v.Headers, h.Name)
	}
	if facts, err := n.Client.Facts(); err == nil {
		v.Client = &CertificateView{Subject: facts.Subject, ExpiresAt: facts.NotAfter.UTC()}
	}
	v.CAs = webhook.CountCAs(n.CAs)
	for _, d := range n.Schedule {
		v.Schedule = append(v.Schedule, d.String())
	}
	return v
}

func withoutQuery(url string) string {
	if before, _, ok := strings.Cut(url, "?"); ok {
		return before + "?..."
	}
	return url
}

func (e *Endpoints) viewOfRecord(merchant string, r endpoint.Record) View {
	now := time.Now()
	shown := notify.Endpoint{
		Merchant: merchant, ID: r.ID, URL: r.URL, Events: r.Events, Rate: r.Rate, Concurrency: r.Concurrency,
		Schedule: r.Schedule, Format: r.Format, CAs: secret.New(r.CAs),
	}
	if r.Client != nil {
		shown.Client.Chain = secret.New(r.Client.Chain)
	}
	v := viewOf(shown.WithDefaults(), InStore)
	v.Signing, v.CreatedAt, v.UpdatedAt = r.Signing, &r.CreatedAt, &r.UpdatedAt
	for _, h := range r.Headers {
		v.Headers = append(v.Headers, h.Name)
	}
	for _, s := range r.InForce(now) {
		v.Secrets = append(v.Secrets, SecretView{ID: s.ID, Scheme: s.Scheme, Public: s.Public, CreatedAt: s.CreatedAt, ExpiresAt: set(s.ExpiresAt)})
	}
	if _, err := e.o.Store.Open(merchant, r, now); err != nil {
		v.Problem = err.Error()
	}
	if _, ok := e.configured(name{merchant, r.ID}); ok {
		v.Problem = (&endpoint.SharedError{Merchant: merchant, ID: r.ID}).Error()
	}
	return v
}

func set(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// stand fills in how an endpoint stands.
func (e *Endpoints) stand(ctx context.Context, v *View, offInConfiguration bool) error {
	is, err := e.o.Store.State(ctx, v.Merchant, v.ID)
	if err != nil && !errors.Is(err, endpoint.ErrNewer) {
		return err
	}
	v.Status, v.Since, v.Reason, v.FailingSince = is.Status, set(is.Since), string(is.Reason), set(is.FailingSince)
	if is.On() {
		v.Status = endpoint.Enabled
	}
	if offInConfiguration {
		v.Status, v.Since, v.Reason = endpoint.Disabled, nil, InConfiguration
	}
	return nil
}
