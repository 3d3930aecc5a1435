// Package webhook makes one attempt to deliver a webhook: it signs the body by
// Standard Webhooks 1.0 (scheme v1), connects only where a policy allows, posts
// the bytes once and says in one word what came of it.
//
// What it promises:
//   - One Send is one attempt of bounded time and memory. It never fails in a
//     way that needs an error: each end has a Class of a closed set.
//   - A redirect is never followed and a proxy never used, so body and
//     signature reach the configured host or nobody.
//   - Addresses are judged after the name was resolved, at the moment of
//     connecting, so a name that changes its mind between check and use gains
//     nothing.
//   - No URL, secret, header or body is in a Result, except the Excerpt of the
//     other side's answer, which holds no control character.
//
// An attempt may reach the receiver twice: when a kept connection turns out to
// be closed before any answer came, the same bytes with the same webhook-id are
// sent again on another one. Receivers tell repeats by that id.
//
// When to try again and what an outcome means for the event is decided
// elsewhere; this package knows URLs and bytes, and no payments.
// Everything in it is safe for concurrent use and keeps no state but idle connections.
package webhook
