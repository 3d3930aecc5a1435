package webhook

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

var errNotInTests = errors.New("the policy let it through")

// watched makes a Sender whose dialer counts what the policy lets through, and
// goes no further: a hole in the policy must not let a test out of the machine.
func watched(t *testing.T, o Options) (*Sender, *atomic.Int32) {
	t.Helper()
	passed := new(atomic.Int32)
	dialer := &net.Dialer{Resolver: o.Resolver, ControlContext: func(ctx context.Context, network, address string, c syscall.RawConn) error {
		if err := o.Policy.control(ctx, network, address, c); err != nil {
			return err
		}
		passed.Add(1)
		return errNotInTests
	}}
	o.DialContext = dialer.DialContext
	return newSender(t, o), passed
}

// closedAddresses has one of each kind that nothing is ever sent to.
func closedAddresses() map[string]string {
	return map[string]string{
		"loopback": "127.0.0.1", "loopback, far end": "127.255.255.254", "loopback IPv6": "::1",
		"unspecified": "0.0.0.0", "unspecified IPv6": "::", "this network": "0.1.2.3",
		"link-local": "169.254.1.1", "link-local IPv6": "fe80::1", "link-local IPv6 with a zone": "fe80::1%lo",
		"metadata": "169.254.169.254", "metadata of containers": "169.254.170.2", "metadata at Alibaba": "100.100.100.200",
		"metadata at Azure": "168.63.129.16", "metadata at Oracle": "192.0.0.192", "metadata IPv6": "fd00:ec2::254",
		"private 10/8": "10.0.0.1", "private 172.16/12": "172.31.255.255", "private 192.168/16": "192.168.0.1",
		"ULA": "fd12:3456:789a::1", "site-local": "fec0::1", "CGNAT": "100.64.0.1", "multicast": "224.0.0.1", "multicast IPv6": "ff02::1",
		"documentation": "192.0.2.1", "documentation 2": "198.51.100.1", "documentation 3": "203.0.113.1", "documentation IPv6": "2001:db8::1",
		"documentation IPv6, new": "3fff::1", "benchmark": "198.18.0.1", "benchmark IPv6": "2001:2::1", "reserved": "240.0.0.1", "broadcast": "255.255.255.255",
		"IPv4-mapped loopback": "::ffff:127.0.0.1", "IPv4-mapped private": "::ffff:10.0.0.1", "IPv4-mapped metadata": "::ffff:169.254.169.254",
		"IPv4-compatible": "::127.0.0.1", "IPv4-translated": "::ffff:0:127.0.0.1",
		"NAT64 of loopback": "64:ff9b::7f00:1", "NAT64 of metadata": "64:ff9b::a9fe:a9fe", "local NAT64": "64:ff9b:1::a00:1",
		"6to4 of loopback": "2002:7f00:1::1", "6to4 of private": "2002:a00:1::1", "Teredo": "2001:0:4136:e378:8000:63bf:3fff:fdd2",
	}
}

func TestPolicy_IsNeverPassed_ByAnAddressOrANameOfIt(t *testing.T) {
	for name, text := range closedAddresses() {
		t.Run(name, func(t *testing.T) {
			addr := netip.MustParseAddr(text)
			host := text
			if addr.Is6() {
				host = "[" + strings.Replace(text, "%", "%25", 1) + "]"
			}
			s, passed := watched(t, Options{})
			for _, r := range []Request{request("https://" + host), request("http://" + host + ":8080")} {
				if result := send(t, s, r); result.Class != ClassBlockedAddress || result.Reason != ReasonAddressBlocked || result.OurFault {
					t.Errorf("%+v, want %s", result, ClassBlockedAddress)
				}
			}
			if addr.Is4() {
				byName, passedByName := watched(t, Options{Resolver: resolveTo(addr)})
				if result := send(t, byName, request("https://merchant.example")); result.Class != ClassBlockedAddress || passedByName.Load() != 0 {
					t.Errorf("by name: %+v, want %s", result, ClassBlockedAddress)
				}
			}
			if passed.Load() != 0 {
				t.Errorf("%d connections were begun", passed.Load())
			}
		})
	}
}

func TestPolicy_IsNeverPassed_HoweverTheHostIsWritten(t *testing.T) {
	hosts := []string{
		"2130706433", "017700000001", "0x7f000001", "0177.0.0.1", "0x7f.1", "0x7f.0.0.1", "127.1", "127.0.1", "127.0.0.1.", "0", "0.0.0.0.",
		"%31%32%37.0.0.1", "①②⑦.0.0.1", "127。0。0。1", "localhost", "LOCALHOST.", "[0:0:0:0:0:ffff:7f00:1]", "[::ffff:0x7f.1]", "127.0.0.1%00.merchant.example",
	}
	for _, host := range hosts {
		t.Run(host, func(t *testing.T) {
			// The resolver stands for those that read any of these as 127.0.0.1.
			s, passed := watched(t, Options{Resolver: resolveTo(netip.MustParseAddr("127.0.0.1"))})
			result := send(t, s, request("http://"+host+"/"))
			switch result.Class {
			case ClassBlockedAddress, ClassDNS, ClassInvalidRequest:
			default:
				t.Errorf("%+v, want no connection", result)
			}
			if passed.Load() != 0 {
				t.Errorf("%d connections were begun", passed.Load())
			}
		})
	}
}

func TestPolicy_LetsPublicAddressesThrough(t *testing.T) {
	for _, host := range []string{"93.184.215.14", "[2606:2800:21f::1]", "[::ffff:93.184.215.14]"} {
		s, passed := watched(t, Options{})
		s.Send(t.Context(), request("https://"+host))
		if passed.Load() != 1 {
			t.Errorf("%s: %d connections were begun, want 1", host, passed.Load())
		}
	}
}

func TestPolicy_OpensExactlyWhatItNames_AtTheListener(t *testing.T) {
	var hits atomic.Int32
	srv := serve(t, (*httptest.Server).Start, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	at := netip.MustParseAddrPort(srv.Listener.Addr().String())
	other := "http://" + netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), at.Port()).String()
	only := []netip.Prefix{netip.PrefixFrom(at.Addr(), 32)}
	tests := []struct {
		name   string
		policy Policy
		base   string
		class  Class
	}{
		{"nothing opened", Policy{}, srv.URL, ClassBlockedAddress},
		{"its address", Policy{Allow: only}, srv.URL, ClassDelivered},
		{"its address and port", Policy{Allow: only, Ports: []uint16{443, at.Port()}}, srv.URL, ClassDelivered},
		{"another port", Policy{Allow: only, Ports: []uint16{443}}, srv.URL, ClassBlockedAddress},
		{"the neighbour", Policy{Allow: only}, other, ClassBlockedAddress},
		{"another range", Policy{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, srv.URL, ClassBlockedAddress},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hits.Store(0)
			result := send(t, newSender(t, Options{Policy: tt.policy}), request(tt.base))
			if result.Class != tt.class || (hits.Load() == 1) != (tt.class == ClassDelivered) {
				t.Errorf("%+v with %d requests, want %s", result, hits.Load(), tt.class)
			}
		})
	}
}
