package endpoint

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"reconciler/internal/notify"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/payment"
	"reconciler/internal/secret"
)

// phase is how an endpoint is until an instant at which a secret stops to sign.
type phase struct {
	until    time.Time // zero: for ever
	endpoint notify.Endpoint
}

// at gives the endpoint as it is at that instant.
func at(phases []phase, now time.Time) notify.Endpoint {
	for _, p := range phases {
		if p.until.IsZero() || now.Before(p.until) {
			return p.endpoint
		}
	}
	return notify.Endpoint{} // the last phase has no end
}

// opener makes endpoints of records.
type opener struct {
	sealer    *Sealer
	allowHTTP bool
}

// open makes a record's endpoint with its secrets in the clear, in the phases of
// its rotation. With an error the endpoint can't be told anything: the only phase
// has it disabled. The error names the fault and repeats no value.
func (o opener) open(merchant string, r Record, now time.Time) ([]phase, error) {
	of := name{merchant, r.ID}
	e := notify.Endpoint{
		ID: r.ID, Merchant: merchant, URL: r.URL, AllowHTTP: o.allowHTTP, Events: r.Events, Rate: r.Rate,
		Concurrency: r.Concurrency, Schedule: r.Schedule, Format: r.Format, CAs: pemText(r.CAs),
	}.WithDefaults()
	off := e
	off.Disabled = true
	var err error
	if e.Headers, err = o.headers(of, r.Headers); err != nil {
		return []phase{{endpoint: off}}, err
	}
	if r.Client != nil {
		if e.Client, err = o.sealer.OpenClient(merchant, r.ID, *r.Client); err != nil {
			return []phase{{endpoint: off}}, fmt.Errorf("the client certificate's key can't be opened: %w", err)
		}
	}
	texts, err := o.secrets(of, r.Secrets)
	if err != nil {
		return []phase{{endpoint: off}}, err
	}
	var all []phase
	for _, until := range append(expiries(r.Secrets, now), time.Time{}) {
		p := phase{until: until, endpoint: e}
		from := now
		if len(all) > 0 {
			from = all[len(all)-1].until
		}
		for i, s := range r.Secrets {
			if s.inForce(from) {
				p.endpoint.Secrets = append(p.endpoint.Secrets, texts[i])
			}
		}
		if faults := p.endpoint.Check(); len(faults) > 0 {
			return []phase{{endpoint: off}}, asError(faults)
		}
		if p.endpoint.Signer, err = webhook.NewSigner(p.endpoint.Secrets); err != nil {
			return []phase{{endpoint: off}}, err
		}
		all = append(all, p)
	}
	return all, nil
}

// expiries are the instants to come at which a secret stops to sign, in order.
func expiries(secrets []Sealed, now time.Time) []time.Time {
	var all []time.Time
	for _, s := range secrets {
		if s.ExpiresAt.After(now) && !slices.ContainsFunc(all, s.ExpiresAt.Equal) {
			all = append(all, s.ExpiresAt)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Before(all[j]) })
	return all
}

func (o opener) secrets(of name, sealed []Sealed) ([]secret.Text, error) {
	texts := make([]secret.Text, len(sealed))
	for i, s := range sealed {
		text, err := o.sealer.Open(s.Text, of.about(fieldSecret, s.ID))
		if err != nil {
			return nil, fmt.Errorf("secret %d can't be opened: %w", i+1, err)
		}
		texts[i] = text
	}
	return texts, nil
}

func (o opener) headers(of name, sealed []SealedHeader) ([]webhook.Header, error) {
	var headers []webhook.Header
	for i, h := range sealed {
		value, err := o.sealer.Open(h.Text, of.about(fieldHeader, h.Name))
		if err != nil {
			return nil, fmt.Errorf("header %d can't be opened: %w", i+1, err)
		}
		headers = append(headers, webhook.Header{Name: h.Name, Value: value})
	}
	return headers, nil
}

func asError(faults []payment.FieldError) error {
	return fmt.Errorf("%d faults, the first: %w", len(faults), &faults[0])
}

// SealSecret seals a secret of an endpoint. scheme and public key are read from
// its text; id names it among the endpoint's for good.
func (s *Sealer) SealSecret(merchant, endpoint, id string, text secret.Text) (Sealed, error) {
	scheme, err := webhook.SchemeOf(text)
	if err != nil {
		return Sealed{}, fmt.Errorf("seal a secret: it %w", err)
	}
	made := Sealed{ID: id, Scheme: scheme}
	if scheme == webhook.SchemeV1a {
		if made.Public, err = webhook.PublicKey(text); err != nil {
			return Sealed{}, fmt.Errorf("seal a secret: it %w", err)
		}
	}
	made.Text, err = s.Seal(text, name{merchant, endpoint}.about(fieldSecret, id))
	return made, err
}

// SealHeader seals the value of an endpoint's own header.
func (s *Sealer) SealHeader(merchant, endpoint string, h webhook.Header) (SealedHeader, error) {
	sealed, err := s.Seal(h.Value, name{merchant, endpoint}.about(fieldHeader, h.Name))
	return SealedHeader{Name: h.Name, Text: sealed}, err
}

// OpenHeader gives the value of an endpoint's own header.
func (s *Sealer) OpenHeader(merchant, endpoint string, h SealedHeader) (secret.Text, error) {
	return s.Open(h.Text, name{merchant, endpoint}.about(fieldHeader, h.Name))
}

// SealClient seals the key of an endpoint's client certificate.
func (s *Sealer) SealClient(merchant, endpoint string, c webhook.ClientCertificate) (SealedCertificate, error) {
	sealed, err := s.Seal(c.Key, name{merchant, endpoint}.about(fieldClient, ""))
	return SealedCertificate{Chain: c.Chain.Reveal(), Key: sealed}, err
}

// OpenClient gives an endpoint's client certificate with its key.
func (s *Sealer) OpenClient(merchant, endpoint string, c SealedCertificate) (webhook.ClientCertificate, error) {
	key, err := s.Open(c.Key, name{merchant, endpoint}.about(fieldClient, ""))
	return webhook.ClientCertificate{Chain: secret.New(c.Chain), Key: key}, err
}

// pemText is certificates as an endpoint has them: none is the zero value.
func pemText(text string) secret.Text {
	if text == "" {
		return secret.Text{}
	}
	return secret.New(text)
}
