// Package wire holds the links between a worker and the rest of the world, on
// which faults are laid: a NATSLink to a broker in the same process, a HTTPLink
// to whatever speaks HTTP/1.1. For test code only, mostly inside a
// testing/synctest bubble.
//
// What it promises:
//   - A link without policy and faults changes nothing: bytes, their order and
//     the ends of connections are as without it.
//   - Whole frames (a NATS operation, a HTTP request) are lost, delayed, changed
//     or cut at, never parts of one. What only keeps a connection in step (PING,
//     PONG, SUB, UNSUB ...) is never lost or delayed alone: no network can do that
//     without ending the connection. It can be held, and be cut at.
//   - Calls get numbers in the order in which the client wrote them. One Counter
//     given to several links numbers them together, so that "cut at call n" goes
//     over all that a worker does.
//   - What the client wrote before a cut or a Kill reaches the other side, as an
//     operating system sends out what a dead process has written, unless it was
//     held back by a fault at that moment.
//   - Writing to a link never waits for the other side, in both directions: the
//     NATS client and server write while holding locks, and a goroutine that waits
//     for a lock stops virtual time. Answers of a HTTP server alone are not taken
//     without limit, since some never end.
//   - Dial of a NATSLink never waits. While the broker is away or any Fault is laid
//     it refuses, and one that is more than Refused ends connections that are still
//     shaking hands: the client shakes hands while holding a lock.
//   - A connection costs two goroutines, a frame none. They end when both sides
//     are closed, at the latest a minute after Kill. A link that is frozen must be
//     healed or killed before its bubble can end.
//
// Policies and planned steps run in the middle of a write, the client's locks
// held: they decide, note, close a channel, call methods of links, and return.
// They must not wait, nor call the client. They are called from several
// goroutines. A connection has one reader and one writer at a time, as the NATS
// client and net/http have; everything else is safe for concurrent use.
//
// Bytes that can't be understood end the connection and are told by Err, since a
// relay that guesses would hide what it is for.
package wire
