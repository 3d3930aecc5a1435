// Package consumer holds the four loops that carry a payment from "created" to
// a delivered webhook. Each is a durable pull consumer and keeps no state of its
// own: any number of processes run the same loops and the broker shares the work.
//
//	intake      payments.created.>     first version of a payment, first timer
//	poller      recon.due.poll.A.>     one loop per account: ask, publish a change, arm again
//	dispatcher  payments.status.>      one job per interested endpoint
//	deliverer   recon.due.webhook.>    POST, record, arm again or give up
//
// What holds, whatever fails in between:
//
//   - The compare-and-set append of a status event is the only step that counts.
//     Nothing is written before it; all that follows (timer, job, record,
//     acknowledgement) may be done again without harm, and is, because the
//     message is acknowledged last.
//   - Whoever receives a due message arms the next timer or ends the watch. Only
//     a redelivered message may be dropped, and only after the newer timer was read.
//   - While a provider's tap is closed its loop does not pull: due polls wait in
//     the broker and spend no attempt.
//   - Webhooks are in order per payment and endpoint: version n waits until
//     version n-1 was delivered or given up.
//   - Input that can't be handled becomes a dead letter that holds it whole, and
//     is acknowledged.
//
// Beside them stand the Sweeper, which finds payments and webhooks that nobody would
// come back to, the Liveness watch over their consumers and streams, and the Hinter,
// which makes polls due at once.
//
// What to do after a poll is decided in decide.go, a pure function; the loops
// only carry it out. A handler that fails because the broker does hands its
// message back and is called again.
package consumer
