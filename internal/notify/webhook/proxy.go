package webhook

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"net/url"
	"strings"

	"reconciler/internal/secret"
)

// Proxy is a forward proxy that webhooks go through by HTTP CONNECT, https and
// http alike, so it sees no webhook of an https endpoint. The zero value is none.
//
// Through a proxy the name is resolved there, so the address policy can't judge
// the address and the proxy must: what is left here are the list of ports, and
// hosts that are addresses themselves, in any writing, or localhost. The proxy's
// own address is the operator's choice and not judged.
type Proxy struct {
	// URL is http or https with a host and a port, nothing else.
	URL string
	// User and Password are for Basic authentication; empty: none.
	User     string
	Password secret.Text
}

// ErrProxy is for a proxy that can't be used as it is written. The text repeats nothing.
var ErrProxy = errors.New("must be http:// or https:// with a host and a port, and nothing else; user and password apart, the user without a colon")

// Check says what is wrong with the proxy itself: nil or ErrProxy.
func (p Proxy) Check() error {
	if p.URL == "" {
		return nil
	}
	u, err := url.Parse(p.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Port() == "" ||
		u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return ErrProxy
	}
	if strings.Contains(p.User, ":") || !printableASCII(p.User) {
		return ErrProxy
	}
	return nil
}

func (p Proxy) equal(other Proxy) bool {
	return p.URL == other.URL && p.User == other.User && p.Password.Reveal() == other.Password.Reveal()
}

// authorization is the value of Proxy-Authorization; empty: none is sent.
func (p Proxy) authorization() string {
	if p.User == "" {
		return ""
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(p.User+":"+p.Password.Reveal()))
}

// permitName decides about a host and port that somebody else will resolve.
func (p Policy) permitName(host string, port uint16) error {
	if addr, err := netip.ParseAddr(host); err == nil {
		return p.Permit(netip.AddrPortFrom(addr, port))
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	switch {
	case !p.permitsPort(port):
		return &BlockedError{Reason: reasonPort}
	case name == "localhost", strings.HasSuffix(name, ".localhost"):
		return &BlockedError{Reason: reasonLoopback}
	case endsInNumber(name):
		return &BlockedError{Reason: reasonWriting}
	}
	return nil
}

// endsInNumber tells the hosts that many resolvers read as an IPv4 address:
// 2130706433, 0177.0.0.1, 0x7f.1. No public name ends like that (WHATWG URL,
// "ends in a number").
func endsInNumber(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last == "" || strings.Trim(last, "0123456789") == ""
}
