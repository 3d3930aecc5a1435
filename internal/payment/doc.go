// Package payment is the domain: what a payment is, how it may change, and what
// is said about a change. It is pure: no I/O, no clock, no other package of ours.
//
// A payment's state is its last published event. Apply is the only place that
// decides a new status: it takes the state and what a provider was seen to say,
// and gives the next event, nothing, or a doubt. Versions are 1, 2, 3 ... without
// a gap, every event names the status before it, and a move that the table in
// status.go does not allow never becomes an event: the payment goes to review.
package payment
