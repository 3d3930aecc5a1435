package webhook

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
)

func TestPolicy_PermitsPublicUnicastOnly(t *testing.T) {
	tests := []struct{ name, addr, reason string }{
		{"public", "1.1.1.1", ""},
		{"public, mapped", "::ffff:1.1.1.1", ""},
		{"public IPv6", "2606:4700:4700::1111", ""},
		{"public IPv6, another registry", "2a00:1450:4001:800::200e", ""},
		{"below the shared range", "100.63.255.255", ""},
		{"above the shared range", "100.128.0.0", ""},
		{"below 172.16/12", "172.15.255.255", ""},
		{"above 172.16/12", "172.32.0.0", ""},
		{"last before multicast", "223.255.255.255", ""},

		{"loopback", "127.0.0.1", reasonLoopback},
		{"loopback, far end", "127.255.255.254", reasonLoopback},
		{"loopback, mapped", "::ffff:127.0.0.1", reasonLoopback},
		{"loopback, mapped, in hex", "::ffff:7f00:1", reasonLoopback},
		{"loopback IPv6", "::1", reasonLoopback},
		{"loopback, IPv4-compatible", "::127.0.0.1", reasonTranslated},
		{"unspecified", "0.0.0.0", reasonUnspecified},
		{"unspecified, mapped", "::ffff:0.0.0.0", reasonUnspecified},
		{"unspecified IPv6", "::", reasonUnspecified},
		{"this network", "0.1.2.3", reasonUnspecified},
		{"private 10/8", "10.0.0.1", reasonPrivate},
		{"private 172.16/12, first", "172.16.0.0", reasonPrivate},
		{"private 172.16/12, last", "172.31.255.255", reasonPrivate},
		{"private 192.168/16", "192.168.1.1", reasonPrivate},
		{"private, mapped", "::ffff:10.0.0.1", reasonPrivate},
		{"ULA", "fd12:3456:789a::1", reasonPrivate},
		{"site-local", "fec0::1", reasonPrivate},
		{"carrier-grade NAT", "100.64.0.1", reasonShared},
		{"carrier-grade NAT, last", "100.127.255.255", reasonShared},
		{"link-local", "169.254.1.1", reasonLinkLocal},
		{"link-local IPv6", "fe80::1", reasonLinkLocal},
		{"link-local IPv6 with zone", "fe80::1%eth0", reasonLinkLocal},
		{"metadata", "169.254.169.254", reasonMetadata},
		{"metadata, mapped", "::ffff:169.254.169.254", reasonMetadata},
		{"metadata of containers", "169.254.170.2", reasonMetadata},
		{"metadata at Alibaba", "100.100.100.200", reasonMetadata},
		{"metadata at Azure", "168.63.129.16", reasonMetadata},
		{"metadata at Oracle", "192.0.0.192", reasonMetadata},
		{"metadata by IPv6", "fd00:ec2::254", reasonMetadata},
		{"protocol assignments", "192.0.0.8", reasonProtocol},
		{"documentation 1", "192.0.2.1", reasonDocumentation},
		{"documentation 2", "198.51.100.1", reasonDocumentation},
		{"documentation 3", "203.0.113.1", reasonDocumentation},
		{"documentation IPv6", "2001:db8::1", reasonDocumentation},
		{"documentation IPv6, new", "3fff:0:1::1", reasonDocumentation},
		{"benchmarking", "198.18.0.1", reasonBenchmarking},
		{"benchmarking, last", "198.19.255.255", reasonBenchmarking},
		{"benchmarking IPv6", "2001:2::1", reasonBenchmarking},
		{"AS112", "192.175.48.1", reasonInfra},
		{"AS112 IPv6", "2620:4f:8000::1", reasonInfra},
		{"6to4 relay", "192.88.99.1", reasonTranslated},
		{"multicast", "224.0.0.1", reasonMulticast},
		{"multicast, last", "239.255.255.255", reasonMulticast},
		{"multicast IPv6", "ff02::1", reasonMulticast},
		{"reserved", "240.0.0.1", reasonReserved},
		{"broadcast", "255.255.255.255", reasonReserved},
		{"NAT64 of loopback", "64:ff9b::7f00:1", reasonTranslated},
		{"NAT64 of a public address", "64:ff9b::1.1.1.1", reasonTranslated},
		{"local NAT64", "64:ff9b:1::a00:1", reasonTranslated},
		{"IPv4-translated", "::ffff:0:127.0.0.1", reasonTranslated},
		{"6to4 of a private address", "2002:a00:1::1", reasonTranslated},
		{"Teredo", "2001:0:4136:e378:8000:63bf:3fff:fdd2", reasonTranslated},
		{"ORCHIDv2", "2001:20::1", reasonProtocol},
		{"discard only", "100::1", reasonReserved},
		{"segment routing", "5f00::1", reasonReserved},
		{"never handed out", "4000::1", reasonReserved},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr := netip.MustParseAddr(tt.addr)
			assertPermit(t, Policy{}, netip.AddrPortFrom(addr, 443), tt.reason)
			bits := addr.Unmap().BitLen()
			opened := Policy{Allow: []netip.Prefix{netip.PrefixFrom(addr.Unmap().WithZone(""), bits)}}
			assertPermit(t, opened, netip.AddrPortFrom(addr, 443), "")
		})
	}
	assertPermit(t, Policy{}, netip.AddrPort{}, "not an IP address")
}

func assertPermit(t *testing.T, p Policy, remote netip.AddrPort, reason string) {
	t.Helper()
	err := p.Permit(remote)
	if reason == "" {
		if err != nil {
			t.Errorf("%s is refused: %v", remote, err)
		}
		return
	}
	var blocked *BlockedError
	if !errors.As(err, &blocked) || blocked.Reason != reason {
		t.Errorf("%s: %v, want reason %q", remote, err, reason)
		return
	}
	if strings.Contains(err.Error(), remote.Addr().String()) {
		t.Errorf("the address shows in %q", err)
	}
}

func TestPolicy_OpensOnlyWhatIsAllowed(t *testing.T) {
	p := Policy{Allow: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")}, Ports: []uint16{443, 8443}}
	assertPermit(t, p, netip.MustParseAddrPort("10.20.3.4:443"), "")
	assertPermit(t, p, netip.MustParseAddrPort("[::ffff:10.20.3.4]:8443"), "")
	assertPermit(t, p, netip.MustParseAddrPort("10.21.0.1:443"), reasonPrivate)
	assertPermit(t, p, netip.MustParseAddrPort("10.20.3.4:22"), "port")
	assertPermit(t, p, netip.MustParseAddrPort("1.1.1.1:80"), "port")
	assertPermit(t, p, netip.MustParseAddrPort("1.1.1.1:443"), "")
}

func TestPolicy_RefusesRangesThatWouldMatchNothing(t *testing.T) {
	for name, p := range map[string]Policy{
		"no network":  {Allow: []netip.Prefix{{}}},
		"mapped IPv4": {Allow: []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}},
		"port 0":      {Ports: []uint16{443, 0}},
	} {
		if p.Check() == nil {
			t.Errorf("%s: Check found nothing", name)
		}
	}
	if err := loopback.Check(); err != nil {
		t.Errorf("a good policy is refused: %v", err)
	}
}

// Whatever the URL says, what counts is where the connection would go. The
// resolver stands for those that read 0x7f000001 as an address.
func TestSend_ReachesNoClosedAddress_HoweverItIsWritten(t *testing.T) {
	var hits atomic.Int32
	srv := serve(t, (*httptest.Server).Start, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := newSender(t, Options{Resolver: resolveTo(netip.MustParseAddr("127.0.0.1"))})
	for host, class := range map[string]Class{
		"127.0.0.1": ClassBlockedAddress, "0.0.0.0": ClassBlockedAddress, "localhost": ClassBlockedAddress, "merchant.example": ClassBlockedAddress,
		"[::1]": ClassBlockedAddress, "[::]": ClassBlockedAddress, "[fe80::1%25lo]": ClassBlockedAddress,
		"[::ffff:127.0.0.1]": ClassBlockedAddress, "[::ffff:7f00:1]": ClassBlockedAddress,
		"0x7f.0.0.1": ClassBlockedAddress, "0x7f000001": ClassBlockedAddress, // names for Go, addresses for some resolvers
		"2130706433": ClassDNS, "0177.0.0.1": ClassDNS, "127.1": ClassDNS, "127.0.0.1.": ClassDNS, // no names: nobody is asked
	} {
		t.Run(host, func(t *testing.T) {
			result := send(t, s, request("http://"+host+":"+port))
			if result.Class != class || result.Remote != "" {
				t.Errorf("%+v, want %s", result, class)
			}
		})
	}
	if hits.Load() != 0 {
		t.Errorf("%d requests reached the closed address", hits.Load())
	}
}

func TestSend_JudgesTheResolvedAddress_WhenConnecting(t *testing.T) {
	var hits atomic.Int32
	srv := serve(t, (*httptest.Server).Start, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		address string
		policy  Policy
		class   Class
		hits    int32
	}{
		{"private", "10.0.0.7", Policy{}, ClassBlockedAddress, 0},
		{"metadata", "169.254.169.254", Policy{}, ClassBlockedAddress, 0},
		{"loopback", "127.0.0.1", Policy{}, ClassBlockedAddress, 0},
		{"loopback opened, port closed", "127.0.0.1", Policy{Allow: loopback.Allow, Ports: []uint16{443}}, ClassBlockedAddress, 0},
		{"loopback opened", "127.0.0.1", loopback, ClassDelivered, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hits.Store(0)
			s := newSender(t, Options{Policy: tt.policy, Resolver: resolveTo(netip.MustParseAddr(tt.address))})
			result := send(t, s, request("http://merchant.example:"+port))
			if result.Class != tt.class || hits.Load() != tt.hits {
				t.Errorf("%s with %d requests, want %s with %d", result.Class, hits.Load(), tt.class, tt.hits)
			}
		})
	}
}
