// Package retry says when to try again: when a payment is looked at next, when
// a webhook is attempted next, and how long waits grow.
//
// It promises: every schedule is data that a person can check (the tables stand
// in the comments and are executed by the tests), every function is pure, and
// randomness comes only from the function the caller passes in, so the same
// inputs give the same delays. There is no state, no clock, no I/O and no
// failure but a Fault in a table; everything is safe for concurrent use as long
// as nobody changes a table that is in use.
//
// The delay of a look is made in this order: Cadence.Next by age, Jitter.Apply,
// Clamp to the provider's floor, Last so that the final look falls on the limit.
// Last comes after the clamp because a look exactly at the limit is what makes
// giving up honest.
package retry

import (
	"fmt"
	"time"
)

// Day is 24 hours: the schedules count elapsed time, not calendar days.
const Day = 24 * time.Hour

// Fault is one thing wrong in a schedule.
type Fault struct {
	// Field is where, beginning with the schedule's own field: "open[2].until".
	Field string
	// Found is the value that stands there, Wanted what would be right.
	Found, Wanted string
}

// Error says where, what is there and what is wanted.
func (f Fault) Error() string {
	return fmt.Sprintf("%s: found %s, wanted %s", f.Field, f.Found, f.Wanted)
}
