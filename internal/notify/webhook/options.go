package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// The defaults of Options.
const (
	DefaultTimeLimit    = 15 * time.Second // Standard Webhooks 1.0 asks for 15 to 30 s
	DefaultConnectLimit = 5 * time.Second
	DefaultMaxAnswer    = 16 << 10
	DefaultConcurrency  = 64
	DefaultUserAgent    = "reconciler-webhooks"
)

const (
	// maxAnswerHeader is for all headers of an answer together.
	maxAnswerHeader = 32 << 10
	// idleLimit closes connections nobody uses. Receivers' own limits lie
	// between seconds and minutes; one that they closed first is replaced
	// without a loss (see Request.build).
	idleLimit = 90 * time.Second
	// pingAfter checks a silent HTTP/2 connection, else all requests to a host
	// hang on one that died without a word.
	pingAfter = 15 * time.Second
	// The HTTP/2 windows: by default each answer could park 4 MiB with us unread.
	streamWindow = 64 << 10
	connWindow   = 1 << 20
)

// Options configure a Sender. The zero value works: each field says what its
// zero means.
type Options struct {
	// Policy says where to connect to. Zero: public addresses only.
	Policy Policy
	// TimeLimit is for the whole attempt: name, connection, request, answer.
	// Zero: 15 s. Too short and slow receivers get every webhook again.
	TimeLimit time.Duration
	// ConnectLimit is for the name and the TCP connection, and once more for
	// the TLS handshake. Zero: 5 s, or TimeLimit if that is shorter.
	ConnectLimit time.Duration
	// MaxAnswer is how many bytes of an answer are read. Zero: 16 KiB. A
	// receiver that says more gets a new connection each time.
	MaxAnswer int64
	// Concurrency is how many attempts the caller makes at a time; idle
	// connections are kept for as many. It limits nothing. Zero: 64.
	Concurrency int
	// UserAgent is sent as it is. Empty: "reconciler-webhooks".
	UserAgent string
	// RootCAs are the certificate authorities to trust; nil: the system's.
	RootCAs *x509.CertPool
	// Resolver resolves names; nil: Go's own with the system's settings, whose
	// errors tell an unknown name from a resolver that can't be reached.
	Resolver *net.Resolver
	// DialContext replaces the whole dialer, Policy, Resolver and ConnectLimit
	// with it. For networks in memory; nil: the real one.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// withDefaults fills in what is not set.
func (o Options) withDefaults() Options {
	if o.TimeLimit == 0 {
		o.TimeLimit = DefaultTimeLimit
	}
	if o.ConnectLimit == 0 {
		o.ConnectLimit = min(DefaultConnectLimit, o.TimeLimit)
	}
	if o.MaxAnswer == 0 {
		o.MaxAnswer = DefaultMaxAnswer
	}
	if o.Concurrency == 0 {
		o.Concurrency = DefaultConcurrency
	}
	if o.UserAgent == "" {
		o.UserAgent = DefaultUserAgent
	}
	if o.Resolver == nil {
		o.Resolver = &net.Resolver{PreferGo: true}
	}
	return o
}

// check finds every fault of options that have their defaults.
func (o Options) check() error {
	var faults []error
	if o.TimeLimit < 0 {
		faults = append(faults, errors.New("the time limit must not be negative"))
	}
	if o.ConnectLimit < 0 || o.ConnectLimit > o.TimeLimit {
		faults = append(faults, errors.New("the connect limit must be between 0 and the time limit"))
	}
	if o.MaxAnswer < 0 {
		faults = append(faults, errors.New("the answer limit must not be negative"))
	}
	if o.Concurrency < 0 {
		faults = append(faults, errors.New("the concurrency must not be negative"))
	}
	if !printableASCII(o.UserAgent) {
		faults = append(faults, errors.New("the user agent must be printable ASCII"))
	}
	if err := o.Policy.Check(); err != nil {
		faults = append(faults, fmt.Errorf("address policy: %w", err))
	}
	return errors.Join(faults...)
}

func printableASCII(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// transport makes the one connection pool of a Sender.
func (o Options) transport() *http.Transport {
	dial := o.DialContext
	if dial == nil {
		dial = (&net.Dialer{Timeout: o.ConnectLimit, Resolver: o.Resolver, ControlContext: o.Policy.control}).DialContext
	}
	return &http.Transport{
		Proxy:               nil, // a proxy would connect for us, past the policy
		DialContext:         dial,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
		TLSHandshakeTimeout: o.ConnectLimit,
		ForceAttemptHTTP2:   true, // else a DialContext of one's own turns it off
		// As many idle connections per host as may come back at once, so that a
		// burst to one merchant does not connect anew for each event.
		MaxIdleConnsPerHost:    o.Concurrency,
		MaxIdleConns:           min(max(32*o.Concurrency, 512), 4096),
		IdleConnTimeout:        idleLimit,
		MaxResponseHeaderBytes: maxAnswerHeader,
		DisableCompression:     true, // an excerpt of 1 KiB needs none, and a bomb finds nobody to unpack it
		HTTP2: &http.HTTP2Config{
			SendPingTimeout:               pingAfter,
			MaxReceiveBufferPerStream:     streamWindow,
			MaxReceiveBufferPerConnection: connWindow,
		},
	}
}
