package providers

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// once lets a request reach the wire once. Go's transport sends a request again
// by itself when a kept connection breaks before the answer (a GET) or the
// server refuses the stream (HTTP/2); the provider would see two requests within
// its floor, and the first may have been counted. It is stopped on its way to
// another connection. A request that never reached one may go out again; one
// whose headers were handed over counts as written, because whether they left
// the buffer nobody tells.
func once(req *http.Request) (*http.Request, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(req.Context())
	var written atomic.Bool
	trace := &httptrace.ClientTrace{
		WroteHeaders: func() { written.Store(true) },
		GetConn: func(string) {
			if written.Load() {
				cancel(errBroken) // before a connection is dialed for nothing
			}
		},
		GotConn: func(info httptrace.GotConnInfo) {
			if written.Load() {
				cancel(errBroken)
				stopWriting(info.Conn)
			}
		},
	}
	return req.WithContext(httptrace.WithClientTrace(ctx, trace)), func() { cancel(nil) }
}

// stopWriting closes an idle connection that the transport took although the
// request's context had ended: over HTTP/1 it writes first and looks at the
// context later. Over HTTP/2 it looks first, and others use the connection too.
// A trace should leave connections alone; this one carries nobody's request, and
// a closed idle connection is what the transport has to expect at any time.
func stopWriting(conn net.Conn) {
	secure, ok := conn.(interface{ ConnectionState() tls.ConnectionState })
	if ok && secure.ConnectionState().NegotiatedProtocol == "h2" {
		return
	}
	_ = conn.Close() // what fails here has failed already
}

// errBroken stands for the connection that broke under a request that was
// already written.
var errBroken = errors.New("the connection broke before the answer")
