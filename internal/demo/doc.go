// Package demo shows the whole product at work: payments are announced by the
// hundred, four simulated providers decide them, a worker watches, and a
// simulated merchant receives webhooks.
//
// The verdict is not the worker's. What is true is read from the simulators'
// ledgers and the streams as stored, and judged by package invariant: a demo
// passes only if each payment's last published status is what its provider's
// ledger says, every webhook that was due arrived with a valid signature, and
// no invariant is broken.
package demo
