package webhook

// Reason is the cause within a Class, finer where a merchant can do something
// about it: a closed set, used as it is in records, logs and metric labels.
type Reason string

// The status is not all there is to say about an answer. The Class follows
// from the status all the same.
const (
	ReasonTooLarge    Reason = "too_large"    // the body had not ended at the limit and was read no further
	ReasonBodyTimeout Reason = "body_timeout" // the body had not ended at the time limit
	ReasonBodyReset   Reason = "body_reset"   // the connection ended in the middle of the body
)

// No answer came, for a reason on the receiver's side.
const (
	ReasonDNSNotFound          Reason = "dns_not_found"
	ReasonDNSTimeout           Reason = "dns_timeout"
	ReasonDNSFailed            Reason = "dns_failed"
	ReasonAddressBlocked       Reason = "address_blocked"
	ReasonRefused              Reason = "refused"
	ReasonUnreachable          Reason = "unreachable"
	ReasonConnectTimeout       Reason = "connect_timeout"
	ReasonTLSTimeout           Reason = "tls_timeout"
	ReasonTLSExpired           Reason = "tls_expired"
	ReasonTLSWrongHost         Reason = "tls_wrong_host"
	ReasonTLSUnknownAuthority  Reason = "tls_unknown_authority"
	ReasonTLSCertificate       Reason = "tls_certificate"        // not acceptable for another reason
	ReasonTLSClientCertificate Reason = "tls_client_certificate" // the receiver refuses ours, or wants one
	ReasonTLSProtocol          Reason = "tls_protocol"           // no TLS there, too old a version, or no cipher in common
	ReasonTLSFailed            Reason = "tls_failed"
	ReasonRequestTimeout       Reason = "request_timeout" // the receiver did not take the request; a small one fits into buffers on the way and always counts as taken
	ReasonHeaderTimeout        Reason = "header_timeout"  // the receiver did not answer, or not to the end of its header
	ReasonReset                Reason = "reset"
	ReasonNotHTTP              Reason = "not_http"
	ReasonInvalidRequest       Reason = "invalid_request"
)

// No answer came, for a reason on our side: see Result.OurFault.
const (
	ReasonCanceled         Reason = "canceled"
	ReasonNoNetwork        Reason = "no_network"
	ReasonNoResolver       Reason = "no_resolver"
	ReasonNoSockets        Reason = "no_sockets" // descriptors, ports, memory or permission
	ReasonNoRoots          Reason = "no_roots"
	ReasonProxyUnreachable Reason = "proxy_unreachable"
	ReasonProxyAuth        Reason = "proxy_auth"
	ReasonProxyFailed      Reason = "proxy_failed"
)

// meaning is what a Reason stands for.
type meaning struct {
	reason Reason
	class  Class
	// detail is shown to the merchant. All of it is fixed words: never an
	// address, a URL, a name of a machine or somebody else's text.
	detail string
}

// meanings has every Reason without an answer.
var meanings = []meaning{
	{ReasonDNSNotFound, ClassDNS, "the host's name has no address"},
	{ReasonDNSTimeout, ClassDNS, "the host's name was not resolved in time"},
	{ReasonDNSFailed, ClassDNS, "the host's name could not be resolved"},
	{ReasonAddressBlocked, ClassBlockedAddress, "connecting there is not allowed"},
	{ReasonRefused, ClassRefused, "the connection was refused"},
	{ReasonUnreachable, ClassUnreachable, "there is no way to the host"},
	{ReasonConnectTimeout, ClassConnectTimeout, "no connection in time"},
	{ReasonTLSTimeout, ClassConnectTimeout, "the TLS handshake did not end in time"},
	{ReasonTLSExpired, ClassTLS, "the certificate has expired or is not valid yet"},
	{ReasonTLSWrongHost, ClassTLS, "the certificate is for another name"},
	{ReasonTLSUnknownAuthority, ClassTLS, "the certificate is of an unknown authority"},
	{ReasonTLSCertificate, ClassTLS, "the certificate is not acceptable"},
	{ReasonTLSClientCertificate, ClassTLS, "the receiver does not accept our client certificate, or asks for one"},
	{ReasonTLSProtocol, ClassTLS, "the port does not speak TLS 1.2 or newer, or no cipher of ours"},
	{ReasonTLSFailed, ClassTLS, "the TLS handshake failed"},
	{ReasonRequestTimeout, ClassAnswerTimeout, "the request was not taken in time"},
	{ReasonHeaderTimeout, ClassAnswerTimeout, "no answer in time"},
	{ReasonReset, ClassReset, "the connection ended before an answer"},
	{ReasonNotHTTP, ClassProtocol, "the answer is not acceptable HTTP"},
	{ReasonInvalidRequest, ClassInvalidRequest, "the request can't be made"},

	{ReasonCanceled, ClassCanceled, "the attempt was ended by us"},
	{ReasonNoNetwork, ClassOwnFault, "the sender has no network"},
	{ReasonNoResolver, ClassOwnFault, "the sender can't resolve names"},
	{ReasonNoSockets, ClassOwnFault, "the sender can't open a connection"},
	{ReasonNoRoots, ClassOwnFault, "the sender has no root certificates"},
	{ReasonProxyUnreachable, ClassOwnFault, "the sender can't reach the network"},
	{ReasonProxyAuth, ClassOwnFault, "the sender is not let into the network"},
	{ReasonProxyFailed, ClassOwnFault, "the sender's way into the network failed"},
}

// Reasons lists the closed set.
func Reasons() []Reason {
	all := []Reason{ReasonTooLarge, ReasonBodyTimeout, ReasonBodyReset}
	for _, m := range meanings {
		all = append(all, m.reason)
	}
	return all
}

// ended makes the end of an attempt without an answer.
func (r Reason) ended() ended {
	for _, m := range meanings {
		if m.reason == r {
			return ended(m)
		}
	}
	return ended{reason: r, class: ClassProtocol} // no such reason: a test goes through the constants
}
