package webhook

import (
	"context"
	"crypto/tls"
	"net/http/httptrace"
	"sync/atomic"
)

// stage is what a dial is busy with.
type stage int32

const (
	stageConnect stage = iota
	stageResolve
	stageProxy // our way to the proxy
	stageTLS
)

// progress is how far an attempt came. The transport reports from goroutines
// that may outlive the attempt, so every field that changes is atomic.
type progress struct {
	// proxied attempts see the proxy's name and address: they record neither.
	proxied bool

	dialing   atomic.Int32 // the stage of the attempt's own dial; means nothing once connected
	connected atomic.Bool
	wrote     atomic.Bool // the whole request is out
	answering atomic.Bool // the first byte of an answer came
	reused    atomic.Bool
	tlsFailed atomic.Bool
	asked     atomic.Bool // the receiver asked for a client certificate
	// unacceptable: we answered it with none, or with one that is not valid now.
	unacceptable atomic.Bool
	remote       atomic.Pointer[string]
}

// progressKey is where follow puts a progress for the tunnel's dial and the TLS
// handshake.
type progressKey struct{}

// follow makes the context of a request that reports to p.
func (p *progress) follow(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(context.WithValue(ctx, progressKey{}, p), p.trace())
}

// progressOf is the progress that a dial reports to.
func progressOf(ctx context.Context) *progress {
	if p, ok := ctx.Value(progressKey{}).(*progress); ok {
		return p
	}
	return &progress{}
}

func (p *progress) enter(s stage) { p.dialing.Store(int32(s)) }

func (p *progress) trace() *httptrace.ClientTrace {
	trace := &httptrace.ClientTrace{
		// Called again where a kept connection was closed and the request moves
		// to another one.
		GetConn: func(string) {
			p.enter(stageConnect)
			p.connected.Store(false)
			p.wrote.Store(false)
			p.answering.Store(false)
		},
		GotConn: func(info httptrace.GotConnInfo) {
			if !p.proxied {
				remote := info.Conn.RemoteAddr().String()
				p.remote.Store(&remote)
			}
			p.reused.Store(info.Reused)
			p.connected.Store(true)
		},
		WroteRequest:         func(info httptrace.WroteRequestInfo) { p.wrote.Store(info.Err == nil) },
		GotFirstResponseByte: func() { p.answering.Store(true) },
		TLSHandshakeStart:    func() { p.enter(stageTLS) },
		TLSHandshakeDone:     func(_ tls.ConnectionState, err error) { p.tlsFailed.Store(err != nil) },
	}
	if !p.proxied { // else they would tell of the proxy's name
		trace.DNSStart = func(httptrace.DNSStartInfo) { p.enter(stageResolve) }
		trace.DNSDone = func(httptrace.DNSDoneInfo) { p.enter(stageConnect) }
	}
	return trace
}

// lateIn is the reason of an attempt whose time ended now.
func (p *progress) lateIn() Reason {
	if p.connected.Load() {
		if p.wrote.Load() {
			return ReasonHeaderTimeout
		}
		return ReasonRequestTimeout
	}
	switch stage(p.dialing.Load()) {
	case stageResolve:
		return ReasonDNSTimeout
	case stageProxy:
		return ReasonProxyUnreachable
	case stageTLS:
		return ReasonTLSTimeout
	}
	return ReasonConnectTimeout
}

// broken is the reason of a connection that ended before an answer. In TLS 1.3 a
// receiver says that it wants a certificate only after the handshake, and where
// our request is still on its way then, the kernel throws that word away.
func (p *progress) broken() Reason {
	if p.unacceptable.Load() && !p.answering.Load() {
		return ReasonTLSClientCertificate
	}
	return ReasonReset
}

func (p *progress) remoteText() string {
	if remote := p.remote.Load(); remote != nil {
		return *remote
	}
	return ""
}
