package demo

import (
	"time"

	"reconciler/internal/retry"
)

// Pace is how fast time goes in a demo: days of watching in seconds, by
// configuration only. Large demos go slower, so that the machine they run on
// can follow.
type Pace struct {
	// Step is one stage of a simulated payment's life.
	Step time.Duration
	// Look is the time between two looks at a payment.
	Look time.Duration
	// Floor is the least time between two looks that the simulators accept.
	Floor time.Duration
	// Burst is how long announcing all payments takes.
	Burst time.Duration
	// Patience is how much longer decided payments are watched than their lives
	// need: for workers that are away in between. 0: no longer.
	Patience time.Duration
}

// PaceFor is the pace of a demo with so many payments.
func PaceFor(payments int) Pace {
	const crowd = 2000 // as many as two cores follow at full pace, measured with 5,000
	slower := max(1, float64(payments)/crowd)
	times := func(d time.Duration) time.Duration { return time.Duration(float64(d) * slower) }
	return Pace{
		Step: times(1200 * time.Millisecond), Look: times(900 * time.Millisecond),
		Floor: 400 * time.Millisecond, Burst: times(2 * time.Second),
	}
}

// Interval is the least time between two looks that the worker keeps: above the
// simulators' floor, because requests arrive a little apart from their sending.
func (p Pace) Interval() time.Duration { return p.Floor + 200*time.Millisecond }

// The watch in looks of three quarters of a step: longer than the longest stage
// of a life by some looks, short enough to end. Open lives last five steps at
// most (an expiry after four, and the grace after it), held ones less than five,
// decided stages two and a half.
const (
	openLooks    = 8
	heldLooks    = 9
	settledLooks = 10
	closedLooks  = 10
	parkedLooks  = 6
)

// Watch is the length of a phase's watch, for the configuration.
func (p Pace) Watch(phase retry.Phase) time.Duration {
	looks := map[retry.Phase]int{
		retry.Open: openLooks, retry.Held: heldLooks, retry.Settled: settledLooks, retry.Closed: closedLooks, retry.Parked: parkedLooks,
	}
	watch := time.Duration(looks[phase]) * p.Look
	if phase == retry.Settled || phase == retry.Closed {
		watch += p.Patience
	}
	return watch
}
