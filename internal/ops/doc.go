// Package ops is what an operator can do, over NATS alone: whoever holds a
// connection, and the configuration for what stands in it, needs no running worker.
//
// What is done holds for every worker within the time a message takes. Each
// change is a compare-and-set: two operators at once lose nothing of each other.
// Input is refused with every fault at once.
//
// A secret is made here and given back once, as a secret.Text; what is listed or
// shown later holds none: no secret, no value of a header, no key and no PEM of a
// certificate, no query of a URL, which may hold a token. Everything is safe for concurrent use.
package ops
