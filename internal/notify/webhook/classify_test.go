package webhook

import (
	"context"
	"crypto/x509"
	"errors"
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
	alert := func(text string) error { return &net.OpError{Op: "remote error", Err: errors.New("tls: " + text)} }
	tests := []struct {
		name   string
		err    error
		want   Class
		reason Reason
	}{
		{"no route to IPv4", dial(v4, syscall.ENETUNREACH), ClassOwnFault, ReasonNoNetwork},
		{"no route to IPv6", dial(v6, syscall.ENETUNREACH), ClassUnreachable, ReasonUnreachable},
		{"host unreachable", dial(v4, syscall.EHOSTUNREACH), ClassUnreachable, ReasonUnreachable},
		{"no free descriptor", dial(v4, syscall.EMFILE), ClassOwnFault, ReasonNoSockets},
		{"no free port", dial(v4, syscall.EADDRNOTAVAIL), ClassOwnFault, ReasonNoSockets},
		{"own firewall", dial(v4, syscall.EPERM), ClassOwnFault, ReasonNoSockets},
		{"kernel gave up connecting", dial(v4, syscall.ETIMEDOUT), ClassConnectTimeout, ReasonConnectTimeout},
		{"no root certificates", fmt.Errorf("tls: %w", x509.SystemRootsError{}), ClassOwnFault, ReasonNoRoots},
		{"expired certificate", fmt.Errorf("tls: %w", x509.CertificateInvalidError{Reason: x509.Expired}), ClassTLS, ReasonTLSExpired},
		{"certificate for another use", fmt.Errorf("tls: %w", x509.CertificateInvalidError{Reason: x509.IncompatibleUsage}), ClassTLS, ReasonTLSCertificate},
		{"resolver's silence", &net.DNSError{Err: "i/o timeout", IsTimeout: true}, ClassDNS, ReasonDNSTimeout},
		{"resolver's failure", &net.DNSError{Err: "server misbehaving", IsTemporary: true}, ClassDNS, ReasonDNSFailed},
		{"no network to the resolver", &net.DNSError{Err: "dial udp 192.0.2.1:53: connect: network is unreachable", IsTemporary: true}, ClassOwnFault, ReasonNoResolver},
		{"no such name", &net.DNSError{Err: "no such host", IsNotFound: true}, ClassDNS, ReasonDNSNotFound},
		{"blocked", &net.OpError{Op: "dial", Addr: v4, Err: &BlockedError{Reason: "port"}}, ClassBlockedAddress, ReasonAddressBlocked},
		{"interface down", dial(v4, syscall.ENETDOWN), ClassOwnFault, ReasonNoNetwork},
		{"no descriptor to ask the resolver", &net.DNSError{Err: "dial udp 192.0.2.1:53: socket: too many open files"}, ClassOwnFault, ReasonNoSockets},
		{"client certificate wanted, in TLS 1.3", alert("certificate required"), ClassTLS, ReasonTLSClientCertificate},
		{"client certificate refused", fmt.Errorf("transport: %w", alert("bad certificate")), ClassTLS, ReasonTLSClientCertificate},
		{"no version in common", alert("protocol version not supported"), ClassTLS, ReasonTLSProtocol},
		{"no cipher in common", alert("handshake failure"), ClassTLS, ReasonTLSProtocol},
		{"server name unknown", alert("unrecognized name"), ClassTLS, ReasonTLSWrongHost},
		{"other alert", alert("internal error"), ClassTLS, ReasonTLSFailed},
		{"proxy", fmt.Errorf("dial: %w", &tunnelError{ReasonProxyAuth}), ClassOwnFault, ReasonProxyAuth},
		{"anything else", fmt.Errorf("something new"), ClassUnreachable, ReasonUnreachable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			end := classify(attempt{err: tt.err, caller: t.Context(), limited: t.Context(), progress: &progress{}})
			if end.class != tt.want || end.reason != tt.reason || end.detail == "" {
				t.Errorf("%+v, want %s, %s", end, tt.want, tt.reason)
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

func TestReasons_AreAClosedSet_OfClassesThatAreToo(t *testing.T) {
	seen := map[Reason]bool{}
	for _, reason := range Reasons() {
		if seen[reason] || reason == "" {
			t.Errorf("%q is there twice, or empty", reason)
		}
		seen[reason] = true
	}
	used := map[Class]bool{}
	for _, m := range meanings {
		used[m.class] = true
		if !slices.Contains(Classes(), m.class) {
			t.Errorf("%s has class %q, which there is not", m.reason, m.class)
		}
	}
	for _, class := range Classes() {
		if status := slices.ContainsFunc([]int{200, 300, 400, 410, 429, 500, 503}, func(s int) bool { return ClassOf(s) == class }); !status && !used[class] {
			t.Errorf("%s has no reason", class)
		}
	}
}

func TestSend_SaysThatTheFaultIsOurs_WhereItIs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fails := func(err error) Options {
		return Options{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, err }}
	}
	tests := []struct {
		name   string
		ctx    context.Context
		o      Options
		reason Reason
		ours   bool
	}{
		{"we stop", ctx, fails(syscall.ECONNREFUSED), ReasonCanceled, true},
		{"no descriptors", t.Context(), fails(os.NewSyscallError("socket", syscall.EMFILE)), ReasonNoSockets, true},
		{"interface down", t.Context(), fails(syscall.ENETDOWN), ReasonNoNetwork, true},
		{"refused", t.Context(), fails(syscall.ECONNREFUSED), ReasonRefused, false},
		{"host away", t.Context(), fails(syscall.EHOSTUNREACH), ReasonUnreachable, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result := sendWith(t, tt.ctx, newSender(t, tt.o), request("https://merchant.example"))
			if result.Reason != tt.reason || result.OurFault != tt.ours {
				t.Errorf("%+v, want %s, ours %v", result, tt.reason, tt.ours)
			}
		})
	}
	if result := send(t, newSender(t, Options{}), Request{}); result.Class != ClassInvalidRequest || result.Reason != ReasonInvalidRequest || result.OurFault {
		t.Errorf("no request: %+v", result)
	}
}
