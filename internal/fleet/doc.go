// Package fleet lets the workers of a fleet protect a provider's account as one:
// a key-value bucket tells each of them how the others' taps stand.
//
// What it guarantees while the broker can be reached:
//   - When one worker's breaker opens, or is told to wait (Retry-After), the
//     others stand still too, within the time a message takes; so does a worker
//     that starts meanwhile.
//   - Half-open, one call is made by the whole fleet: it needs a lease, taken by
//     compare-and-set, that outlives the call's time limit.
//   - What the probe showed holds for all: reopen times grow in one row, and the
//     ramp after closing is the same one.
//   - Rate, burst and concurrency of an account are the fleet's: each worker takes
//     an equal part. A worker that joins takes its part only when the others have
//     had time to give it, and permits that lie unused with it; one that dies is
//     counted for a few minutes more.
//
// What it does not: a call that was under way when another worker's breaker
// opened is not broken off. A worker whose own network is broken opens the tap
// of all, since nobody can tell its failures from the provider's. A worker that is
// frozen between taking the lease and calling may call beside another's probe.
// Without the broker nobody leases, and nobody has work either.
//
// What a provider told (Retry-After) is said to the others at once, too, by a message
// that nobody stores: the bucket's word takes a write that is replicated and synced, and
// while its leader is being elected there is none.
//
// One goroutine (Run) owns all state and talks through the bucket, one more speaks
// and hears; the methods are safe for concurrent use.
package fleet
