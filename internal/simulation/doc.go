// Package simulation is weeks of trouble in seconds: the whole worker, a real
// broker, simulated providers and merchants live in a testing/synctest bubble,
// and everything that can go wrong does. It is test code only; see world_test.go.
package simulation
