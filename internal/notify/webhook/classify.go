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
type ended struct {
	class Class
	// detail says it in words of ours, of a closed set: never an address, a
	// URL or somebody else's text.
	detail string
}

// attempt is what classify looks at.
type attempt struct {
	err      error
	caller   context.Context // the context that Send was called with
	limited  context.Context // the same with the time limit
	progress *progress
}

// classify names the reason. The order matters: an end of our own making
// shows as any kind of broken connection, so it is looked for first; the
// policy's refusal and DNS errors are dial errors too; a time-out may sit
// inside a TLS error.
func classify(a attempt) ended {
	if a.caller.Err() != nil {
		return ended{ClassCanceled, "the attempt was ended by us"}
	}
	for _, look := range []func(attempt) (ended, bool){byPolicy, byName, byOwnFault, byTime, byTLS, byConnection} {
		if end, ok := look(a); ok {
			return end
		}
	}
	return byProgress(a.progress)
}

// byProgress is for errors without a type of their own. The transport has a
// private one for a new connection that is closed before the request is out.
func byProgress(p *progress) ended {
	switch {
	case !p.connected.Load():
		return ended{ClassUnreachable, "no connection came about"}
	case !p.answering.Load():
		return ended{ClassReset, "the connection ended before an answer"}
	}
	return ended{ClassProtocol, "the answer is not acceptable HTTP"}
}

func byPolicy(a attempt) (ended, bool) {
	var blocked *BlockedError
	if !errors.As(a.err, &blocked) {
		return ended{}, false
	}
	return ended{ClassBlockedAddress, blocked.Error()}, true
}

// byName reads a resolver's error. What the local socket says about reaching
// the resolver is our own fault; a resolver's silence is not, since it is
// silent too when the receiver's own name servers are.
func byName(a attempt) (ended, bool) {
	var dns *net.DNSError
	switch {
	case !errors.As(a.err, &dns):
		return ended{}, false
	case dns.IsNotFound:
		return ended{ClassDNS, "the host's name has no address"}, true
	case dns.IsTimeout:
		return ended{ClassDNS, "the host's name was not resolved in time"}, true
	}
	// DNSError keeps only the text of its cause.
	for _, local := range []error{syscall.ECONNREFUSED, syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EPERM, syscall.EMFILE} {
		if strings.Contains(dns.Err, local.Error()) {
			return ended{ClassOwnFault, "the name server can't be reached"}, true
		}
	}
	return ended{ClassDNS, "the host's name could not be resolved"}, true
}

func byOwnFault(a attempt) (ended, bool) {
	var roots x509.SystemRootsError
	if errors.As(a.err, &roots) {
		return ended{ClassOwnFault, "there are no root certificates on this machine"}, true
	}
	for _, errno := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL,
		syscall.ENETDOWN, syscall.EPERM, syscall.EACCES,
	} {
		if errors.Is(a.err, errno) {
			return ended{ClassOwnFault, "this machine can't open a connection"}, true
		}
	}
	// No route to any IPv4 address: the network is gone. No route to an IPv6
	// address is how a machine without IPv6 meets a receiver without IPv4.
	var op *net.OpError
	if errors.Is(a.err, syscall.ENETUNREACH) && errors.As(a.err, &op) {
		if remote, ok := op.Addr.(*net.TCPAddr); ok && remote.IP.To4() != nil {
			return ended{ClassOwnFault, "this machine has no network"}, true
		}
	}
	return ended{}, false
}

func byTime(a attempt) (ended, bool) {
	var timed net.Error
	if a.limited.Err() == nil && !(errors.As(a.err, &timed) && timed.Timeout()) {
		return ended{}, false
	}
	if a.progress.connected.Load() {
		return ended{ClassAnswerTimeout, "no answer in time"}, true
	}
	return ended{ClassConnectTimeout, "no connection in time"}, true
}

func byTLS(a attempt) (ended, bool) {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
	)
	switch {
	case errors.As(a.err, &unknown):
		return ended{ClassTLS, "the certificate is of an unknown authority"}, true
	case errors.As(a.err, &name):
		return ended{ClassTLS, "the certificate is for another name"}, true
	case errors.As(a.err, &invalid) && invalid.Reason == x509.Expired:
		return ended{ClassTLS, "the certificate has expired or is not valid yet"}, true
	case errors.As(a.err, &invalid):
		return ended{ClassTLS, "the certificate is not acceptable"}, true
	case errors.As(a.err, &record):
		return ended{ClassTLS, "the port does not speak TLS"}, true
	case a.progress.tlsFailed.Load():
		return ended{ClassTLS, "the TLS handshake failed"}, true
	}
	return ended{}, false
}

func byConnection(a attempt) (ended, bool) {
	switch {
	case errors.Is(a.err, syscall.ECONNREFUSED):
		return ended{ClassRefused, "the connection was refused"}, true
	case errors.Is(a.err, syscall.EHOSTUNREACH), errors.Is(a.err, syscall.ENETUNREACH):
		return ended{ClassUnreachable, "there is no way to the host"}, true
	case errors.Is(a.err, syscall.ECONNRESET), errors.Is(a.err, syscall.EPIPE), errors.Is(a.err, syscall.ECONNABORTED),
		errors.Is(a.err, io.EOF), errors.Is(a.err, io.ErrUnexpectedEOF), errors.Is(a.err, io.ErrClosedPipe):
		return ended{ClassReset, "the connection ended before an answer"}, true
	}
	return ended{}, false
}
