package retry

import (
	"fmt"
	"time"
)

// Step is one row of a cadence: while the age is below Until, the next look
// comes Every later. Both are elapsed time, greater than zero.
type Step struct{ Until, Every time.Duration }

// Cadence says how often a payment is looked at, by phase and by age in the
// phase. The end of a phase's last step is the watch limit of that phase. An
// empty phase is not watched; Open and Held must not be empty.
type Cadence struct{ Open, Held, Settled, Closed, Parked []Step }

// Default is the cadence for providers that do not ask for another one.
//
//	open: dense while somebody waits at a screen, then ever thinner
//	  age             every    looks   last look at
//	  0 - 2 min       10 s     12      2 min
//	  2 - 15 min      30 s     26      15 min
//	  15 - 60 min     2 min    23      61 min
//	  1 - 6 h         10 min   30      6 h 1 min
//	  6 - 24 h        30 min   36      24 h 1 min
//	  24 - 72 h       2 h      24      72 h, the last one put on the limit
//
//	held: hourly for 14 days, the last look on the limit
//
// The other phases look at chosen ages. A border between two steps stands about
// half-way between two looks, never on one: a look that jitter moved before its
// border would be given the same step again, which adds a look.
//
//	settled: refunds and chargebacks
//	  look   delay   cumulative   border before the next step
//	  1      1 h     1 h          3 h
//	  2      5 h     6 h          12 h
//	  3      18 h    24 h         (daily from here)
//	  4-16   24 h    2 d ... 14 d
//
//	closed: late success
//	  look   delay        cumulative   border before the next step
//	  1      5 min        5 min        15 min
//	  2      25 min       30 min       3 h
//	  3      5 h 30 min   6 h          (6-hourly from here)
//	  4-14   6 h          12 h ... 72 h
//
//	parked: 12-hourly for 14 days
func Default() Cadence {
	return Cadence{
		Open: []Step{
			{2 * time.Minute, 10 * time.Second},
			{15 * time.Minute, 30 * time.Second},
			{time.Hour, 2 * time.Minute},
			{6 * time.Hour, 10 * time.Minute},
			{24 * time.Hour, 30 * time.Minute},
			{72 * time.Hour, 2 * time.Hour},
		},
		Held: []Step{{14 * Day, time.Hour}},
		Settled: []Step{
			{30 * time.Minute, time.Hour},
			{3 * time.Hour, 5 * time.Hour},
			{12 * time.Hour, 18 * time.Hour},
			{14 * Day, 24 * time.Hour},
		},
		Closed: []Step{
			{150 * time.Second, 5 * time.Minute},
			{15 * time.Minute, 25 * time.Minute},
			{3 * time.Hour, 5*time.Hour + 30*time.Minute},
			{72 * time.Hour, 6 * time.Hour},
		},
		Parked: []Step{{14 * Day, 12 * time.Hour}},
	}
}

// Steps are the rows of one phase; nil for a phase that does not exist.
func (c Cadence) Steps(p Phase) []Step {
	switch p {
	case Open:
		return c.Open
	case Held:
		return c.Held
	case Settled:
		return c.Settled
	case Closed:
		return c.Closed
	case Parked:
		return c.Parked
	}
	return nil
}

// Next is the delay, without jitter, from a look at this age to the next one.
// At a border the next step holds already.
//
// ok is false when age has reached the end of the table. The delay is then still
// the last step's (0 for an empty phase), because age and give-up clock are two
// things: the clock stands still during a provider's outage, so a payment can be
// older than the table and yet have to be watched on.
func (c Cadence) Next(p Phase, age time.Duration) (delay time.Duration, ok bool) {
	steps := c.Steps(p)
	for _, s := range steps {
		if age < s.Until {
			return s.Every, true
		}
	}
	if len(steps) == 0 {
		return 0, false
	}
	return steps[len(steps)-1].Every, false
}

// Watch is the watch limit of a phase: the end of its last step; 0 for a phase
// that is not watched. It is not a setting of its own, which could contradict
// the table.
func (c Cadence) Watch(p Phase) time.Duration {
	steps := c.Steps(p)
	if len(steps) == 0 {
		return 0
	}
	return steps[len(steps)-1].Until
}

// Looks are the ages of all looks of a phase without jitter: what the table
// means, for documents, checks and tests. The last one is Watch. A table with
// faults has none.
func (c Cadence) Looks(p Phase) []time.Duration {
	if len(faults(p, c.Steps(p))) > 0 {
		return nil
	}
	var ages []time.Duration
	limit := c.Watch(p)
	for age := time.Duration(0); age < limit; {
		delay, _ := c.Next(p, age)
		age += Last(delay, age, limit)
		ages = append(ages, age)
	}
	return ages
}

// Check gives every fault of the table: a missing step, a border that does not
// ascend, a delay that is not positive.
func (c Cadence) Check() []Fault {
	var all []Fault
	for _, p := range Phases() {
		all = append(all, faults(p, c.Steps(p))...)
	}
	return all
}

func faults(p Phase, steps []Step) []Fault {
	var all []Fault
	if len(steps) == 0 && (p == Open || p == Held) {
		all = append(all, Fault{p.String(), "no step", "at least one: an undecided payment must be watched"})
	}
	var before time.Duration
	for i, s := range steps {
		field := fmt.Sprintf("%s[%d]", p, i)
		if s.Until <= before {
			all = append(all, Fault{field + ".until", s.Until.String(), "more than " + before.String() + ", the border before it"})
		}
		if s.Every <= 0 {
			all = append(all, Fault{field + ".every", s.Every.String(), "more than 0s"})
		}
		before = max(before, s.Until)
	}
	return all
}

// Last moves the final look of a watch onto its limit. clock is the give-up
// clock now (time watched, outages not counted), limit where it ends; delay is
// what the cadence says. When less than half a delay would be left after the
// next look, that look is put on the limit: so there is always a look exactly
// at the limit, and none just before it. At or past the limit it is 0: look now.
func Last(delay, clock, limit time.Duration) time.Duration {
	left := max(0, limit-clock)
	if left < delay+delay/2 {
		return left
	}
	return delay
}
