package finipay

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// mappingVersion is raised with every change of the table's meaning.
const mappingVersion = "finipay/2"

// floor is the document's "every 10 seconds".
const floor = 10 * time.Second

// What is being tried, in errors.
const (
	doingStatus = "ask status"
	doingQR     = "ask QR status"
)

// Adapter asks one finipay account.
type Adapter struct {
	// A pointer, so that printing an adapter prints an address and no credentials.
	cfg       *Config
	client    *http.Client
	statusURL string
	qrURL     string
}

// New makes the adapter of an account over the given transport, which the
// caller owns and closes. The error joins all faults of Check.
func New(cfg Config, transport http.RoundTripper) (*Adapter, error) {
	cfg = cfg.Defaults()
	client, err := providers.ClientOf("finipay", cfg.Check(), transport)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(cfg.BaseURL)
	if err != nil {
		return nil, errors.New("configure finipay: base_url is not a URL")
	}
	return &Adapter{
		cfg:       &cfg,
		client:    client,
		statusURL: base.JoinPath("api/v1.1.0/status").String(),
		qrURL:     base.JoinPath("gen/qr/transaction/status").String(),
	}, nil
}

// Profile tells the floor of 10 s that the document asks for, and that absence
// is nowhere documented as final.
func (a *Adapter) Profile() providers.Profile {
	return providers.Profile{
		Name:           "finipay",
		Floor:          floor,
		Absence:        providers.AbsenceUnsettled,
		MappingVersion: mappingVersion,
		Table:          providers.Lines(rules),
	}
}

// Poll asks for one payment; see providers.Provider.
func (a *Adapter) Poll(ctx context.Context, q providers.Query) (payment.Observation, error) {
	if q.Reference[kindKey] == kindQR {
		return a.pollQR(ctx, q)
	}
	return a.pollStatus(ctx, q)
}

func (a *Adapter) pollStatus(ctx context.Context, q providers.Query) (payment.Observation, error) {
	// language is always sent, so that message stays in one language. orderId is
	// never sent: in the gateway behind finipay it wins over orderNumber.
	body, _ := json.Marshal(statusRequest{OrderNumber: q.Reference[orderKey], Language: "en"}) // two strings can't fail to encode
	answer, err := a.call(ctx, providers.Request{
		Doing: doingStatus, Setting: "base_url", Method: a.cfg.StatusMethod, Address: a.statusURL, Body: body, Type: providers.JSON,
	})
	if err != nil {
		return payment.Observation{}, err
	}
	if err := judge(answer, doingStatus, a.cfg.StatusMethod); err != nil {
		return payment.Observation{}, a.absent(err)
	}
	obs, err := decodeStatus(answer.Body, q, a.cfg.WalletConfirmed == string(payment.Succeeded))
	return obs, a.absent(err)
}

func (a *Adapter) pollQR(ctx context.Context, q providers.Query) (payment.Observation, error) {
	query := url.Values{"transaction_id": {q.Reference[transactionKey]}}
	answer, err := a.call(ctx, providers.Request{
		Doing: doingQR, Setting: "base_url", Method: http.MethodGet, Address: a.qrURL + "?" + query.Encode(),
	})
	if err != nil {
		return payment.Observation{}, err
	}
	if err := judge(answer, doingQR, ""); err != nil {
		return payment.Observation{}, a.absent(err)
	}
	obs, err := decodeQR(answer.Body, a.cfg.AmountUnverified)
	return obs, a.absent(err)
}

// absent reads an envelope without data by the account's setting: under that
// code the order is not known. Any other error, and nil, stays as it is.
func (a *Adapter) absent(err error) error {
	var e *providers.Error
	if a.cfg.NotFoundCode == noCode || !errors.Is(err, errNoData) || !errors.As(err, &e) || e.Raw != providers.CleanRaw(a.cfg.NotFoundCode) {
		return err
	}
	return &providers.Error{Kind: providers.NotFound, Doing: e.Doing, Detail: "the code that not_found_code names", Raw: e.Raw}
}

func (a *Adapter) call(ctx context.Context, r providers.Request) (providers.Answer, error) {
	req, err := providers.NewRequest(ctx, r)
	if err != nil {
		return providers.Answer{}, err
	}
	req.SetBasicAuth(a.cfg.Login, a.cfg.Password.Reveal())
	return providers.Call(a.client, req, r.Doing)
}
