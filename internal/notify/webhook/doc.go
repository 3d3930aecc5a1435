// Package webhook makes one attempt to deliver a webhook: it signs the body by
// Standard Webhooks 1.0 (schemes v1 and v1a), connects only where a policy
// allows, posts the bytes once and says in words of a closed set what came of it.
//
// What it promises:
//   - One Send is one attempt of bounded time and memory. It never fails in a
//     way that needs an error: each end has a Class, and a Reason within it.
//   - A redirect is never followed and no proxy is used but the one that the
//     operator names, so body and signature reach the configured host or nobody.
//   - Addresses are judged after the name was resolved, at the moment of
//     connecting, so a name that changes its mind between check and use gains
//     nothing. Through a proxy only the proxy can do that: see Proxy.
//   - TLS is 1.2 or newer and certificates are always checked: there is no
//     setting that turns it off.
//   - What failed on our side is told apart (Result.OurFault), so that no
//     receiver pays for it.
//   - Endpoints with a Pool of their own share no connection.
//   - No URL, secret, header or body is in a Result, nor an address or name of
//     our own network; of the other side, its address (Remote) and the beginning
//     of its answer (Excerpt), which holds no control character.
//
// An attempt may reach the receiver twice: when a kept connection turns out to
// be closed before any answer came, or an HTTP/2 receiver says that it did not
// look at the request, the same bytes with the same webhook-id are sent again on
// another connection. Receivers tell repeats by that id.
//
// When to try again and what an outcome means for the event is decided
// elsewhere; this package knows URLs and bytes, and no payments.
// Everything in it is safe for concurrent use and keeps no state but idle connections.
package webhook
