// Package layout holds the rules of this repository as tests and nothing else: who
// may import whom, what must be documented, and what must not be written.
//
// It promises that each rule fails with its reason, that a package nobody has
// decided about fails too, and that a rule about something that is gone fails until
// it is taken out. It reads the source, it does not run it: what it can't see
// (a global reached through another package, a mutex held over I/O) is left to
// review.
package layout
