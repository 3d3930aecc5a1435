package demo

import (
	"fmt"
	"slices"
	"strings"
)

// Result is what a demo came to: the object that --json prints.
type Result struct {
	Payments int `json:"payments"`
	// Done counts the payments whose scripted life has ended and whose last
	// published status equals what the provider's own ledger says.
	Done int `json:"done"`
	// ByStatus counts payments by their last published status; those without
	// any are under "none".
	ByStatus   map[string]int `json:"by_status"`
	ByProvider map[string]int `json:"by_provider"`
	// Events were published, Polls reached the providers.
	Events   int           `json:"events"`
	Polls    int           `json:"polls"`
	Webhooks WebhookResult `json:"webhooks"`
	// Dead are the dead letters.
	Dead int `json:"dead"`
	// Outcome is a digest of what all payments came to, in hex: equal for equal seeds
	// and numbers of payments, whatever broker carried them. With providers that lie
	// (faults "hostile") it may differ.
	Outcome string `json:"outcome"`
	// Violations of invariants, one line each.
	Violations []string `json:"violations"`
	ElapsedS   float64  `json:"elapsed_s"`

	// unfinished are payments that did not come to their end, one line each, and
	// report is what broke invariants, with whole stories; both for people.
	unfinished []string
	report     string
}

// WebhookResult counts webhooks by the status stream and the merchant's ledger.
type WebhookResult struct {
	// Events were due: one for each event and interested endpoint.
	Events int `json:"events"`
	// Delivered of them arrived with a valid signature and were taken. Attempts
	// reached the merchant, Exhausted were given up.
	Delivered int `json:"delivered"`
	Attempts  int `json:"attempts"`
	Exhausted int `json:"exhausted"`
}

// Passed reports whether the demo came to its end with nothing broken.
func (r Result) Passed() bool {
	return r.Done == r.Payments && r.Webhooks.Delivered == r.Webhooks.Events && len(r.Violations) == 0
}

// Summary is the verdict for people.
func (r Result) Summary() string {
	var b strings.Builder
	word := "PASSED"
	if !r.Passed() {
		word = "FAILED"
	}
	fmt.Fprintf(&b, "\n%s in %.1f s: %d of %d payments ended as their provider's ledger says\n", word, r.ElapsedS, r.Done, r.Payments)
	fmt.Fprintf(&b, "  by status    %s\n", counts(r.ByStatus))
	fmt.Fprintf(&b, "  by provider  %s\n", counts(r.ByProvider))
	fmt.Fprintf(&b, "  %d polls, %d events, %d dead letters\n", r.Polls, r.Events, r.Dead)
	fmt.Fprintf(&b, "  webhooks     %d due, %d delivered with a valid signature in %d attempts, %d given up\n",
		r.Webhooks.Events, r.Webhooks.Delivered, r.Webhooks.Attempts, r.Webhooks.Exhausted)
	fmt.Fprintf(&b, "  invariants   %d broken\n", len(r.Violations))
	fmt.Fprintf(&b, "  outcome      %s: equal for equal seeds\n", r.Outcome)
	for _, u := range r.unfinished {
		fmt.Fprintf(&b, "  unfinished   %s\n", u)
	}
	if r.report != "" {
		fmt.Fprintf(&b, "\n%s", r.report)
	}
	return b.String()
}

// counts lists counts, the highest first.
func counts(by map[string]int) string {
	names := make([]string, 0, len(by))
	for name := range by {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if by[a] != by[b] {
			return by[b] - by[a]
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, by[name])
	}
	return strings.Join(names, ", ")
}
