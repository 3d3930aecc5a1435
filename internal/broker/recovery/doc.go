// Package recovery measures how long the embedded broker is away after its
// process was killed, with many timers armed, and what memory that takes. It is
// test code only, and judges nothing: see recovery_test.go.
package recovery
