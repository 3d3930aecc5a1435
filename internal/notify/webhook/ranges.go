package webhook

import "net/netip"

// Why an address is closed. The words are all that a record shows of it.
const (
	reasonUnspecified   = "unspecified address"
	reasonPrivate       = "private network"
	reasonShared        = "carrier-grade NAT"
	reasonLoopback      = "loopback"
	reasonLinkLocal     = "link-local"
	reasonMetadata      = "cloud metadata service"
	reasonProtocol      = "IETF protocol assignments"
	reasonDocumentation = "documentation"
	reasonBenchmarking  = "benchmarking"
	reasonTranslated    = "translated or tunnelled IPv4"
	reasonInfra         = "infrastructure anycast"
	reasonMulticast     = "multicast"
	reasonReserved      = "reserved"
	reasonPort          = "port"
	reasonNoAddress     = "not an IP address"
	reasonWriting       = "unusual writing of an address"
	reasonProxyRule     = "a rule of the sender's network"
)

// closed is a range that no webhook goes to, unless the operator opens it.
type closed struct {
	prefix netip.Prefix
	reason string
}

// globalUnicast is all of IPv6 that was ever handed out for public use
// (RFC 4291 section 2.4, IANA IPv6 address space). The rest is closed as a
// whole: ::/8 with its embedded IPv4, NAT64, ULA, link-local, multicast.
var globalUnicast = netip.MustParsePrefix("2000::/3")

// closedRanges is taken from IANA's IPv4 and IPv6 special-purpose address
// registries (RFC 6890), with the clouds' metadata addresses that lie outside
// of them. The first match names the reason, so narrow ranges come first.
// IPv4 within IPv6 (::ffff:0:0/96) is unmapped before it is looked up; the
// other ways of writing IPv4 as IPv6 are closed whole, since what is behind
// them depends on a translator we don't see.
var closedRanges = []closed{
	{netip.MustParsePrefix("169.254.169.254/32"), reasonMetadata}, // AWS, Azure, Google and most others
	{netip.MustParsePrefix("169.254.170.2/32"), reasonMetadata},   // AWS container credentials
	{netip.MustParsePrefix("100.100.100.200/32"), reasonMetadata}, // Alibaba
	{netip.MustParsePrefix("168.63.129.16/32"), reasonMetadata},   // Azure's platform service, a public address by its look
	{netip.MustParsePrefix("192.0.0.192/32"), reasonMetadata},     // Oracle
	{netip.MustParsePrefix("fd00:ec2::254/128"), reasonMetadata},  // AWS by IPv6

	{netip.MustParsePrefix("0.0.0.0/8"), reasonUnspecified}, // RFC 791: "this network"
	{netip.MustParsePrefix("10.0.0.0/8"), reasonPrivate},    // RFC 1918
	{netip.MustParsePrefix("100.64.0.0/10"), reasonShared},  // RFC 6598
	{netip.MustParsePrefix("127.0.0.0/8"), reasonLoopback},
	{netip.MustParsePrefix("169.254.0.0/16"), reasonLinkLocal},
	{netip.MustParsePrefix("172.16.0.0/12"), reasonPrivate}, // RFC 1918
	{netip.MustParsePrefix("192.0.0.0/24"), reasonProtocol},
	{netip.MustParsePrefix("192.0.2.0/24"), reasonDocumentation},
	{netip.MustParsePrefix("192.31.196.0/24"), reasonInfra},     // AS112
	{netip.MustParsePrefix("192.52.193.0/24"), reasonInfra},     // AMT
	{netip.MustParsePrefix("192.88.99.0/24"), reasonTranslated}, // 6to4 relays, RFC 7526
	{netip.MustParsePrefix("192.168.0.0/16"), reasonPrivate},    // RFC 1918
	{netip.MustParsePrefix("192.175.48.0/24"), reasonInfra},     // AS112
	{netip.MustParsePrefix("198.18.0.0/15"), reasonBenchmarking},
	{netip.MustParsePrefix("198.51.100.0/24"), reasonDocumentation},
	{netip.MustParsePrefix("203.0.113.0/24"), reasonDocumentation},
	{netip.MustParsePrefix("224.0.0.0/4"), reasonMulticast},
	{netip.MustParsePrefix("240.0.0.0/4"), reasonReserved}, // broadcast too

	// Below 2000::/3 and above; closed anyway, listed for their reasons.
	{netip.MustParsePrefix("::/128"), reasonUnspecified},
	{netip.MustParsePrefix("::1/128"), reasonLoopback},
	{netip.MustParsePrefix("::/96"), reasonTranslated},           // IPv4-compatible, RFC 4291
	{netip.MustParsePrefix("::ffff:0:0:0/96"), reasonTranslated}, // IPv4-translated, RFC 2765
	{netip.MustParsePrefix("64:ff9b::/96"), reasonTranslated},    // NAT64, RFC 6052
	{netip.MustParsePrefix("64:ff9b:1::/48"), reasonTranslated},  // local NAT64, RFC 8215
	{netip.MustParsePrefix("100::/64"), reasonReserved},          // discard only, RFC 6666
	{netip.MustParsePrefix("fc00::/7"), reasonPrivate},           // ULA, RFC 4193
	{netip.MustParsePrefix("fe80::/10"), reasonLinkLocal},
	{netip.MustParsePrefix("fec0::/10"), reasonPrivate}, // site-local, RFC 3879
	{netip.MustParsePrefix("ff00::/8"), reasonMulticast},

	// Inside 2000::/3.
	{netip.MustParsePrefix("2001::/32"), reasonTranslated}, // Teredo, RFC 4380
	{netip.MustParsePrefix("2001:2::/48"), reasonBenchmarking},
	{netip.MustParsePrefix("2001::/23"), reasonProtocol}, // ORCHID and anycast services among them: no place for a webhook
	{netip.MustParsePrefix("2001:db8::/32"), reasonDocumentation},
	{netip.MustParsePrefix("2002::/16"), reasonTranslated}, // 6to4, RFC 3056
	{netip.MustParsePrefix("2620:4f:8000::/48"), reasonInfra},
	{netip.MustParsePrefix("3fff::/20"), reasonDocumentation}, // RFC 9637
}
