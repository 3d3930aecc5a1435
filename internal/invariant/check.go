package invariant

import (
	"cmp"
	"fmt"
	"slices"
)

// Violation is one broken promise.
type Violation struct {
	// Rule is the number of the rule (see Rule).
	Rule int `json:"rule"`
	// Payment is "merchant/payment", or empty where it concerns none.
	Payment string `json:"payment,omitempty"`
	// Detail says what is wrong, without bodies or sealed strings.
	Detail string `json:"detail"`
}

// String is one line for people.
func (v Violation) String() string {
	if v.Payment == "" {
		return fmt.Sprintf("rule %d: %s", v.Rule, v.Detail)
	}
	return fmt.Sprintf("rule %d: %s: %s", v.Rule, v.Payment, v.Detail)
}

// Check gives every violation in the history, sorted by rule, then payment.
func Check(h History) []Violation {
	j := newJudge(h)
	j.judgeInputs()
	for _, r := range j.records {
		j.judgeTimers(r)
		j.judgeVersions(r)
		j.judgeTold(r)
		j.judgeSpent(r)
		j.judgeGiveUps(r)
		j.judgeMoney(r)
		j.judgeFold(r)
	}
	j.judgePending()
	j.judgeWebhooks()
	j.judgePatience()
	j.judgeLimits()
	j.judgeSealed()
	slices.SortStableFunc(j.found, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Payment, b.Payment))
	})
	return j.found
}
