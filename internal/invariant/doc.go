// Package invariant judges a history: it takes what was stored and what the
// peers saw, and names every broken promise. It is pure: no I/O, no clock, no
// memory between two calls; Check is linear in the history (but for sorting),
// never panics on odd input, and two calls may run at once.
//
// The judge shares no decision with the judged: it uses the domain's table of
// moves and its readers, and works everything else out again from the plain
// data. What providers told and merchants received comes from their own
// ledgers, never from the worker's counters.
//
// The rules are listed by Rule. What one history cannot show is not judged:
//
//   - whether a payment without a pending poll is being worked on at this
//     moment: missing polls, webhooks and dead letters count only in a Quiet history;
//   - how many probes a half-open breaker let through, and the rate between
//     limits (rule 7 sees what the providers' ledgers mark);
//   - whether an outage at one provider or merchant slowed the others down, and
//     whether it spent an attempt (rule 8). What an outage may not do to a
//     status is rule 3: no change without an answered look;
//   - rules 3 and 7 without the providers' ledgers, the parts of rule 5 about
//     bytes and signatures without the merchants', the origin of payments and
//     rule 6 without the created events (see Sources).
package invariant
