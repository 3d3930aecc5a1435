package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
)

// ended is why an attempt came to no answer.
type ended meaning

// attempt is what classify looks at.
type attempt struct {
	err      error
	caller   context.Context // the context that Send was called with
	limited  context.Context // the same with the time limit
	progress *progress
}

// classify names the reason. The order matters: an end of our own making
// shows as any kind of broken connection, so it is looked for first; the
// policy's refusal, DNS errors and what a proxy says are dial errors too; a
// time-out may sit inside a TLS error.
func classify(a attempt) ended {
	if a.caller.Err() != nil {
		return ReasonCanceled.ended()
	}
	var blocked *BlockedError
	if errors.As(a.err, &blocked) {
		end := ReasonAddressBlocked.ended()
		end.detail = blocked.Error()
		return end
	}
	for _, look := range []func(attempt) Reason{byProxy, byName, byOwnFault, byTime, byTLS, byConnection} {
		if reason := look(a); reason != "" {
			return reason.ended()
		}
	}
	return byProgress(a.progress).ended()
}

// byProgress is for errors without a type of their own. The transport has a
// private one for a new connection that is closed before the request is out.
func byProgress(p *progress) Reason {
	switch {
	case !p.connected.Load():
		return ReasonUnreachable
	case !p.answering.Load():
		return p.broken()
	}
	return ReasonNotHTTP
}

func byProxy(a attempt) Reason {
	var tunnel *tunnelError
	if errors.As(a.err, &tunnel) {
		return tunnel.reason
	}
	return ""
}

// byName reads a resolver's error. What the local socket says about reaching
// the resolver is our own fault; a resolver's silence is not, since it is
// silent too when the receiver's own name servers are.
func byName(a attempt) Reason {
	var dns *net.DNSError
	switch {
	case !errors.As(a.err, &dns):
		return ""
	case dns.IsNotFound:
		return ReasonDNSNotFound
	case dns.IsTimeout:
		return ReasonDNSTimeout
	}
	// DNSError keeps only the text of its cause.
	for _, local := range []struct {
		errno  syscall.Errno
		reason Reason
	}{
		{syscall.EMFILE, ReasonNoSockets}, {syscall.ENFILE, ReasonNoSockets}, {syscall.ECONNREFUSED, ReasonNoResolver},
		{syscall.ENETUNREACH, ReasonNoResolver}, {syscall.EHOSTUNREACH, ReasonNoResolver}, {syscall.EPERM, ReasonNoResolver},
	} {
		if strings.Contains(dns.Err, local.errno.Error()) {
			return local.reason
		}
	}
	return ReasonDNSFailed
}

func byOwnFault(a attempt) Reason {
	var roots x509.SystemRootsError
	if errors.As(a.err, &roots) {
		return ReasonNoRoots
	}
	if errors.Is(a.err, syscall.ENETDOWN) {
		return ReasonNoNetwork
	}
	for _, errno := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL, syscall.EPERM, syscall.EACCES,
	} {
		if errors.Is(a.err, errno) {
			return ReasonNoSockets
		}
	}
	// No route to any IPv4 address: the network is gone. No route to an IPv6
	// address is how a machine without IPv6 meets a receiver without IPv4.
	var op *net.OpError
	if errors.Is(a.err, syscall.ENETUNREACH) && errors.As(a.err, &op) {
		if remote, ok := op.Addr.(*net.TCPAddr); ok && remote.IP.To4() != nil {
			return ReasonNoNetwork
		}
	}
	return ""
}

// byTime tells in which part of the attempt the time ran out, whichever limit
// ended it.
func byTime(a attempt) Reason {
	var timed net.Error
	if a.limited.Err() == nil && !(errors.As(a.err, &timed) && timed.Timeout()) {
		return ""
	}
	return a.progress.lateIn()
}

func byConnection(a attempt) Reason {
	switch {
	case errors.Is(a.err, syscall.ECONNREFUSED):
		return ReasonRefused
	case errors.Is(a.err, syscall.EHOSTUNREACH), errors.Is(a.err, syscall.ENETUNREACH):
		return ReasonUnreachable
	case errors.Is(a.err, syscall.ECONNRESET), errors.Is(a.err, syscall.EPIPE), errors.Is(a.err, syscall.ECONNABORTED),
		errors.Is(a.err, io.EOF), errors.Is(a.err, io.ErrUnexpectedEOF), errors.Is(a.err, io.ErrClosedPipe):
		return a.progress.broken()
	}
	return ""
}

func byTLS(a attempt) Reason {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
	)
	switch {
	case errors.As(a.err, &unknown):
		return ReasonTLSUnknownAuthority
	case errors.As(a.err, &name):
		return ReasonTLSWrongHost
	case errors.As(a.err, &invalid) && invalid.Reason == x509.Expired:
		return ReasonTLSExpired
	case errors.As(a.err, &invalid):
		return ReasonTLSCertificate
	case errors.As(a.err, &record):
		return ReasonTLSProtocol
	}
	if reason := byAlert(a.err, a.progress.asked.Load()); reason != "" {
		return reason
	}
	if a.progress.tlsFailed.Load() {
		return ReasonTLSFailed
	}
	return ""
}

// byAlert reads what the receiver's TLS says in its last word. In TLS 1.3 that
// may come after the handshake, instead of an answer. crypto/tls has no type
// for it, only the texts of RFC 8446 section 6.2. Before TLS 1.3 a missing client
// certificate is a plain handshake failure, so it matters whether one was asked for.
func byAlert(err error, asked bool) Reason {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return ""
	}
	switch strings.TrimPrefix(op.Err.Error(), "tls: ") {
	case "certificate required", "bad certificate", "unsupported certificate", "revoked certificate",
		"expired certificate", "unknown certificate", "unknown certificate authority", "access denied":
		return ReasonTLSClientCertificate
	case "handshake failure":
		if asked {
			return ReasonTLSClientCertificate
		}
		return ReasonTLSProtocol
	case "protocol version not supported", "insufficient security level", "no application protocol":
		return ReasonTLSProtocol
	case "unrecognized name":
		return ReasonTLSWrongHost
	}
	return ReasonTLSFailed
}
