// Package fault plans what goes wrong in the sandbox, and nothing else: which
// ask or webhook attempt meets which fault. A plan is fixed by its seed and by
// the count of asks per payment, not by the order of goroutines.
//
// It promises that everything ends: a payment meets at most a few faults in a
// row and a bounded number in all, a webhook at most three, and outages are
// windows of fixed length. Troubles are outside the plan: somebody wants them, and
// says when they end. Plans keep counters only and are safe for concurrent use.
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
	// Hostile: as Some, and one ask in five is answered by somebody who means ill.
	Hostile
)

// levels are all of them, by name.
var levels = map[Level]string{None: "none", Some: "some", Many: "many", Hostile: "hostile"}

// Parse reads a level's name.
func Parse(name string) (Level, error) {
	for l, its := range levels {
		if name == its {
			return l, nil
		}
	}
	return None, fmt.Errorf("faults must be none, some, many or hostile, not %q", shorten(name))
}

func shorten(text string) string {
	if len(text) > 32 {
		text = text[:32]
	}
	return strings.ToValidUTF8(text, "?")
}

// String is the level's name.
func (l Level) String() string {
	if name, ok := levels[l]; ok {
		return name
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
	// Slow: the right answer, late: by half a step, or by what a trouble says.
	Slow Kind = "slow"
	// Throttle: HTTP 429 with Retry-After: 1, or what a trouble says.
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
	// OutageHang: no answer during an outage window; ends when the client goes
	// away, at the latest with the window.
	OutageHang Kind = "outage_hang"
	// OutageRefused: connections are closed before a byte is read, during an outage
	// window. To the client it is as if nobody listened; the ledger still counts it.
	OutageRefused Kind = "outage_refused"
)

// outageKinds are all that an outage can be. Only the first two are drawn by a
// plan: the others take a client's whole time limit, or look like no provider at
// all, and are for who asks for them.
var outageKinds = []Kind{Outage503, OutageReset, OutageHang, OutageRefused}

// What goes wrong when a webhook arrives, beside Hang, Slow, Reset and Error500.
const (
	// Unavailable503: HTTP 503 with Retry-After: 1, or what a trouble says.
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
