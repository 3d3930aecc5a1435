package providertest

import (
	"bytes"
	"strings"
	"testing"
)

// broken are the ways in which CheckLeaks breaks an answer so that an adapter
// complains about it with the answer at hand.
func broken() map[string]func(string) string {
	replace := func(old, new string) func(string) string {
		return func(s string) string { return strings.ReplaceAll(s, old, new) }
	}
	return map[string]func(string) string{
		"as it is": func(s string) string { return s },
		"with another status": func(s string) string {
			return replace(`"status":"`, `"status":"X`)(replace(`"status": "`, `"status": "X`)(s))
		},
		"with another statusName": func(s string) string {
			return replace(`"statusName":"`, `"statusName":"X`)(replace(`"statusName": "`, `"statusName": "X`)(s))
		},
		"with text as amount":        replace(`"amount":`, `"amount":"x","was":`),
		"with a number as type":      replace(`"type":`, `"type":5,"was":`),
		"without a paymentStatus":    replace(`"paymentStatus"`, `"paymentstatus"`),
		"with a number as reference": replace(`"orderNumber":`, `"orderNumber":5,"was":`),
		"cut off":                    func(s string) string { return s[:max(len(s)-3, 0)] },
	}
}

// CheckLeaks reads every golden answer, as it is and broken, and fails if one
// of the hidden values comes out of it. read gives all that an adapter makes of
// an answer. Every hidden value must be in some answer, or nothing is proved.
func CheckLeaks[S any](t *testing.T, goldens []Golden[S], hidden []string, read func(g Golden[S], body []byte) []any) {
	t.Helper()
	held := map[string]bool{}
	for _, g := range goldens {
		values := append(append([]string(nil), hidden...), g.Want.Personal...)
		for _, value := range values {
			held[value] = held[value] || bytes.Contains(g.Body, []byte(value))
		}
		for name, change := range broken() {
			t.Run(g.Name+" "+name, func(t *testing.T) {
				CheckHidden(t, values, read(g, []byte(change(string(g.Body))))...)
			})
		}
	}
	for value, is := range held {
		if !is {
			t.Errorf("%q is in no answer, so its absence proves nothing", value)
		}
	}
	if len(held) == 0 {
		t.Error("nothing is hidden, so nothing was tested")
	}
}
