package invariant

import (
	"fmt"
	"strings"

	"reconciler/internal/payment"
)

// Rule is the wording of a rule, or "" for a number that is none.
func Rule(number int) string {
	return map[int]string{
		1: "every valid created event leads to exactly one payment; every watched payment has exactly one pending poll",
		2: "versions are 1..n without gap or repeat, each names the status before it, every move is legal",
		3: "no status is published that the provider did not tell; giving up rests on an answered look; nothing opens again after succeeded",
		4: "one currency, 0 <= refunded <= captured <= expected, succeeded only at the expected amount",
		5: "every event reaches every interested endpoint of its merchant, signed, byte for byte and in order, or is a dead letter; no webhook without an event",
		6: "every invalid input is a dead letter that holds it whole; no valid input is one",
		7: "no provider is asked above its limits, before its Retry-After, or but for single probes while a breaker is open",
		8: "an outage changes no payment's status, spends no look, and changes nothing for the others",
		9: "the state is the fold of the log; no secret and no personal datum is in any stream",
	}[number]
}

// storiesTold bounds a report: the first few payments show the fault, thousands hide it.
const storiesTold = 3

// Report is what to print about violations: each broken rule with what broke
// it, then the stories of the first payments concerned. It is empty where
// nothing is broken.
func Report(h History, violations []Violation) string {
	var out strings.Builder
	rule := 0
	var concerned []string
	told := map[string]bool{}
	for _, v := range violations {
		if v.Rule != rule {
			rule = v.Rule
			fmt.Fprintf(&out, "rule %d: %s\n", rule, Rule(rule))
		}
		fmt.Fprintf(&out, "  %s\n", strings.TrimPrefix(v.String(), fmt.Sprintf("rule %d: ", rule)))
		if v.Payment != "" && !told[v.Payment] {
			told[v.Payment] = true
			concerned = append(concerned, v.Payment)
		}
	}
	if len(concerned) == 0 {
		return out.String()
	}
	names := identities(h)
	for _, name := range concerned[:min(storiesTold, len(concerned))] {
		if k, ok := names[name]; ok {
			out.WriteString("\n" + Story(h, k.merchant, k.payment))
		}
	}
	return out.String()
}

// identities finds payments by how violations name them: an id may hold a "/",
// so the name can't be split.
func identities(h History) map[string]key {
	names := map[string]key{}
	add := func(k key) { names[k.String()] = k }
	for _, in := range h.Created {
		if c, err := payment.ParseCreated(in.Body, h.Now); err == nil {
			add(key{c.MerchantID, c.PaymentID})
		}
	}
	for _, p := range h.Pending {
		add(key{p.Merchant, p.Payment})
	}
	for _, e := range h.Events {
		add(key{e.Merchant, e.Payment})
	}
	return names
}
