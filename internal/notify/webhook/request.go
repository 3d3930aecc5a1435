package webhook

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"reconciler/internal/secret"
)

// Request is one webhook to one endpoint.
type Request struct {
	// URL is absolute, https, without user and password.
	URL string
	// AllowHTTP permits a plain http URL.
	AllowHTTP bool
	// ID is the event's id, the same at every attempt: see Sign.
	ID string
	// Body is sent and signed as it is.
	Body []byte
	// ContentType of Body; empty: application/json.
	ContentType string
	// Secrets are "whsec_..." and "whsk_..." texts, newest first; each makes one
	// signature: see NewSigner.
	Secrets []secret.Text
	// Signer signs in the place of Secrets, with keys that were read before. nil:
	// Secrets do.
	Signer *Signer
	// Headers are the endpoint's own: see CheckHeaders.
	Headers []Header
	// Replay marks the webhook as one that was asked for again: HeaderReplay.
	Replay bool
	// Pool is the endpoint's own pool, of this Sender. nil: the one that all
	// requests without a pool share.
	Pool *Pool
	// Trace is a W3C traceparent to pass on; left out where it is malformed.
	Trace string
}

// What makes a URL unusable. The texts repeat nothing of it.
var (
	errURL      = errors.New("the URL is not absolute or not readable")
	errScheme   = errors.New("the URL must be https")
	errUserinfo = errors.New("the URL must not hold a user or password")
	errContent  = errors.New("the content type must be printable ASCII")
)

// build makes the HTTP request of an attempt at that moment.
func (r Request) build(ctx context.Context, now time.Time, userAgent string) (*http.Request, error) {
	if err := checkTarget(r.URL, r.AllowHTTP); err != nil {
		return nil, err
	}
	contentType := r.ContentType
	if contentType == "" {
		contentType = "application/json"
	}
	if !printableASCII(contentType) {
		return nil, errContent
	}
	signature, err := r.sign(now)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, errURL
	}
	if err := addTo(req.Header, r.Headers); err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set(HeaderID, r.ID)
	req.Header.Set(HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(HeaderSignature, signature)
	if validTrace(r.Trace) {
		req.Header.Set("traceparent", r.Trace)
	}
	if r.Replay {
		req.Header.Set(HeaderReplay, "true")
	}
	// An empty list sends no header, but tells the transport that it may repeat
	// this POST when a kept connection proves to be closed (net/http.Transport).
	// Else every idle limit at a receiver would cost an attempt now and then.
	req.Header["Idempotency-Key"] = []string{}
	return req, nil
}

func (r Request) sign(now time.Time) (string, error) {
	if r.Signer != nil {
		return r.Signer.Sign(r.ID, now, r.Body)
	}
	return Sign(r.ID, now, r.Body, r.Secrets)
}

func checkTarget(text string, allowHTTP bool) error {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Opaque != "" {
		return errURL
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !allowHTTP) {
		return errScheme
	}
	if u.User != nil {
		return errUserinfo
	}
	return nil
}

// validTrace accepts W3C Trace Context version 00:
// "00-" 32 hex digits "-" 16 hex digits "-" 2 hex digits, in lower case.
func validTrace(trace string) bool {
	parts := strings.Split(trace, "-")
	if len(parts) != 4 || parts[0] != "00" {
		return false
	}
	for i, length := range []int{2, 32, 16, 2} {
		if len(parts[i]) != length || strings.Trim(parts[i], "0123456789abcdef") != "" {
			return false
		}
	}
	return true
}
