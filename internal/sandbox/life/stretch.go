package life

import (
	"math"
	"slices"
	"strconv"
	"time"

	"reconciler/internal/sandbox/dice"
)

// Band is a part of a Spread: Share of its draws lie from From to To, the shorter
// ones denser (evenly by their logarithm).
type Band struct {
	Share    float64
	From, To time.Duration
}

// Spread is how a length of time is drawn. Shares are weights and need not add up to 1.
type Spread []Band

// Stretch says how long the stages of a life last that is not measured in steps. The
// zero value is none.
type Stretch struct {
	// Open is how long it takes until a payment is held or decided; stages before
	// that share it as their steps do. Held is how long money is held.
	Open, Held Spread
	// Settled is how long a charge or a part refund stays as it is, before more is
	// given back. Closed is how long a payment that was declined, canceled or expired
	// stays so, before it is charged after all.
	Settled, Closed Spread
}

// Weeks is a shop's ordinary month: most payments are decided in 1 to 30 minutes,
// some in hours, a few after days; refunds come after days, late success after hours
// to days.
func Weeks() Stretch {
	const m, h, day = time.Minute, time.Hour, 24 * time.Hour
	return Stretch{
		Open:    Spread{{0.85, m, 30 * m}, {0.11, h, 10 * h}, {0.04, day, 64 * h}},
		Held:    Spread{{0.3, 10 * m, 6 * h}, {0.5, 6 * h, day}, {0.2, day, 60 * h}},
		Settled: Spread{{0.2, h, day}, {0.6, day, 9 * day}, {0.2, 9 * day, 12 * day}},
		Closed:  Spread{{0.3, 10 * m, 6 * h}, {0.5, 6 * h, day}, {0.2, day, 64 * h}},
	}
}

// draw draws a length of time.
func (s Spread) draw(seed uint64, names ...string) time.Duration {
	total := 0.0
	for _, b := range s {
		total += b.Share
	}
	at := total * dice.Unit(seed, append([]string{"band"}, names...)...)
	for i, b := range s {
		if at -= b.Share; at < 0 || i == len(s)-1 {
			low, high := float64(max(b.From, 1)), float64(max(b.To, b.From, 1))
			return time.Duration(low * math.Pow(high/low, dice.Unit(seed, append([]string{"length"}, names...)...)))
		}
	}
	return 0
}

// empty reports whether stages are measured in steps.
func (s Stretch) empty() bool {
	return s.Open == nil && s.Held == nil && s.Settled == nil && s.Closed == nil
}

// spans are how long the stages last; the last one's is 0, it lasts for good.
func (s Script) spans(stages []Stage) []time.Duration {
	spans := make([]time.Duration, len(stages))
	open := s.opening(stages)
	for i, stage := range stages[:len(stages)-1] {
		name := strconv.Itoa(i)
		switch {
		case s.Stretch.empty():
			// Lengths vary by a quarter, so that payments made together drift apart.
			vary := 0.75 + 0.5*dice.Unit(s.Seed, s.Key, "stage", name)
			spans[i] = time.Duration(stage.Steps * vary * float64(s.Step))
		case stage.Word == Held:
			spans[i] = s.Stretch.Held.draw(s.Seed, s.Key, name)
		case decided(stage.Word):
			spread := s.Stretch.Closed
			if paid(stage.Word) {
				spread = s.Stretch.Settled
			}
			spans[i] = spread.draw(s.Seed, s.Key, name)
		default:
			spans[i] = time.Duration(float64(open) * stage.Steps)
		}
	}
	return spans
}

// opening is how long one step lasts of the stages before anything is held or decided.
func (s Script) opening(stages []Stage) time.Duration {
	steps := 0.0
	for _, stage := range stages[:len(stages)-1] {
		if stage.Word == Held || decided(stage.Word) {
			break
		}
		steps += stage.Steps
	}
	if steps == 0 {
		return 0
	}
	return time.Duration(float64(s.Stretch.Open.draw(s.Seed, s.Key, "open")) / steps)
}

// decided reports whether a word says more than that somebody works on the payment.
func decided(w Word) bool { return w != NotKnown && !slices.Contains(openWords, w) }

// paid reports whether money was taken.
func paid(w Word) bool {
	return slices.Contains([]Word{Charged, ChargedOtherAmount, PartCharged, PartRefunded, Refunded, Reversed}, w)
}
