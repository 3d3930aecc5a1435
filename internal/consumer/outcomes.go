package consumer

import (
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// Outcome is one line of the table by which every poll is judged, in words, for
// documents and screens.
type Outcome struct {
	// Kind is that of a failed poll; 0: the provider told a known status.
	Kind providers.Kind
	// Answered: the provider spoke about this payment, so the give-up clock runs.
	Answered bool
	// Breaker is what the account's breaker makes of it, Next when the payment is
	// looked at again.
	Breaker, Next string
	// Doubt is the reason of the review that it becomes when it lasts; empty: none.
	Doubt payment.Reason
	// Alarm: a person should know now.
	Alarm bool
}

// Outcomes lists the table, the known status first, then the kinds in their order.
func Outcomes() []Outcome {
	all := []Outcome{answeredWell.outcome(0)}
	for _, kind := range providers.Kinds() {
		all = append(all, effects[kind].outcome(kind))
	}
	return all
}

func (e effect) outcome(kind providers.Kind) Outcome {
	return Outcome{Kind: kind, Answered: e.answered, Breaker: e.breaker.String(), Next: e.next(), Doubt: e.doubt, Alarm: e.alarm}
}

// String names the effect as tables do.
func (b breakerEffect) String() string {
	return [...]string{
		breakerSuccess: "success", breakerFailure: "failure", breakerNeutral: "neutral",
		breakerThrottle: "neutral; the tap closes for Retry-After", breakerOpen: "opens at once",
	}[b]
}

func (e effect) next() string {
	switch {
	case e.cadence && e.doubt != "":
		return "by the cadence, soon enough to know whether it lasts"
	case e.cadence:
		return "by the cadence"
	case e.breaker == breakerThrottle:
		return "after Retry-After"
	}
	return "as soon as the tap lets it through"
}
