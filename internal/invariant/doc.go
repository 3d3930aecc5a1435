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
//   - rate, concurrency and single probes (rule 7) where no Limits are given. The
//     ledgers do not tell workers apart, so a breaker counts as open only when so
//     many failures ended in a row that no spread of them over the workers
//     leaves all closed; what a ratio or a ramp asks for beyond that is not seen;
//   - whether an outage at one provider or merchant slowed the others down (rule
//     8): that takes a second history, without the outage. What it may not do to
//     a status is rule 3: no change without an answered look. Of what it may not
//     spend, looks are counted; the give-up clock needs the cadence, which is
//     the worker's;
//   - rules 3 and 7 without the providers' ledgers, the parts of rule 5 about
//     bytes and signatures without the merchants', the origin of payments and
//     rule 6 without the created events (see Sources).
package invariant
