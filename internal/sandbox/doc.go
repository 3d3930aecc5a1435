// Package sandbox is a world to try the worker in: four payment providers and
// a merchant as HTTP servers of their own on loopback, payments that live
// scripted lives, and faults from a seed.
//
// It is the judge, so it shares nothing with what it judges: no package of
// this project outside this folder is imported; the providers follow their own
// documents, requests that break them are refused as the documents say, and
// webhooks are verified with the public Standard Webhooks library.
//
// The ledgers are the truth. Truth says where a payment really stands, Asked
// what every provider was asked and told, Received what reached the merchant.
// An entry is complete before the first byte of its answer leaves. Ledgers are
// kept in memory, whole, until the sandbox is dropped: 100,000 asks are 25 MB.
//
// The same seed and options make the same payments (in the order of Create)
// and the same plan of faults, on whatever ports. Faults are bounded: every
// payment can be asked to its end and every webhook delivered. Troubles, of a
// provider or of a hook, come by wish and not by chance, and end when they are said
// to. Of an answer in a trouble the ledger says what it told, what was true, and
// which trouble made the difference.
//
// Time is the time package and connections come from the Listen that is
// injected, so a sandbox also lives inside a testing/synctest bubble. Start
// opens all servers or none; Stop ends every goroutine. All methods are safe
// for concurrent use.
package sandbox
