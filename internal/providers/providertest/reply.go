package providertest

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// Reply is an HTTP answer.
type Reply struct {
	// Status is the HTTP status; 0 is 200.
	Status int
	Header http.Header
	Body   string
}

// Write sends the answer.
func (r Reply) Write(w http.ResponseWriter) {
	for key, values := range r.Header {
		w.Header()[key] = values
	}
	if r.Status != 0 {
		w.WriteHeader(r.Status)
	}
	_, _ = io.WriteString(w, r.Body)
}

// response is the answer without a wire.
func (r Reply) response(req *http.Request) *http.Response {
	header := r.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	status := r.Status
	if status == 0 {
		status = http.StatusOK
	}
	return &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Header: header, Request: req,
		Body: io.NopCloser(strings.NewReader(r.Body)), ContentLength: int64(len(r.Body)),
	}
}

// RoundTrip is a function as an http.RoundTripper.
type RoundTrip func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f RoundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Serve serves a handler on a loopback socket until the test ends, and gives its
// base URL and a transport to ask it over.
func Serve(t testing.TB, h http.Handler) (base string, transport *http.Transport) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	transport = &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return server.URL, transport
}

// Poll asks as the worker does: only with a reference that was accepted.
func Poll(t testing.TB, p providers.Provider, q providers.Query) (payment.Observation, error) {
	t.Helper()
	if err := p.CheckReference(q.Reference); err != nil {
		t.Fatalf("CheckReference: %v", err)
	}
	return p.Poll(t.Context(), q)
}

// Refusal is an answer in place of a status, and the error it is.
type Refusal struct {
	Name    string
	Reply   Reply
	Kind    providers.Kind
	Setting string
	After   time.Duration
}

// Check fails if a poll's error is another one, or tells what has to stay hidden.
func (r Refusal) Check(t testing.TB, err error, hidden ...string) {
	t.Helper()
	var e *providers.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want a *providers.Error", err)
	}
	if e.Kind != r.Kind || e.Setting != r.Setting || e.RetryAfter != r.After {
		t.Errorf("got kind %s, setting %q, after %s; want %s, %q, %s (%v)", e.Kind, e.Setting, e.RetryAfter, r.Kind, r.Setting, r.After, err)
	}
	CheckHidden(t, hidden, err)
}

// Money reads "33.00 USD"; an empty text is absent money.
func Money(t testing.TB, text string) payment.Money {
	t.Helper()
	if text == "" {
		return payment.Money{}
	}
	amount, currency, _ := strings.Cut(text, " ")
	m, err := payment.ParseMoney(amount, currency)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
