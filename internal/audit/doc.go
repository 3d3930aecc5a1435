// Package audit proves from the live streams that nothing is lost, or says what is:
// the rules of package invariant as far as streams show them, and what no rule of a
// history can see: payments and webhooks without a future, messages nobody of ours
// wrote, consumers that stand still, replicas that differ.
//
// What it guarantees:
//
//   - It runs beside workers. How far consumers have come is read first, then
//     effects before their causes, and what seems to lack something is asked for
//     again, in one question that nothing can slip through: what is in flight is no
//     finding. What is not yet handled is counted as waiting.
//   - Memory is bounded by Options.Memory for the messages of the payments that are
//     judged together, and about 100 bytes for each timer and dead letter: streams
//     that hold more are read in several passes, a part of the payments in each.
//   - Finding changes nothing: no consumer of the work queue is made, nothing is
//     acknowledged. Repair arms timers by package consumer's sweeper and makes webhook
//     jobs again from stored events; nothing is ever invented.
//
// What it can't see: what providers told and merchants received (their ledgers are not
// in the streams); an event that was deleted together with all that followed from it;
// what differs between replicas that the server counts as equal; events that were to
// reach an endpoint before its first record, or before it was changed.
//
// An Auditor may be used by several goroutines; each Run is independent. An error says
// that something could not be read: what was found until then is in the report.
package audit
