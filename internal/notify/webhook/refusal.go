package webhook

import (
	"net/http"
	"strings"
)

// refusal reads why a proxy gives no way to the receiver. What the proxy says
// about the receiver counts as if we had met it ourselves; all else is about
// the proxy, and so our own fault.
//
// The words come in a standard form (Proxy-Status, RFC 9209) and in those of
// two common proxies; where there are none, the status has to do: 502 and 504
// are about the receiver (RFC 9110 sections 15.6.3 and 15.6.5), 403 is a rule
// as our own policy is, the rest is the proxy's own trouble.
func refusal(res *http.Response) error {
	reason, ok := proxyStatusReasons[proxyStatus(res.Header.Values("Proxy-Status"))]
	if !ok {
		squid, _, _ := strings.Cut(res.Header.Get("X-Squid-Error"), " ")
		reason, ok = squidReasons[squid]
	}
	if !ok {
		reason = byProxyAnswer(res)
	}
	if reason == ReasonAddressBlocked {
		return &BlockedError{Reason: reasonProxyRule}
	}
	return &tunnelError{reason}
}

func byProxyAnswer(res *http.Response) Reason {
	switch res.StatusCode {
	case http.StatusForbidden:
		return ReasonAddressBlocked
	case http.StatusProxyAuthRequired:
		// smokescreen refuses addresses with this status, and says so beside it.
		if res.Header.Get("X-Smokescreen-Error") != "" {
			return ReasonAddressBlocked
		}
		return ReasonProxyAuth
	case http.StatusBadGateway:
		return ReasonUnreachable
	case http.StatusGatewayTimeout:
		return ReasonConnectTimeout
	}
	return ReasonProxyFailed
}

// proxyStatusReasons are the error types of RFC 9209 section 2.3 that are
// about the receiver. The others (proxy_internal_error, connection_limit_reached
// and more) are about the proxy.
var proxyStatusReasons = map[string]Reason{
	"dns_timeout":               ReasonDNSTimeout,
	"dns_error":                 ReasonDNSFailed,
	"destination_not_found":     ReasonUnreachable,
	"destination_unavailable":   ReasonUnreachable,
	"destination_ip_unroutable": ReasonUnreachable,
	"destination_ip_prohibited": ReasonAddressBlocked,
	"http_request_denied":       ReasonAddressBlocked,
	"connection_refused":        ReasonRefused,
	"connection_terminated":     ReasonReset,
	"connection_timeout":        ReasonConnectTimeout,
	"proxy_internal_error":      ReasonProxyFailed,
	"proxy_internal_response":   ReasonProxyFailed,
	"proxy_configuration_error": ReasonProxyFailed,
	"connection_limit_reached":  ReasonProxyFailed,
}

// squidReasons are the first words of X-Squid-Error: squid answers 503 for
// what is 502 or 504 elsewhere.
var squidReasons = map[string]Reason{
	"ERR_DNS_FAIL":      ReasonDNSFailed,
	"ERR_CONNECT_FAIL":  ReasonUnreachable,
	"ERR_ACCESS_DENIED": ReasonAddressBlocked,
}

// proxyStatus finds the last error type in a Proxy-Status header: that of the
// proxy nearest to us. Empty: there is none.
func proxyStatus(values []string) string {
	all := strings.Join(values, ",")
	at := strings.LastIndex(all, "error=")
	if at < 0 {
		return ""
	}
	found := all[at+len("error="):]
	if end := strings.IndexFunc(found, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }); end >= 0 {
		found = found[:end]
	}
	return found
}
