package webhook

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
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

// Options configure a Sender. The zero value works: each field says what its
// zero means.
type Options struct {
	// Policy says where to connect to. Zero: public addresses only.
	Policy Policy
	// TimeLimit is for the whole attempt: name, connection, request, answer.
	// Zero: 15 s. Too short and slow receivers get every webhook again.
	TimeLimit time.Duration
	// ConnectLimit is for the name and the TCP connection, or for the proxy and
	// its answer. Zero: 5 s, or TimeLimit if that is shorter.
	ConnectLimit time.Duration
	// TLSLimit is for the TLS handshake. Zero: as long as ConnectLimit.
	TLSLimit time.Duration
	// HeaderLimit is from the end of the request to the end of the answer's
	// header. Zero: what is left of TimeLimit.
	HeaderLimit time.Duration
	// MaxAnswer is how many bytes of an answer are read. Zero: 16 KiB. A
	// receiver that says more gets a new connection each time.
	MaxAnswer int64
	// Concurrency is how many attempts the caller makes at a time; idle
	// connections are kept for as many. It limits nothing. Zero: 64.
	Concurrency int
	// MaxConnections is how many connections may be open before the pools of
	// single endpoints give up their idle ones as soon as they are idle: slower,
	// but with descriptors left for others. Zero: 32 times Concurrency, at least
	// 512 and at most 4096.
	MaxConnections int
	// UserAgent is sent as it is. Empty: "reconciler-webhooks".
	UserAgent string
	// RootCAs are the certificate authorities to trust; nil: the system's.
	RootCAs *x509.CertPool
	// Proxy is the way out, where there is no other. Its zero value: none.
	Proxy Proxy
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
	if o.TLSLimit == 0 {
		o.TLSLimit = o.ConnectLimit
	}
	if o.MaxAnswer == 0 {
		o.MaxAnswer = DefaultMaxAnswer
	}
	if o.Concurrency == 0 {
		o.Concurrency = DefaultConcurrency
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = min(max(32*o.Concurrency, 512), 4096)
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
	faults := o.limitFaults()
	if o.MaxAnswer < 0 {
		faults = append(faults, errors.New("the answer limit must not be negative"))
	}
	if o.Concurrency < 0 {
		faults = append(faults, errors.New("the concurrency must not be negative"))
	}
	if o.MaxConnections < 0 {
		faults = append(faults, errors.New("the number of connections must not be negative"))
	}
	if !printableASCII(o.UserAgent) {
		faults = append(faults, errors.New("the user agent must be printable ASCII"))
	}
	if err := o.Policy.Check(); err != nil {
		faults = append(faults, fmt.Errorf("address policy: %w", err))
	}
	if err := o.Proxy.Check(); err != nil {
		faults = append(faults, fmt.Errorf("proxy: %w", err))
	}
	return errors.Join(faults...)
}

func (o Options) limitFaults() []error {
	var faults []error
	if o.TimeLimit < 0 {
		faults = append(faults, errors.New("the time limit must not be negative"))
	}
	for _, part := range []struct {
		name  string
		limit time.Duration
	}{{"connect", o.ConnectLimit}, {"TLS", o.TLSLimit}, {"header", o.HeaderLimit}} {
		if part.limit < 0 || part.limit > o.TimeLimit {
			faults = append(faults, fmt.Errorf("the %s limit must be between 0 and the time limit", part.name))
		}
	}
	return faults
}

func printableASCII(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
