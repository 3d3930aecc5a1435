// Package fault plans what goes wrong in the sandbox, and nothing else: which
// ask or webhook attempt meets which fault. A plan is fixed by its seed and by
// the count of asks per payment, not by the order of goroutines.
//
// It promises that everything ends: a payment meets at most a few faults in a
// row and a bounded number in all, a webhook at most three, and outages are
// windows of fixed length. Plans keep counters only and are safe for
// concurrent use.
package fault

import (
	"fmt"
	"strings"
)

// Level is how much goes wrong.
type Level int

// The levels.
const (
	// None: nothing goes wrong.
	None Level = iota
	// Some: about one ask in twelve fails, one outage per provider, some webhook
	// attempts fail.
	Some
	// Many: about one ask in four fails, two outages per provider, most webhooks fail at first.
	Many
)

// Parse reads a level's name.
func Parse(name string) (Level, error) {
	for l := None; l <= Many; l++ {
		if name == l.String() {
			return l, nil
		}
	}
	return None, fmt.Errorf("faults must be none, some or many, not %q", shorten(name))
}

func shorten(text string) string {
	if len(text) > 32 {
		text = text[:32]
	}
	return strings.ToValidUTF8(text, "?")
}

// String is the level's name.
func (l Level) String() string {
	switch l {
	case None:
		return "none"
	case Some:
		return "some"
	case Many:
		return "many"
	}
	return fmt.Sprintf("level(%d)", int(l))
}

// Kind is one thing that goes wrong; it is also its name in the ledgers.
type Kind string

// What goes wrong when a provider is asked. OK is no fault.
const (
	OK Kind = ""
	// Error500: HTTP 500 with a JSON or empty body.
	Error500 Kind = "http_500"
	// Error503: HTTP 503 with the HTML page of a gateway.
	Error503 Kind = "http_503_html"
	// Hang: no answer; ends when the client goes away, at the latest after two steps.
	Hang Kind = "hang"
	// Slow: the right answer, late.
	Slow Kind = "slow"
	// Throttle: HTTP 429 with Retry-After: 1.
	Throttle Kind = "http_429"
	// Busy: the provider's own words for "try again later", where it has them.
	Busy Kind = "busy"
	// Garbage: HTTP 200 with something that is no answer.
	Garbage Kind = "garbage"
	// Reset: the connection is reset before any answer.
	Reset Kind = "reset"
	// Cut: the right answer, with its end missing.
	Cut Kind = "truncated"
	// Outage503 and OutageReset: as above, during an outage window.
	Outage503   Kind = "outage_503"
	OutageReset Kind = "outage_reset"
)

// What goes wrong when a webhook arrives, beside Hang, Slow, Reset and Error500.
const (
	// Unavailable503: HTTP 503 with Retry-After: 1.
	Unavailable503 Kind = "http_503_retry_after"
	// Redirect: HTTP 302 to a place where no webhook must ever arrive.
	Redirect Kind = "redirect_302"
)

// askKinds are drawn from for asks, with repeats as weights.
var askKinds = []Kind{Error500, Error503, Hang, Slow, Slow, Throttle, Busy, Garbage, Reset, Cut}

// hookKinds are drawn from for webhook attempts.
var hookKinds = []Kind{Error500, Unavailable503, Hang, Reset, Redirect, Slow}

// AskKinds lists what an ask may meet, for tests and reports; repeats are weights.
func AskKinds() []Kind { return append([]Kind{Outage503, OutageReset}, askKinds...) }

// HookKinds lists what a webhook attempt may meet.
func HookKinds() []Kind { return append([]Kind(nil), hookKinds...) }
