// Package providertest is what every provider's adapter is tested with. It is
// imported by tests only.
//
// It promises that what passes Exercise keeps the contract of
// providers.Provider against that provider's simulator: every life, at every
// stage, told by the ledger of what the simulator really answered and not by
// the clock; every fault of the wire; answers that are twisted in every field, of any
// size and any HTTP status, or about another payment; wrong credentials, unknown
// payments, ended contexts, many polls at once. What a provider's own words mean beyond that is
// in its golden answers (Goldens) and its own tests.
//
// The simulators share nothing with the adapters, and this package shares
// nothing with the adapters' tables: it says in a table of its own what a word
// of the truth has to become. A failure names the poll, and shows what came out
// of it; nothing here is safe for production.
package providertest
