package retry

import "time"

// Jitter spreads delays so that what began together does not stay together: a
// delay is multiplied by a factor between Low and High. The zero value spreads
// nothing.
type Jitter struct{ Low, High float64 }

// LookJitter is for the cadence. It may shorten a delay, because nobody
// promised a provider when we look; the floor is kept by Clamp.
func LookJitter() Jitter { return Jitter{Low: 0.85, High: 1.15} }

// AttemptJitter is for webhooks. It only lengthens, because a Retry-After is
// the merchant's wish not to be asked earlier.
func AttemptJitter() Jitter { return Jitter{Low: 1, High: 1.1} }

// Apply spreads d. random gives numbers in [0,1); the injected source is what
// lets a seed reproduce a run.
func (j Jitter) Apply(d time.Duration, random func() float64) time.Duration {
	if j == (Jitter{}) {
		return d
	}
	return time.Duration(float64(d) * (j.Low + (j.High-j.Low)*random()))
}

// Check gives the faults of the factors: 0 < low <= high <= 2, or both 0.
func (j Jitter) Check() []Fault {
	var all []Fault
	if j == (Jitter{}) {
		return nil
	}
	// Written so that NaN fails too.
	if !(j.Low > 0) {
		all = append(all, Fault{"low", text(j.Low), "more than 0"})
	}
	if !(j.High >= j.Low && j.High <= 2) {
		all = append(all, Fault{"high", text(j.High), "from low to 2"})
	}
	return all
}

// Clamp lengthens d to the floor: the least time between two requests that the
// other side allows.
func Clamp(d, floor time.Duration) time.Duration { return max(d, floor) }
