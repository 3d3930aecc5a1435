package ecommpay

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// floor is the least time between two requests for one payment, and before the
// first: an older edition of the status page forbids asking within 10 s of the
// payment request, today's does so for the search by request.
const floor = 10 * time.Second

// Adapter asks one ecommpay project. It keeps no state.
type Adapter struct {
	config Config
	client *http.Client
	reader reader
}

var _ providers.Provider = (*Adapter)(nil)

// New makes the adapter of one project over a transport; fields that are not
// set get their defaults. The error joins every fault of the configuration.
func New(cfg Config, transport http.RoundTripper) (*Adapter, error) {
	cfg = cfg.Defaults()
	client, err := providers.ClientOf("ecommpay", cfg.Check(), transport)
	if err != nil {
		return nil, err
	}
	return &Adapter{config: cfg, client: client, reader: reader{config: cfg}}, nil
}

// Profile tells the worker what it must know: a floor of 10 s, and that a
// payment the Gate does not know is gone once the payment's own time is over.
func (a *Adapter) Profile() providers.Profile {
	return providers.Profile{
		Name:           "ecommpay",
		Floor:          floor,
		Absence:        providers.AbsenceAfterExpiry,
		MappingVersion: mappingVersion,
		Table:          slices.Concat(providers.Lines(statusTable), providers.Lines(codeTable), providers.Lines(reasonTable)),
	}
}

// Poll asks for one payment with one request.
func (a *Adapter) Poll(ctx context.Context, q providers.Query) (payment.Observation, error) {
	ask := questionOf(q)
	body, err := a.body(ask)
	if err != nil {
		return payment.Observation{}, &providers.Error{Kind: providers.InvalidReference, Doing: ask.doing(), Detail: "the request can't be encoded", Cause: err}
	}
	req, err := providers.NewRequest(ctx, providers.Request{
		Doing: ask.doing(), Setting: "base_url", Method: http.MethodPost,
		Address: strings.TrimRight(a.config.BaseURL, "/") + ask.path, Body: body, Type: providers.JSON,
	})
	if err != nil {
		return payment.Observation{}, err
	}
	answer, err := providers.Call(a.client, req, ask.doing())
	if err != nil {
		return payment.Observation{}, err
	}
	return a.reader.observe(ask, answer)
}

// question is one question to the Gate.
type question struct {
	providers.Query
	path string
	// paymentID or requestID is what is asked for; the other one is empty.
	paymentID, requestID string
}

func questionOf(q providers.Query) question {
	if id := q.Reference[keyPayment]; id != "" {
		return question{Query: q, path: "/v2/payment/status", paymentID: id}
	}
	return question{Query: q, path: "/v2/payment/status/request", requestID: q.Reference[keyRequest]}
}

// doing names the call in errors.
func (q question) doing() string { return "ask ecommpay " + q.path }

// fail makes an error of this question.
func (q question) fail(kind providers.Kind, detail string) *providers.Error {
	return &providers.Error{Kind: kind, Doing: q.doing(), Detail: detail}
}

// general is the part of a request that is signed; the signature stands in it.
type general struct {
	ProjectID int64  `json:"project_id"`
	PaymentID string `json:"payment_id,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	Signature string `json:"signature,omitempty"`
}

// body writes the signed request: inside "general" by payment, flat by request.
func (a *Adapter) body(ask question) ([]byte, error) {
	fields := general{ProjectID: a.config.ProjectID, PaymentID: ask.paymentID, RequestID: ask.requestID}
	shape := func() any {
		if ask.paymentID != "" {
			return map[string]general{"general": fields}
		}
		return fields
	}
	unsigned, err := json.Marshal(shape())
	if err != nil {
		return nil, err
	}
	lines, err := flatten(unsigned)
	if err != nil {
		return nil, err
	}
	// Two lines, which every order sorts alike.
	fields.Signature = encode(sign(a.config.Secret, canonical(lines, byPath)))
	return json.Marshal(shape())
}
