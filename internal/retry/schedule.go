package retry

import (
	"fmt"
	"strconv"
	"time"
)

// Schedule is the delays before attempt 1, 2 ... n of a webhook. After n
// attempts it is exhausted.
type Schedule []time.Duration

// LongestRetryAfter is what a Retry-After is cut to: a receiver that asks for
// more would outlive the schedule, or never be asked again.
const LongestRetryAfter = 6 * time.Hour

// Webhooks is the schedule that the Standard Webhooks specification (1.0.0,
// "Deliverability and reliability") gives as its example.
//
//	attempt   delay     cumulative
//	1         at once   0
//	2         5 s       5 s
//	3         5 min     5 min 5 s
//	4         30 min    35 min 5 s
//	5         2 h       2 h 35 min 5 s
//	6         5 h       7 h 35 min 5 s
//	7         10 h      17 h 35 min 5 s
//	8         14 h      31 h 35 min 5 s
//	9         20 h      51 h 35 min 5 s
//	10        24 h      75 h 35 min 5 s
//
// It survives a long weekend without anybody in the office.
func Webhooks() Schedule {
	return Schedule{
		0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
		5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
}

// Next is the delay, without jitter, before the next attempt when so many were
// made already: Next(0) is the delay before the first. ok is false when there is
// none: the schedule is exhausted.
func (s Schedule) Next(made int) (delay time.Duration, ok bool) {
	if made < 0 || made >= len(s) {
		return 0, false
	}
	return s[made], true
}

// After is the delay, with jitter, before the next attempt when so many were
// made and the last answer asked for retryAfter (0: it did not). retryAfter only
// ever lengthens, up to LongestRetryAfter, and jitter only adds to both, so no
// attempt comes earlier than the table or the receiver says. random gives
// numbers in [0,1).
func (s Schedule) After(made int, retryAfter time.Duration, random func() float64) (delay time.Duration, ok bool) {
	delay, ok = s.Next(made)
	if !ok {
		return 0, false
	}
	delay = max(delay, min(retryAfter, LongestRetryAfter))
	return AttemptJitter().Apply(delay, random), true
}

// Total is the time from the first attempt's due time to the last one's.
func (s Schedule) Total() time.Duration {
	var sum time.Duration
	for _, d := range s {
		sum += d
	}
	return sum
}

// Check gives the faults: no attempt at all, a negative delay.
func (s Schedule) Check() []Fault {
	if len(s) == 0 {
		return []Fault{{"attempts", "none", "at least one delay"}}
	}
	var all []Fault
	for i, d := range s {
		if d < 0 {
			all = append(all, Fault{fmt.Sprintf("attempts[%d]", i), d.String(), "0s or more"})
		}
	}
	return all
}

func text(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
