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
	// top of the Sender's.
	CAs string
	// ClientCertificate is a chain in PEM, its own certificate first, and
	// ClientKey its key in PEM, for receivers that ask who calls (mTLS). Empty: none.
	ClientCertificate string
	ClientKey         secret.Text
	// Proxy replaces the Sender's; one without a URL means: go directly. nil:
	// the Sender's.
	Proxy *Proxy
}

// What can be wrong with an endpoint's certificates. The texts repeat nothing of them.
var (
	ErrCAs               = errors.New("the authorities must be certificates in PEM")
	ErrClientCertificate = errors.New("the client certificate and its key must be in PEM and belong together")
)

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
	if o.CAs != "" {
		roots, err := withAuthorities(merged.RootCAs, o.CAs)
		merged.RootCAs, faults = roots, append(faults, err)
	}
	var certificates []tls.Certificate
	if o.ClientCertificate != "" || !o.ClientKey.IsZero() {
		pair, err := tls.X509KeyPair([]byte(o.ClientCertificate), []byte(o.ClientKey.Reveal()))
		if err != nil {
			faults = append(faults, ErrClientCertificate) // the error's own text may quote the PEM
		}
		certificates = append(certificates, pair)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("make an endpoint's pool: %w", err)
	}
	return s.newPool(merged, certificates), nil
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

func withAuthorities(roots *x509.CertPool, pem string) (*x509.CertPool, error) {
	if roots == nil {
		system, err := x509.SystemCertPool()
		if err != nil {
			return nil, errors.New("there are no root certificates on this machine")
		}
		roots = system
	}
	roots = roots.Clone()
	if !roots.AppendCertsFromPEM([]byte(pem)) {
		return nil, ErrCAs
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
// they accept, or with none. That they asked explains a handshake which fails next.
func present(certificates []tls.Certificate) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		progressOf(asked.Context()).asked.Store(true)
		for i := range certificates {
			if asked.SupportsCertificate(&certificates[i]) == nil {
				return &certificates[i], nil
			}
		}
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
