// Package guard protects one remote party, a provider account or a merchant's
// endpoint, from us, and us from it.
//
// A guard is a tap: a permit is asked for before the work is pulled, so that
// while the tap is closed the work stays in the broker, spends no attempt and
// fills no memory. A permit is one call, and goes through four gates:
//
//	rate limit   ->  concurrency limit  ->  breaker  ->  time limit
//	when it may      who else is at it      if at all    how long
//
// The first three are asked in this order and taken together or not at all, so
// whoever waits at one gate keeps nothing of another: no token is used up by a
// wait for the breaker, no place by a wait for a token. The time limit begins
// with the call (Permit.Context), so no wait counts against it.
//
// # What is promised
//
//   - Calls begin no faster than Burst plus Rate times the time passed, however
//     long permits lay unused before: a permit only reserves its token.
//   - At most Concurrency permits are out.
//   - Between opening and reopening no call begins, also none whose permit was
//     given before: its Context has ended with ErrClosed, and who waits with it
//     for work is told (Closed). The same after a 429 until its Retry-After has
//     passed.
//   - Half-open, one permit is out at a time, until one call succeeds (closed) or
//     fails (open for longer). A result that counts nothing (Neutral, Unused,
//     Throttled) frees it for the next.
//   - The result of a call that began before the breaker last changed is not
//     counted. Only its Retry-After is heeded.
//   - Who waits is served in the order of arrival.
//
// # The breaker
//
// gobreaker counts and changes state: closed to open when Consecutive calls
// failed in a row, or at least MinRequests calls were judged within Window and
// Ratio of them failed; open to half-open; half-open to closed or open. The tap
// adds what gobreaker does not have:
//
//   - reopen times of its own, growing with each failed probe and with each
//     closing that did not last. gobreaker's one fixed timeout is set to a
//     nanosecond, so that it is always over when the tap reopens; it is not at
//     its timeout but after it that gobreaker is half-open;
//   - opening by hand (Open), for results after which no further call makes sense;
//   - failures in a row counted over any time, because gobreaker's count forgets
//     with the window, and a party called once an hour would never trip it;
//   - a closing for a while without a failure (Throttled);
//   - a ramp after closing, so that the backlog does not fell the party again.
//
// # How it runs
//
// A Guard is safe for concurrent use. It has no goroutine and no timer of its
// own: only a waiting Acquire holds a timer, and both end with its context. What
// time alone changes (reopening, the end of a throttle or ramp) is therefore
// noticed at the next use; Snapshot always tells the truth. All state is under
// one mutex that is never held over a channel, a callback or a wait, and
// gobreaker is only called under it, so its callbacks, which run under its own
// mutex, may use the guard's fields but nothing else of gobreaker.
//
// A permit that is never ended (Done) keeps its place for good, and half-open
// keeps the tap closed; so end it on every path: defer p.Done(guard.Unused())
// costs nothing, since only the first Done counts.
package guard
