// Package endpoint keeps merchants' endpoints: those made at run time, sealed, in
// the key-value bucket RECON_ENDPOINTS, and of all endpoints, those of the
// configuration too, whether they are switched on and since when they fail.
//
// What it guarantees:
//   - A change holds for every worker within the time a message takes, without a
//     restart. Two changes at once are made one on top of the other.
//   - What is asked of a Live costs no I/O and never fails. While the broker can't
//     be reached, what was known last holds on.
//   - A secret, a header's value or the key of a client certificate is sealed for its
//     merchant, endpoint and place: copied elsewhere it does not open. Nothing here
//     logs one or puts it into an error. An endpoint that can't be opened is disabled, with an alarm; it stops
//     no other, and what it misses is kept as skipped.
//   - An endpoint of which nothing bad is known costs no write. One that begins to
//     fail, passes 50, 75 or 100 % of the time after which it is disabled, is gone
//     (410) or recovers costs one or two, and each event of that is published at
//     least once, by the one id however many workers saw it: on
//     webhooks.endpoint.<failing, disabled or recovered>.<merchant>.<endpoint> in
//     the stream WEBHOOK_LOG, by who wrote it down or, should that one die, by any
//     other that runs.
//   - Values of a newer version are left alone.
//
// What it does not: a success that one worker saw in the same moment as another
// one saw the first failure may leave that failure standing, until the next
// success. A share is told when an attempt passes it, so not while nothing is sent.
// A bucket that was deleted is empty when it is made anew: the endpoints are gone,
// with an alarm.
//
// # How it is wired
//
// The worker makes a Live of all endpoints, before its loops, and runs it as long
// as the last of them, since attempts in hand still report:
//
//	live, err := endpoint.New(ctx, endpoint.Options{Broker: b, Configured: ..., Keys: ..., AllowHTTP: ..., DisableAfter: ..., Log: log})
//	go live.Run(member)
//
// Dispatcher and deliverer ask it by an interface of their own:
//
//	type endpoints interface {
//		For(merchant string) []notify.Endpoint                     // dispatcher: each one that is notify.Interested
//		Find(merchant, id string) (notify.Endpoint, bool)          // deliverer, and the order of a payment's webhooks: before each attempt
//		Report(ctx context.Context, merchant, id string, action notify.Action) // deliverer: after each attempt
//	}
//
// Report comes after the attempt was recorded and before its message is
// acknowledged, with the Action that notify.Judge gave; under the context of the
// work in hand. Find says Disabled right after a Report that disabled, so nothing
// else need remember a 410. What Find gives is to be used for one attempt, not
// kept: its secrets change in time. Each request takes URL, AllowHTTP, Signer and
// Headers from it, its connections from a pool of its PoolOptions, its body from Format.Render, its delays from Schedule where
// that is set; a guard kept for the endpoint must follow Rate and Concurrency.
//
// Everything exported is safe for concurrent use.
package endpoint
