package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"time"

	"reconciler/internal/sandbox/life"
)

// ErrNoCallback says that nobody would send one: the payment does not exist, or
// its provider tells no shop of anything.
var ErrNoCallback = errors.New("is no payment whose provider sends callbacks")

// Callback is the header and body of the HTTP request (POST) that a payment's
// provider sends about it as it is now. The payment is named by its ID or by any
// value of its reference. The error is ErrNoCallback.
func (s *Sandbox) Callback(payment string) (http.Header, []byte, error) {
	p, ok := s.find(payment)
	if !ok {
		return nil, nil, ErrNoCallback
	}
	caller, ok := s.callers[p.Provider]
	if !ok {
		return nil, nil, ErrNoCallback
	}
	header, body := caller.Callback(p, time.Now())
	return header, body, nil
}

// referenceFields are those of a reference that name a payment.
var referenceFields = []string{"order_number", "transaction_id", "invoice_id", "payment_id", "request_id"}

// find looks a payment up by its ID or a value of its reference.
func (s *Sandbox) find(name string) (*life.Payment, bool) {
	if p, ok := s.byID.Load(name); ok {
		return p.(*life.Payment), true
	}
	for _, provider := range Providers() {
		for _, field := range referenceFields {
			if p, ok := s.book.Find(provider, field, name); ok {
				return p, true
			}
		}
	}
	return nil, false
}

// callbackLimit is how long a callback may take; providers wait some seconds.
const callbackLimit = 10 * time.Second

// postCallback serves POST /payments/{id}/callback: the provider's callback about
// that payment is sent to the URL in the body.
func (s *Sandbox) postCallback(w http.ResponseWriter, r *http.Request) {
	target, err := readTarget(http.MaxBytesReader(w, r.Body, maxControlBody))
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	header, body, err := s.Callback(r.PathValue("id"))
	if err != nil {
		answer(w, http.StatusNotFound, map[string]string{"error": "payment " + err.Error()})
		return
	}
	status, err := sendCallback(r.Context(), target, header, body)
	if err != nil {
		answer(w, http.StatusBadGateway, map[string]string{"error": "url " + err.Error()})
		return
	}
	answer(w, http.StatusOK, map[string]int{"http_status": status})
}

// readTarget reads {"url": "..."}. The error is a sentence that names the field.
func readTarget(r io.Reader) (string, error) {
	var target struct {
		URL string `json:"url"`
	}
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&target); err != nil {
		return "", errors.New(`the body must be one JSON object: {"url": "http://127.0.0.1:8090/callbacks/..."}`)
	}
	u, err := url.Parse(target.URL)
	if err != nil || u.Scheme != "http" || u.User != nil {
		return "", &FieldError{"url", "must be an http URL"}
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", &FieldError{"url", "must be on loopback (127.0.0.1, ::1 or localhost)"}
	}
	return target.URL, nil
}

// sendCallback posts a callback as a provider does, once, and gives the HTTP status.
func sendCallback(ctx context.Context, target string, header http.Header, body []byte) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, callbackLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return 0, &FieldError{"url", "can't be asked"}
	}
	maps.Copy(req.Header, header)
	client := &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true}, // nothing of it stays
		// A provider does not follow, and a redirect could lead off this machine.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("does not answer: %w", errors.Unwrap(err)) // without the URL around it
	}
	_ = res.Body.Close() // nothing of it counts
	return res.StatusCode, nil
}
