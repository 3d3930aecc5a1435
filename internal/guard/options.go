package guard

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// LongestThrottle is what a Retry-After is cut to: one absurd answer must not
// close a tap for good.
const LongestThrottle = 6 * time.Hour

// shortestReopen keeps reopen times far above gobreaker's own timeout.
const shortestReopen = time.Millisecond

// Options says how one party is protected.
type Options struct {
	// Name is the party's, for errors, screens and changes: "finipay-main".
	Name string
	// Rate is calls per second; 0: no limit. Burst is how many may begin at once
	// after a pause, and how many permits may be held unused; at least 1 with a
	// Rate, ignored without.
	Rate  float64
	Burst int
	// Concurrency is how many calls may be under way, at least 1.
	Concurrency int
	// TimeLimit is how long one call may take. Too low, and slow successes count
	// as failures; too high, and hanging calls fill the concurrency.
	TimeLimit time.Duration
	// Consecutive failures open the breaker, however far apart; 0: this rule is off.
	Consecutive uint32
	// Ratio of failures (0 to 1) among the successes and failures of the last
	// Window opens the breaker, once there are MinRequests of them; 0: this rule
	// is off. The window moves in tenths.
	Ratio       float64
	MinRequests uint32
	Window      time.Duration
	// Reopen is how long the tap stays closed after opening: the first entry
	// first, the next after each failed probe, the last one again and again.
	// Ascending, each at least 1 ms.
	Reopen []time.Duration
	// Ramp is how long after closing it takes the rate to grow from 10 % to 100 %,
	// in nine steps; without a Rate the concurrency grows instead. 0: no ramp.
	Ramp time.Duration
	// Jitter gives numbers in [0,1) and must be safe for concurrent use. A reopen
	// time is lengthened by up to a fifth of it, so that workers do not probe
	// together. Nil: no jitter.
	Jitter func() float64
	// OnChange is told every change of state, in order and one at a time, with no
	// lock held, by whichever goroutine's call made or noticed it. It should
	// return soon and must not panic. It may call the guard. Nil: nobody is told.
	OnChange func(Change)
	// OnProlonged is told when the party asked for more time than it had: the tap,
	// shut already, stays shut longer. That is no change of state, but part of the
	// Standing that other guards of the party should know. It is called like OnChange,
	// but not in order with it. Nil: nobody is told.
	OnProlonged func()
}

// Defaults protects a party of which nothing is known: no rate limit, because
// none is documented, but few calls at a time.
func Defaults() Options {
	const s = time.Second
	return Options{
		Burst:       1,
		Concurrency: 16,
		TimeLimit:   10 * s,
		Consecutive: 5,
		Ratio:       0.5,
		MinRequests: 20,
		Window:      time.Minute,
		Reopen:      []time.Duration{5 * s, 10 * s, 20 * s, 40 * s, 80 * s, 160 * s, 320 * s, 600 * s},
		Ramp:        5 * time.Minute,
	}
}

// Fault is one thing wrong in Options.
type Fault struct {
	// Field is the option's name in lower case: "time_limit", "reopen[2]".
	Field string
	// Found is the value that stands there, Wanted what would be right.
	Found, Wanted string
}

// Error says where, what is there and what is wanted.
func (f Fault) Error() string {
	return fmt.Sprintf("%s: found %s, wanted %s", f.Field, f.Found, f.Wanted)
}

// Check gives every fault of the options.
func (o Options) Check() []Fault {
	rules := []struct {
		ok                   bool
		field, found, wanted string
	}{
		{o.Rate == 0 || o.Rate >= 1e-6 && o.Rate <= 1e6, "rate", text(o.Rate), "0 (no limit) or 0.000001 to 1000000 calls per second"},
		{o.Rate == 0 || o.Burst >= 1, "burst", strconv.Itoa(o.Burst), "at least 1 with a rate"},
		{o.Concurrency >= 1, "concurrency", strconv.Itoa(o.Concurrency), "at least 1"},
		{o.TimeLimit > 0, "time_limit", o.TimeLimit.String(), "more than 0s"},
		{o.Ratio >= 0 && o.Ratio <= 1, "ratio", text(o.Ratio), "0 (off) to 1"},
		{o.Ratio == 0 || o.MinRequests >= 1, "min_requests", strconv.FormatUint(uint64(o.MinRequests), 10), "at least 1 with a ratio"},
		{o.Ratio == 0 || o.Window >= time.Second, "window", o.Window.String(), "at least 1s with a ratio"},
		{len(o.Reopen) > 0, "reopen", "nothing", "at least one reopen time"},
		{o.Ramp >= 0 && o.Ramp <= 24*time.Hour, "ramp", o.Ramp.String(), "0s to 24h"},
	}
	var all []Fault
	for _, r := range rules {
		if !r.ok {
			all = append(all, Fault{r.field, r.found, r.wanted})
		}
	}
	least := shortestReopen
	for i, d := range o.Reopen {
		if d < least {
			all = append(all, Fault{fmt.Sprintf("reopen[%d]", i), d.String(), "at least " + least.String()})
		}
		least = max(least, d)
	}
	return all
}

func text(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// New makes a guard. The error joins every Fault of the options.
func New(o Options) (*Guard, error) {
	if faults := o.Check(); len(faults) > 0 {
		errs := make([]error, len(faults))
		for i, f := range faults {
			errs[i] = f
		}
		return nil, fmt.Errorf("options of guard %q: %w", o.Name, errors.Join(errs...))
	}
	o.Reopen = slices.Clone(o.Reopen)
	p := newPace(o)
	return &Guard{options: o, born: time.Now(), pace: p, tap: newTap(o, p), reported: StateClosed}, nil
}
