package simulation

import (
	"fmt"
	"strings"

	"reconciler/internal/history/peers"
	"reconciler/internal/invariant"
)

// mostTold is how many payments a report tells whole.
const mostTold = 3

// report prints all that is needed to write the direct test: the plan with what
// was done when, the whole history of the payments concerned, and what the
// processes said and did last.
func (w *world) report(v verdict, h invariant.History, violations []invariant.Violation) {
	var text strings.Builder
	fmt.Fprintf(&text, "the plan of seed %d:\n%s\n", w.seed, w.notes)
	told := map[string]bool{}
	for _, p := range w.announced {
		if len(told) == mostTold {
			break
		}
		for _, line := range v {
			if !told[p.ID] && strings.Contains(line, p.ID) {
				told[p.ID] = true
				fmt.Fprintf(&text, "\npayment %s\n%s\n", p.ID, invariant.Story(h, p.Merchant, p.ID))
				w.tellAsks(&text, p)
				for _, j := range w.journals {
					fmt.Fprintf(&text, "%s\n", j.about(p.ID))
				}
			}
		}
	}
	for _, p := range w.living() {
		fmt.Fprintf(&text, "\nthe last calls of process %d:\n%s\n", p.n, p.nats.Log())
	}
	w.Log(text.String())
}

// tellAsks lists what went wrong on purpose when the provider was asked about a payment.
func (w *world) tellAsks(text *strings.Builder, p peers.Payment) {
	key := peers.Truth(w.sandbox, p).Payment
	for _, ask := range w.sandbox.Asked() {
		if ask.Payment == key && (ask.Fault != "" || ask.Refused != "") {
			fmt.Fprintf(text, "%s  ask met %s %s: HTTP %d, told %q, true %q\n", w.at(ask.Arrived), ask.Fault, ask.Refused, ask.HTTPStatus, ask.Told, ask.Truth)
		}
	}
}
