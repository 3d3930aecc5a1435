package webhook

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
)

// What a test can't bring about on loopback, in the form in which the network
// library reports it.
func TestClassify_NamesWhatTheNetworkReports(t *testing.T) {
	v4 := &net.TCPAddr{IP: net.IPv4(1, 1, 1, 1), Port: 443}
	v6 := &net.TCPAddr{IP: net.ParseIP("2606:4700::1"), Port: 443}
	dial := func(to net.Addr, errno syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: to, Err: os.NewSyscallError("connect", errno)}
	}
	tests := []struct {
		name string
		err  error
		want Class
	}{
		{"no route to IPv4", dial(v4, syscall.ENETUNREACH), ClassOwnFault},
		{"no route to IPv6", dial(v6, syscall.ENETUNREACH), ClassUnreachable},
		{"host unreachable", dial(v4, syscall.EHOSTUNREACH), ClassUnreachable},
		{"no free descriptor", dial(v4, syscall.EMFILE), ClassOwnFault},
		{"no free port", dial(v4, syscall.EADDRNOTAVAIL), ClassOwnFault},
		{"own firewall", dial(v4, syscall.EPERM), ClassOwnFault},
		{"kernel gave up connecting", dial(v4, syscall.ETIMEDOUT), ClassConnectTimeout},
		{"no root certificates", fmt.Errorf("tls: %w", x509.SystemRootsError{}), ClassOwnFault},
		{"expired certificate", fmt.Errorf("tls: %w", x509.CertificateInvalidError{Reason: x509.Expired}), ClassTLS},
		{"certificate for another use", fmt.Errorf("tls: %w", x509.CertificateInvalidError{Reason: x509.IncompatibleUsage}), ClassTLS},
		{"resolver's silence", &net.DNSError{Err: "i/o timeout", IsTimeout: true}, ClassDNS},
		{"resolver's failure", &net.DNSError{Err: "server misbehaving", IsTemporary: true}, ClassDNS},
		{"no network to the resolver", &net.DNSError{Err: "dial udp 192.0.2.1:53: connect: network is unreachable", IsTemporary: true}, ClassOwnFault},
		{"no such name", &net.DNSError{Err: "no such host", IsNotFound: true}, ClassDNS},
		{"blocked", &net.OpError{Op: "dial", Addr: v4, Err: &BlockedError{Reason: "port"}}, ClassBlockedAddress},
		{"anything else", fmt.Errorf("something new"), ClassUnreachable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			end := classify(attempt{err: tt.err, caller: t.Context(), limited: t.Context(), progress: &progress{}})
			if end.class != tt.want || end.detail == "" {
				t.Errorf("%+v, want %s", end, tt.want)
			}
		})
	}

	connected := &progress{}
	connected.connected.Store(true)
	if end := classify(attempt{err: fmt.Errorf("something new"), caller: t.Context(), limited: t.Context(), progress: connected}); end.class != ClassReset {
		t.Errorf("anything else, connected: %+v, want %s", end, ClassReset)
	}
	connected.answering.Store(true)
	if end := classify(attempt{err: fmt.Errorf("something new"), caller: t.Context(), limited: t.Context(), progress: connected}); end.class != ClassProtocol {
		t.Errorf("anything else, in an answer: %+v, want %s", end, ClassProtocol)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if end := classify(attempt{err: dial(v4, syscall.ECONNREFUSED), caller: ctx, limited: ctx, progress: &progress{}}); end.class != ClassCanceled {
		t.Errorf("after the caller's end: %+v, want %s", end, ClassCanceled)
	}
}

func TestClassOf_KnowsEveryStatus(t *testing.T) {
	special := map[int]Class{410: ClassGone, 429: ClassRateLimited, 503: ClassUnavailable}
	hundreds := map[int]Class{2: ClassDelivered, 3: ClassRedirect, 4: ClassClientError, 5: ClassServerError}
	for status := range 1000 {
		want, ok := special[status]
		if !ok {
			want, ok = hundreds[status/100]
		}
		if !ok {
			want = ClassProtocol
		}
		if got := ClassOf(status); got != want {
			t.Errorf("status %d is %s, want %s", status, got, want)
		}
		if !slices.Contains(Classes(), ClassOf(status)) {
			t.Errorf("status %d has a class outside the closed set", status)
		}
	}
}
