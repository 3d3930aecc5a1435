package webhook

import (
	"crypto/tls"
	"net/http/httptrace"
	"sync/atomic"
)

// progress is how far an attempt came. The transport reports from goroutines
// that may outlive the attempt, so every field is atomic.
type progress struct {
	connected atomic.Bool
	answering atomic.Bool // the first byte of an answer came
	reused    atomic.Bool
	tlsFailed atomic.Bool
	remote    atomic.Pointer[string]
}

func (p *progress) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		// Called again where a kept connection was closed and the request moves
		// to another one.
		GetConn: func(string) { p.connected.Store(false); p.answering.Store(false) },
		GotConn: func(info httptrace.GotConnInfo) {
			remote := info.Conn.RemoteAddr().String()
			p.remote.Store(&remote)
			p.reused.Store(info.Reused)
			p.connected.Store(true)
		},
		GotFirstResponseByte: func() { p.answering.Store(true) },
		TLSHandshakeDone:     func(_ tls.ConnectionState, err error) { p.tlsFailed.Store(err != nil) },
	}
}

func (p *progress) remoteText() string {
	if remote := p.remote.Load(); remote != nil {
		return *remote
	}
	return ""
}
