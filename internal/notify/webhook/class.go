package webhook

import "net/http"

// Class is what came of an attempt: a closed set, used as it is in records,
// logs and metric labels.
type Class string

// An HTTP answer came. Class follows from its status alone (see ClassOf).
const (
	ClassDelivered   Class = "delivered"    // 2xx
	ClassRedirect    Class = "redirect"     // 3xx, 304 too; never followed
	ClassGone        Class = "gone"         // 410: the receiver wants no more
	ClassRateLimited Class = "rate_limited" // 429
	ClassClientError Class = "client_error" // every other 4xx
	ClassUnavailable Class = "unavailable"  // 503
	ClassServerError Class = "server_error" // every other 5xx
	ClassProtocol    Class = "protocol"     // not HTTP, headers over the limit, or a status outside 200 to 599
)

// No HTTP answer came, for a reason on the receiver's side.
const (
	ClassDNS            Class = "dns"             // the name has no address, or nobody answered for it
	ClassBlockedAddress Class = "blocked_address" // the policy forbids the address or port
	ClassRefused        Class = "refused"         // nobody listens
	ClassUnreachable    Class = "unreachable"     // no way to the host, or no connection for another reason
	ClassConnectTimeout Class = "connect_timeout" // no connection, TLS included, within the limit
	ClassTLS            Class = "tls"             // certificate or TLS version not acceptable, to us or to them
	ClassAnswerTimeout  Class = "answer_timeout"  // connected, but no whole answer header within the limit
	ClassReset          Class = "reset"           // the connection ended before an answer, or in the middle of its header
)

// No HTTP answer came, for a reason on our side.
const (
	ClassInvalidRequest Class = "invalid_request" // the URL, id or secrets can't make a request: a setting to correct
	ClassCanceled       Class = "canceled"        // the caller ended the attempt, at shutdown
	ClassOwnFault       Class = "own_fault"       // no network, no resolver, no free socket or no root certificates here
)

// Classes lists the closed set.
func Classes() []Class {
	return []Class{
		ClassDelivered, ClassRedirect, ClassGone, ClassRateLimited, ClassClientError, ClassUnavailable, ClassServerError,
		ClassProtocol, ClassDNS, ClassBlockedAddress, ClassRefused, ClassUnreachable, ClassConnectTimeout, ClassTLS,
		ClassAnswerTimeout, ClassReset, ClassInvalidRequest, ClassCanceled, ClassOwnFault,
	}
}

// ClassOf is the class of an HTTP status. Statuses without a meaning for a
// webhook (1xx as a last answer, under 100, over 599) are ClassProtocol.
func ClassOf(status int) Class {
	switch {
	case status == http.StatusGone:
		return ClassGone
	case status == http.StatusTooManyRequests:
		return ClassRateLimited
	case status == http.StatusServiceUnavailable:
		return ClassUnavailable
	case status >= 200 && status < 300:
		return ClassDelivered
	case status >= 300 && status < 400:
		return ClassRedirect
	case status >= 400 && status < 500:
		return ClassClientError
	case status >= 500 && status < 600:
		return ClassServerError
	}
	return ClassProtocol
}
