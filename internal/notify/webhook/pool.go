package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"reconciler/internal/secret"
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

// PoolOptions say how one endpoint is reached, where that differs from the
// Sender's Options. The zero value differs in nothing.
type PoolOptions struct {
	// Concurrency is how many attempts the endpoint gets at a time: idle
	// connections are kept for as many. Zero: the Sender's.
	Concurrency int
	// The limits are those of Options. Zero: the Sender's, or TimeLimit where
	// that is shorter.
	TimeLimit, ConnectLimit, TLSLimit, HeaderLimit time.Duration
	// CAs are authorities in PEM that this endpoint's certificate may be of, on
	// top of the Sender's. No secret, and yet nothing for a log.
	CAs secret.Text
	// Client is shown to a receiver that asks who calls.
	Client ClientCertificate
	// Proxy replaces the Sender's; one without a URL means: go directly. nil:
	// the Sender's.
	Proxy *Proxy
}

// Equal reports whether both reach an endpoint in the same way.
func (o PoolOptions) Equal(other PoolOptions) bool {
	proxies := o.Proxy == other.Proxy || o.Proxy != nil && other.Proxy != nil && o.Proxy.equal(*other.Proxy)
	return proxies && o.Concurrency == other.Concurrency &&
		o.TimeLimit == other.TimeLimit && o.ConnectLimit == other.ConnectLimit &&
		o.TLSLimit == other.TLSLimit && o.HeaderLimit == other.HeaderLimit &&
		o.CAs.Reveal() == other.CAs.Reveal() && o.Client.Equal(other.Client)
}

// Pool holds the connections of one endpoint and how they are made. Endpoints
// with a pool each share no connection, even where they share a host: none can
// use up another's streams or windows, or break its requests by breaking its own.
//
// It is safe for concurrent use. It costs some kilobytes while it is idle.
type Pool struct {
	transport *http.Transport
	timeLimit time.Duration
	proxied   bool
}

// Pool makes the pool of an endpoint. It connects to nothing. The caller keeps
// it for as long as the endpoint's settings stay the same, gives it with each
// Request and closes it then. The error names every fault of the options.
func (s *Sender) Pool(o PoolOptions) (*Pool, error) {
	merged := o.over(s.options).withDefaults()
	faults := []error{merged.check()}
	if !o.CAs.IsZero() {
		roots, err := withAuthorities(merged.RootCAs, o.CAs)
		merged.RootCAs, faults = roots, append(faults, named("authorities", err))
	}
	chain, key := o.Client.Check()
	faults = append(faults, named("client certificate", chain), named("client certificate's key", key))
	var certificates []tls.Certificate
	if !o.Client.IsZero() && chain == nil && key == nil {
		pair, err := o.Client.pair()
		certificates, faults = append(certificates, pair), append(faults, named("client certificate", err))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("make an endpoint's pool: %w", err)
	}
	return s.newPool(merged, certificates), nil
}

// named puts the field before what is wrong with it.
func named(field string, err error) error {
	if err != nil {
		err = fmt.Errorf("the %s %w", field, err)
	}
	return err
}

// over puts what o sets in the place of the sender's.
func (o PoolOptions) over(sender Options) Options {
	merged := sender
	if o.Concurrency != 0 {
		merged.Concurrency = o.Concurrency
	}
	if o.TimeLimit != 0 {
		merged.TimeLimit = o.TimeLimit
	}
	for _, limit := range []struct {
		own    time.Duration
		merged *time.Duration
	}{{o.ConnectLimit, &merged.ConnectLimit}, {o.TLSLimit, &merged.TLSLimit}, {o.HeaderLimit, &merged.HeaderLimit}} {
		*limit.merged = min(*limit.merged, merged.TimeLimit)
		if limit.own != 0 {
			*limit.merged = limit.own
		}
	}
	if o.Proxy != nil {
		merged.Proxy = *o.Proxy
	}
	return merged
}

func withAuthorities(roots *x509.CertPool, cas secret.Text) (*x509.CertPool, error) {
	own := certificatesIn(cas.Reveal(), maxAuthorities)
	if len(own) == 0 {
		return nil, ErrCAs
	}
	if roots == nil {
		system, err := x509.SystemCertPool()
		if err != nil {
			return nil, errors.New("can't be added to others: there are no root certificates on this machine")
		}
		roots = system
	}
	roots = roots.Clone()
	for _, authority := range own {
		roots.AddCert(authority)
	}
	return roots, nil
}

// newPool makes a pool by options that are whole and checked.
func (s *Sender) newPool(o Options, certificates []tls.Certificate) *Pool {
	transport := &http.Transport{
		Proxy:                 nil, // the tunnel of dialer is the only proxy: it tells its own faults from the receiver's
		DialContext:           s.counted(o.dialer()),
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs, GetClientCertificate: present(certificates)},
		TLSHandshakeTimeout:   o.TLSLimit,
		ResponseHeaderTimeout: o.HeaderLimit,
		ForceAttemptHTTP2:     true, // else a DialContext of one's own turns it off
		// As many idle connections per host as may come back at once, so that a
		// burst to one merchant does not connect anew for each event.
		MaxIdleConnsPerHost:    o.Concurrency,
		MaxIdleConns:           o.MaxConnections,
		IdleConnTimeout:        idleLimit,
		MaxResponseHeaderBytes: maxAnswerHeader,
		DisableCompression:     true, // an excerpt of 1 KiB needs none, and a bomb finds nobody to unpack it
		HTTP2: &http.HTTP2Config{
			SendPingTimeout:               pingAfter,
			MaxReceiveBufferPerStream:     streamWindow,
			MaxReceiveBufferPerConnection: connWindow,
		},
	}
	return &Pool{transport: transport, timeLimit: o.TimeLimit, proxied: o.Proxy.URL != ""}
}

// present answers receivers that ask for a client certificate with the one
// they accept, or with none. That they asked explains a handshake, or a connection,
// which fails next.
func present(certificates []tls.Certificate) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		p := progressOf(asked.Context())
		p.asked.Store(true)
		for i := range certificates {
			if asked.SupportsCertificate(&certificates[i]) == nil {
				p.unacceptable.Store(factsOf(certificates[i].Leaf).Check(time.Now()) != nil)
				return &certificates[i], nil
			}
		}
		p.unacceptable.Store(true)
		return &tls.Certificate{}, nil
	}
}

// Close closes idle connections. Attempts in flight are not touched, and their
// connections are closed when they have ended.
func (p *Pool) Close() { p.transport.CloseIdleConnections() }

// dialFunc is net.Dialer's DialContext.
type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// dialer is how connections are made: directly and under the policy, or
// through the proxy, or as the caller wants it.
func (o Options) dialer() dialFunc {
	if o.Proxy.URL == "" {
		if o.DialContext != nil {
			return o.DialContext
		}
		return (&net.Dialer{Timeout: o.ConnectLimit, Resolver: o.Resolver, ControlContext: o.Policy.control}).DialContext
	}
	dial := o.DialContext
	if dial == nil {
		dial = (&net.Dialer{Resolver: o.Resolver}).DialContext // the proxy is the operator's, and mostly inside
	}
	return newTunnel(o, dial).dial
}

// counted makes a dial whose connections count in Sender.Connections.
func (s *Sender) counted(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		s.open.Add(1)
		return &openConn{Conn: conn, open: &s.open}, nil
	}
}

// openConn counts itself until it is closed for the first time.
type openConn struct {
	net.Conn
	open   *atomic.Int64
	closed atomic.Bool
}

// Close closes the connection.
func (c *openConn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}
