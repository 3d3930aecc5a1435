// Package health answers over HTTP whether a worker lives and whether it can work.
//
// GET /livez is 200 while the loops turn; anything else is what only a new process
// helps. A broker that is gone, a store that is full and a worker that stops are no
// reason: a new process would not fare better. GET /readyz is 200 when the broker is
// reached, every stream is there and takes what is published, and every loop has its
// consumer; else it is 503 and lists what is wrong, each reason with a code for
// machines and words for the operator.
//
// The answers are made of fixed words, of the names of streams, consumers and loops,
// and of instants: no address, no secret and nothing of a payment can be in them. They
// tell what is known and ask nobody, so they come at once, whatever the broker does,
// and may be asked for as often as one likes. What a stream or a consumer is found in
// is as old as the worker's last look at it, 45 seconds as a rule; a connection that
// is lost is known at once, a stream that takes nothing after five seconds of trying.
package health
