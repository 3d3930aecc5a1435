package webhook

import (
	"errors"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"reconciler/internal/secret"
)

// The bounds of an endpoint's own headers. Servers commonly take 8 KiB of
// headers in all; ours need under 1 KiB.
const (
	MaxHeaders     = 16
	maxHeaderName  = 64
	maxHeaderValue = 2048
)

// Header is a header that an endpoint's owner wants on each webhook, such as
// an Authorization. Its value may be a credential, so it can't be printed.
type Header struct {
	Name  string
	Value secret.Text
}

// What can be wrong with a header. Each text completes "<the header> ..." and
// repeats nothing of it.
var (
	ErrHeaderName     = errors.New("must have a name of 1 to 64 letters, digits and hyphens")
	ErrHeaderReserved = errors.New("has a name that is not free to set: those of the signature, of the connection, of the body, cookies, forwarding and metadata services")
	ErrHeaderValue    = errors.New("must have a value of 1 to 2048 printable ASCII characters without a space at either end")
	ErrHeaderTwice    = errors.New("has the name of another header")
	ErrHeaderCount    = errors.New("is one of more than 16")
)

// reservedHeaders are refused by name. Everything else is free.
var reservedHeaders = []string{
	// The connection's (RFC 9110 section 7.6.1) and the request's own frame:
	// whoever sets these decides where one request ends and the next begins.
	"Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Http2-Settings",
	// What the sender says itself.
	"Content-Type", "Content-Encoding", "Content-Range", "Content-Md5", "Digest", "Content-Digest", "User-Agent", "Date",
	"Traceparent", "Tracestate", "Baggage",
	"Accept-Encoding", // an answer would come compressed, and its excerpt say nothing
	"Idempotency-Key", // the same for all events, it would make one of them swallow the rest
	"Range",           // see also If-*: a condition can turn a delivery into a 304 or 412
	"Cookie", "Cookie2",
	// Who believes these believes that the request came from elsewhere.
	"Forwarded", "Via", "X-Real-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip", "X-Original-Url", "X-Rewrite-Url",
	"X-Http-Method", "X-Http-Method-Override", "X-Method-Override",
	// Clouds' metadata services answer only to these, so that a request which
	// was talked into going there learns nothing.
	"Metadata", "Metadata-Flavor", "X-Google-Metadata-Request",
}

// reservedPrefixes are refused with whatever follows.
var reservedPrefixes = []string{"Webhook-", "Proxy-", "X-Forwarded-", "If-", "Sec-", "X-Aws-Ec2-Metadata-"}

// CheckHeaders says what is wrong with each header; at the place of a good one
// is nil. The errors are the ErrHeader values. A list without any error can be
// sent: no value can end its line, so none can begin another header.
func CheckHeaders(headers []Header) []error {
	found := make([]error, len(headers))
	for i, h := range headers {
		found[i] = checkHeader(headers[:i], h)
	}
	return found
}

// checkHeader looks at one header behind those before it.
func checkHeader(before []Header, h Header) error {
	name := textproto.CanonicalMIMEHeaderKey(h.Name)
	switch {
	case len(before) >= MaxHeaders:
		return ErrHeaderCount
	case len(name) == 0 || len(name) > maxHeaderName || strings.ContainsFunc(name, notInHeaderName):
		return ErrHeaderName
	case slices.Contains(reservedHeaders, name),
		slices.ContainsFunc(reservedPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }):
		return ErrHeaderReserved
	case slices.ContainsFunc(before, func(other Header) bool { return strings.EqualFold(other.Name, h.Name) }):
		return ErrHeaderTwice
	}
	value := h.Value.Reveal()
	if value == "" || len(value) > maxHeaderValue || !printableASCII(value) || strings.TrimSpace(value) != value {
		return ErrHeaderValue
	}
	return nil
}

// notInHeaderName is narrower than RFC 9110 allows. The underscore is left out
// because servers that hand headers on as variables (CGI, WSGI) turn hyphens
// into it: "webhook_id" would arrive as our own webhook-id does.
func notInHeaderName(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
}

// errHeaders is for a request with a header that CheckHeaders refuses.
var errHeaders = errors.New("a header of the endpoint must not be sent")

// addTo sets the headers, or none of them.
func addTo(header http.Header, own []Header) error {
	for i, h := range own {
		if checkHeader(own[:i], h) != nil {
			return errHeaders
		}
	}
	for _, h := range own {
		header.Set(h.Name, h.Value.Reveal())
	}
	return nil
}
