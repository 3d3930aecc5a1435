package retry

import "fmt"

// Phase is what kind of watch a payment is under. Its age in a phase begins
// when it enters the phase, not when it was created.
type Phase int

// The phases: a closed set.
const (
	// Open: not decided yet. A detection late by a minute costs the payer a minute.
	Open Phase = iota + 1
	// Held: authorized, not captured.
	Held
	// Settled: money taken; refunds, chargebacks and disputes may follow.
	Settled
	// Closed: failed, canceled or expired; a late success may follow.
	Closed
	// Parked: a person decides; we keep an eye on it.
	Parked
)

// Phases lists the closed set.
func Phases() []Phase { return []Phase{Open, Held, Settled, Closed, Parked} }

// String is the phase's name in configuration, logs and tables.
func (p Phase) String() string {
	names := [...]string{Open: "open", Held: "held", Settled: "settled", Closed: "closed", Parked: "parked"}
	if p < Open || int(p) >= len(names) {
		return fmt.Sprintf("phase(%d)", int(p))
	}
	return names[p]
}
