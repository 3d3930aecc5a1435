package providers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxAnswer is the size limit of a provider's answer. Documented answers are
// under 8 KiB; one MiB leaves room for a payment with hundreds of operations.
const maxAnswer = 1 << 20

// NewClient makes the HTTP client of one account over the given transport. It
// follows no redirect: one would carry credentials to another host. Cookies
// are off; time limits come from the context.
func NewClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Answer is a provider's HTTP answer, read whole.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// String names the HTTP status and nothing else: "HTTP 503". So no answer can be
// printed by mistake.
func (a Answer) String() string { return "HTTP " + strconv.Itoa(a.Status) }

// Call sends the request, once, and reads the answer to the size limit. The error is
// an *Error of kind Unavailable or TooLarge; every HTTP status is an Answer.
// "doing" says what is being tried.
func Call(client *http.Client, req *http.Request, doing string) (Answer, error) {
	if held(req.Context()) {
		return Answer{}, &Error{Kind: Unavailable, Doing: doing, Detail: ErrHeld.Error(), Cause: ErrHeld}
	}
	req, done := once(req)
	defer done()
	res, err := client.Do(req)
	if errors.Is(context.Cause(req.Context()), errBroken) {
		err = errBroken
	}
	if err != nil {
		return Answer{}, &Error{Kind: Unavailable, Doing: doing, Detail: describeTransport(err), Cause: safeCause(err)}
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return Answer{}, &Error{Kind: Unavailable, Doing: doing, Detail: "reading the answer: " + describeTransport(err), Cause: safeCause(err)}
	}
	if len(body) > maxAnswer {
		return Answer{}, &Error{Kind: TooLarge, Doing: doing, Detail: fmt.Sprintf("the answer is over %d bytes", maxAnswer)}
	}
	return Answer{Status: res.StatusCode, Header: res.Header, Body: body}, nil
}

// describeTransport names what went wrong on the wire. The error's own text is
// not used: net/http puts the URL into it.
func describeTransport(err error) string {
	var (
		dns      *net.DNSError
		timeout  net.Error
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		record   tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, errBroken):
		return "connection closed by the other side"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "time limit reached"
	case errors.As(err, &dns):
		return "the host's name does not resolve"
	case errors.As(err, &unknown), errors.As(err, &hostname), errors.As(err, &invalid), errors.As(err, &record):
		return "TLS: the certificate or protocol is not acceptable"
	case strings.Contains(err.Error(), "connection refused"):
		return "connection refused"
	case strings.Contains(err.Error(), "connection reset"), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed by the other side"
	}
	return "network error"
}

// safeCause keeps only the causes that callers test for and that hold no address.
func safeCause(err error) error {
	for _, keep := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, keep) {
			return keep
		}
	}
	return nil
}

// Interrupted is the *Error of a caller whose context ended while it waited
// for something another goroutine fetches. err is the context's error.
func Interrupted(doing string, err error) *Error {
	return &Error{Kind: Unavailable, Doing: doing, Detail: describeTransport(err), Cause: safeCause(err)}
}

// ByHTTPStatus is the common reading of HTTP statuses that carry no answer of
// the provider: 408, 425 and 429 are throttled with Retry-After, 401 and 403
// misconfigured (setting names the credential), 3xx misconfigured (the base
// URL), 5xx unavailable. Anything else is nil: the adapter decides.
func ByHTTPStatus(a Answer, doing, setting string) *Error {
	detail := a.String()
	switch {
	case a.Status == http.StatusTooManyRequests, a.Status == http.StatusRequestTimeout, a.Status == http.StatusTooEarly:
		return &Error{Kind: Throttled, Doing: doing, Detail: detail, RetryAfter: RetryAfter(a.Header, time.Now())}
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		return &Error{Kind: Misconfigured, Doing: doing, Detail: detail, Setting: setting}
	case a.Status >= 300 && a.Status < 400:
		return &Error{Kind: Misconfigured, Doing: doing, Detail: detail + " (a redirect, not followed)", Setting: "base_url"}
	case a.Status >= 500:
		return &Error{Kind: Unavailable, Doing: doing, Detail: detail, RetryAfter: RetryAfter(a.Header, time.Now())}
	}
	return nil
}

// RetryAfter reads the Retry-After header (RFC 9110 section 10.2.3: seconds or
// an HTTP date). 0 where there is none, it is unreadable or already past.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}
