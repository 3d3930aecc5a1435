package retry_test

import (
	"math"
	"testing"
	"time"

	"reconciler/internal/retry"
)

func fixed(f float64) func() float64 { return func() float64 { return f } }

func TestJitter_StaysBetweenItsFactors(t *testing.T) {
	rows := []struct {
		name   string
		jitter retry.Jitter
		random float64
		want   time.Duration
	}{
		{"looks: lowest", retry.LookJitter(), 0, 8500 * time.Millisecond},
		{"looks: middle", retry.LookJitter(), 0.5, 10 * time.Second},
		{"looks: near the highest", retry.LookJitter(), math.Nextafter(1, 0), 11500*time.Millisecond - 1},
		{"attempts: never earlier", retry.AttemptJitter(), 0, 10 * time.Second},
		{"attempts: near the highest", retry.AttemptJitter(), math.Nextafter(1, 0), 11 * time.Second},
		{"zero value: none", retry.Jitter{}, 0.9, 10 * time.Second},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := row.jitter.Apply(10*time.Second, fixed(row.random))
			// Floats may miss the last nanosecond.
			if d := got - row.want; d < -1 || d > 1 {
				t.Errorf("Apply = %v, want %v", got, row.want)
			}
		})
	}
}

func TestJitter_Check_RefusesFactorsThatWouldStopOrReverseTime(t *testing.T) {
	rows := []struct {
		name   string
		jitter retry.Jitter
		faults int
	}{
		{"looks", retry.LookJitter(), 0},
		{"attempts", retry.AttemptJitter(), 0},
		{"none", retry.Jitter{}, 0},
		{"low zero", retry.Jitter{Low: 0, High: 1}, 1},
		{"reversed", retry.Jitter{Low: 1.2, High: 0.8}, 1},
		{"too far", retry.Jitter{Low: 1, High: 2.1}, 1},
		{"not numbers", retry.Jitter{Low: math.NaN(), High: math.NaN()}, 2},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got := row.jitter.Check(); len(got) != row.faults {
				t.Errorf("Check() = %v, want %d faults", got, row.faults)
			}
		})
	}
}

func TestClamp_OnlyLengthens(t *testing.T) {
	if got := retry.Clamp(8*time.Second, 10*time.Second); got != 10*time.Second {
		t.Errorf("below the floor: %v", got)
	}
	if got := retry.Clamp(12*time.Second, 10*time.Second); got != 12*time.Second {
		t.Errorf("above the floor: %v", got)
	}
}
