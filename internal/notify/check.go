package notify

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"reconciler/internal/notify/webhook"
	"reconciler/internal/payment"
)

// The bounds of an endpoint's fields.
const (
	maxEndpointID = 64
	maxURL        = 2048 // what every server and proxy takes
	// MaxSecrets bounds what signs one webhook: each adds 48 or 93 bytes to a header.
	MaxSecrets  = 8
	allPayments = "payment.*"
	// What a guard of the endpoint can hold to.
	maxConcurrency   = 10_000
	minRate, maxRate = 1e-6, 1e6
	// The bounds of a schedule: nobody checks a longer one by eye, and a slip must
	// not keep an event for years.
	maxAttempts  = 100
	longestDelay = 30 * 24 * time.Hour
)

// faults collects what is wrong, field by field.
type faults []payment.FieldError

func (f *faults) add(field, problem string) {
	*f = append(*f, payment.FieldError{Field: field, Problem: problem})
}

// Check finds every fault of e at once; none: nil. The fields are named as in
// configuration: "id", "merchant", "url", "events[0]", "secrets[0]",
// "headers[0]", "certificate_file", "key_file", "ca_file", "schedule[0]", "format",
// "concurrency", "rate". No problem repeats a value.
//
// It reads no clock: whether a certificate is valid now is CheckValidity's.
func (e Endpoint) Check() []payment.FieldError {
	var found faults
	e.checkNames(&found)
	e.checkURL(&found)
	e.checkEvents(&found)
	e.checkSecrets(&found)
	e.checkHeaders(&found)
	e.checkCertificates(&found)
	e.checkSchedule(&found)
	if !e.Format.Valid() {
		found.add("format", "must be "+string(FormatFull)+" or "+string(FormatThin))
	}
	if e.Concurrency < 0 || e.Concurrency > maxConcurrency {
		found.add("concurrency", "must be 1 to "+strconv.Itoa(maxConcurrency)+"; 0 means "+strconv.Itoa(DefaultConcurrency))
	}
	if e.Rate != 0 && !(e.Rate >= minRate && e.Rate <= maxRate) { // NaN compares with nothing
		found.add("rate", "must be 0.000001 to 1000000 attempts a second; 0 means no limit")
	}
	return found
}

func (e Endpoint) checkNames(found *faults) {
	if len(e.ID) == 0 || len(e.ID) > maxEndpointID || strings.ContainsFunc(e.ID, notInID) {
		found.add("id", "must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -")
	}
	// The same rule as for a payment's merchant, or no event would ever match.
	if problem := payment.CheckID(e.Merchant); problem != "" {
		found.add("merchant", problem)
	}
}

func notInID(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
		return false
	}
	return true
}

func (e Endpoint) checkURL(found *faults) {
	if len(e.URL) > maxURL {
		found.add("url", "must be at most "+strconv.Itoa(maxURL)+" bytes")
		return
	}
	u, err := url.Parse(e.URL)
	if err != nil || u.Scheme == "" || u.Hostname() == "" || u.Opaque != "" {
		found.add("url", "must be an absolute URL such as https://shop.example/webhooks")
		return
	}
	switch {
	case u.Scheme == "http" && !e.AllowHTTP:
		found.add("url", "must be https, or allow_http must be set for this endpoint")
	case u.Scheme != "http" && u.Scheme != "https":
		found.add("url", "must be https")
	}
	if u.User != nil {
		found.add("url", "must not hold a user or password; the signature is what proves the sender")
	}
	if strings.Contains(e.URL, "#") {
		found.add("url", "must not have a fragment (#...), which is never sent")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			found.add("url", "must have a port between 1 and 65535")
		}
	}
}

func (e Endpoint) checkEvents(found *faults) {
	for i, pattern := range e.Events {
		if !knownEvent(pattern) {
			found.add(at("events", i), "must be "+allPayments+" or payment. and a status, such as payment.succeeded")
		}
	}
}

func knownEvent(pattern string) bool {
	if pattern == allPayments {
		return true
	}
	for _, status := range payment.Statuses() {
		if pattern == payment.TypeOf(status) {
			return true
		}
	}
	return false
}

func (e Endpoint) checkSecrets(found *faults) {
	if len(e.Secrets) == 0 || len(e.Secrets) > MaxSecrets {
		found.add("secrets", "must be 1 to "+strconv.Itoa(MaxSecrets)+" secrets, newest first")
	}
	for i, s := range e.Secrets {
		if _, err := webhook.SchemeOf(s); err != nil {
			found.add(at("secrets", i), err.Error())
		}
	}
}

func (e Endpoint) checkHeaders(found *faults) {
	for i, err := range webhook.CheckHeaders(e.Headers) {
		if err != nil {
			found.add(at("headers", i), err.Error())
		}
	}
}

func (e Endpoint) checkCertificates(found *faults) {
	chain, key := e.Client.Check()
	for _, part := range []struct {
		field string
		err   error
	}{{"certificate_file", chain}, {"key_file", key}, {"ca_file", webhook.CheckCAs(e.CAs)}} {
		if part.err != nil {
			found.add(part.field, part.err.Error())
		}
	}
	if u, err := url.Parse(e.URL); err == nil && u.Scheme == "http" && !e.Client.IsZero() {
		found.add("certificate_file", "must not stand beside a plain http url, where nobody asks for it")
	}
}

// CheckValidity finds a client certificate that is not valid at that moment. It is
// apart from Check, and for whoever sets a certificate: one that runs out later
// leaves its endpoint as it is, since webhooks that fail are tried again and come
// once it is replaced, but those of an endpoint that can't be used do not.
func (e Endpoint) CheckValidity(now time.Time) []payment.FieldError {
	facts, err := e.Client.Facts()
	if err != nil { // said by Check
		return nil
	}
	if err := facts.Check(now); err != nil {
		return []payment.FieldError{{Field: "certificate_file", Problem: err.Error()}}
	}
	return nil
}

func (e Endpoint) checkSchedule(found *faults) {
	if len(e.Schedule) > maxAttempts {
		found.add("schedule", "must be at most "+strconv.Itoa(maxAttempts)+" delays")
	}
	for i, delay := range e.Schedule {
		if delay < 0 || delay > longestDelay {
			found.add(at("schedule", i), "must be a delay from 0s to 720h")
		}
	}
}

func at(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }
