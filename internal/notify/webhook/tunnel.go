package webhook

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// tunnel makes connections through a proxy.
type tunnel struct {
	dialProxy dialFunc
	policy    Policy
	address   string      // the proxy's host:port
	tls       *tls.Config // nil: plain
	header    http.Header
	limit     time.Duration
}

// newTunnel takes options whose proxy is set and checked.
func newTunnel(o Options, dial dialFunc) *tunnel {
	t := &tunnel{dialProxy: dial, policy: o.Policy, limit: o.ConnectLimit, header: http.Header{"User-Agent": {o.UserAgent}}}
	if u, err := url.Parse(o.Proxy.URL); err == nil {
		t.address = u.Host
		if u.Scheme == "https" {
			t.tls = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs, ServerName: u.Hostname()}
		}
	}
	if authorization := o.Proxy.authorization(); authorization != "" {
		t.header.Set("Proxy-Authorization", authorization)
	}
	return t
}

// tunnelError is the end of a dial at the proxy or by its word.
type tunnelError struct{ reason Reason }

// Error names the reason.
func (e *tunnelError) Error() string { return "webhook proxy: " + string(e.reason) }

// dial gives a connection to the address by way of the proxy. The limit is for
// all of it. Time that runs out before the proxy is reached is our fault; after
// that the proxy is waiting for the receiver.
func (t *tunnel) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if err := t.permit(address); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, t.limit)
	defer cancel()
	p := progressOf(ctx)
	p.enter(stageProxy)
	conn, err := t.reach(ctx, network)
	if err != nil {
		return nil, &tunnelError{ReasonProxyUnreachable}
	}
	p.enter(stageConnect)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err = t.connect(conn, address)
	if stop() && err == nil {
		return conn, nil
	}
	_ = conn.Close()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, err
}

func (t *tunnel) permit(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return &BlockedError{Reason: reasonWriting}
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return &BlockedError{Reason: reasonPort}
	}
	return t.policy.permitName(host, uint16(number))
}

// reach connects to the proxy itself.
func (t *tunnel) reach(ctx context.Context, network string) (net.Conn, error) {
	conn, err := t.dialProxy(ctx, network, t.address)
	if err != nil || t.tls == nil {
		return conn, err
	}
	secured := tls.Client(conn, t.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secured, nil
}

// connect asks the proxy for the way to the address (RFC 9110 section 9.3.6).
func (t *tunnel) connect(conn net.Conn, address string) error {
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: t.header}
	if err := request.Write(conn); err != nil {
		return &tunnelError{ReasonProxyFailed}
	}
	reader := bufio.NewReader(io.LimitReader(conn, maxAnswerHeader))
	res, err := http.ReadResponse(reader, request)
	if err != nil {
		return &tunnelError{ReasonProxyFailed}
	}
	_ = res.Body.Close() // what follows is the tunnel's
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return refusal(res)
	}
	if reader.Buffered() > 0 { // nobody speaks before us, neither in TLS nor in HTTP
		return &tunnelError{ReasonProxyFailed}
	}
	return nil
}
