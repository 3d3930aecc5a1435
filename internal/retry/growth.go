package retry

import (
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Growth is the table of waits that begins with first, is multiplied by factor
// and ends with longest; whoever walks it repeats the last entry. It is nil
// where nothing can grow to longest: first below 10 ns, longest below first,
// factor below 1.1.
//
//	Growth(5 s, 10 min, 2): 5 s, 10 s, 20 s, 40 s, 80 s, 160 s, 320 s, 600 s
//
// The curve is backoff's, walked once. Its randomization (0.5, from the global
// source of math/rand), its end after 15 minutes and its state per instance
// are all left out: a table is shared by everybody and the same in every run.
func Growth(first, longest time.Duration, factor float64) []time.Duration {
	// Written so that NaN fails too. Below 1.1 a few nanoseconds would never gain
	// one, and the walk would not end; so a table below ten nanoseconds has no
	// first entry either.
	if first < 10 || longest < first || !(factor >= 1.1) {
		return nil
	}
	curve := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(first),
		backoff.WithMaxInterval(longest),
		backoff.WithMultiplier(factor),
		backoff.WithRandomizationFactor(0),
		backoff.WithMaxElapsedTime(0),
	)
	table := []time.Duration{curve.NextBackOff()}
	for table[len(table)-1] < longest {
		table = append(table, curve.NextBackOff())
	}
	return table
}
