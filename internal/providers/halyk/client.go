package halyk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/secret"
)

// mappingVersion is raised with every change of the table's meaning.
const mappingVersion = "halyk/1"

// floor is ours: the document names none.
const floor = 10 * time.Second

const doing = "ask check-status"

// invoiceKey is the only key of a reference.
const invoiceKey = "invoice_id"

// Adapter asks one terminal of Halyk ePay.
type Adapter struct {
	// A pointer, so that printing an adapter prints an address and no credentials.
	cfg    *Config
	client *http.Client
	base   *url.URL
	tokens *tokens
}

// New makes the adapter of an account over the given transport, which the
// caller owns and closes. The error joins all faults of Check.
func New(cfg Config, transport http.RoundTripper) (*Adapter, error) {
	cfg = cfg.Defaults()
	client, err := providers.ClientOf("halyk", cfg.Check(), transport)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(cfg.APIURL)
	if err != nil {
		return nil, errors.New("configure halyk: api_url is not a URL")
	}
	a := &Adapter{
		cfg:    &cfg,
		client: client,
		base:   base.JoinPath("check-status/payment/transaction"),
	}
	a.tokens = &tokens{fetch: a.fetchToken}
	return a, nil
}

// Profile tells a floor of 10 s, which is ours, and that absence (102, "try
// again later") is not final.
func (a *Adapter) Profile() providers.Profile {
	return providers.Profile{
		Name:           "halyk",
		Floor:          floor,
		Absence:        providers.AbsenceUnsettled,
		MappingVersion: mappingVersion,
		Table:          slices.Concat(providers.Lines(rules), providers.Lines(reasonTable)),
	}
}

// CheckReference takes {"invoice_id"} of 6 to 15 digits, whose leading zeros
// count, and no other key. The error is a *payment.FieldError.
func (a *Adapter) CheckReference(ref payment.Reference) error {
	invoice, ok := ref[invoiceKey]
	if !ok || len(ref) != 1 {
		return &payment.FieldError{Field: "reference", Problem: `is not in halyk's form; wanted {"invoice_id"} and no other key`}
	}
	if !isInvoice(invoice) {
		return &payment.FieldError{Field: "reference." + invoiceKey, Problem: "is not 6 to 15 digits"}
	}
	return nil
}

// isInvoice reports whether s has an invoice number's form. It stays a text,
// because leading zeros count.
func isInvoice(s string) bool {
	foreign := func(r rune) bool { return r < '0' || r > '9' }
	return len(s) >= 6 && len(s) <= 15 && strings.IndexFunc(s, foreign) < 0
}

// Poll asks for one invoice; see providers.Provider. A token that is refused is
// replaced once.
func (a *Adapter) Poll(ctx context.Context, q providers.Query) (payment.Observation, error) {
	token, err := a.tokens.get(ctx)
	if err != nil {
		return payment.Observation{}, err
	}
	answer, err := a.ask(ctx, q, token)
	if err == nil && answer.Status == http.StatusUnauthorized {
		a.tokens.drop(token)
		if token, err = a.tokens.get(ctx); err != nil {
			return payment.Observation{}, err
		}
		answer, err = a.ask(ctx, q, token)
	}
	if err != nil {
		return payment.Observation{}, err
	}
	if err := judge(answer); err != nil {
		return payment.Observation{}, err
	}
	obs, err := decode(answer.Body, q, *a.cfg)
	return obs, withRetryAfter(err, answer)
}

func (a *Adapter) ask(ctx context.Context, q providers.Query, token secret.Text) (providers.Answer, error) {
	address := a.base.JoinPath(url.PathEscape(q.Reference[invoiceKey])).String()
	req, err := providers.NewRequest(ctx, providers.Request{Doing: doing, Setting: "api_url", Method: http.MethodGet, Address: address})
	if err != nil {
		return providers.Answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	return providers.Call(a.client, req, doing)
}
