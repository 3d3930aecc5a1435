package demo

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// passed is the result of a demo that came to its end.
func passed() Result {
	return Result{
		Payments: 4, Done: 4, ByStatus: map[string]int{"succeeded": 3, "failed": 1},
		ByProvider: map[string]int{"finipay": 1, "halyk": 1, "uapay": 1, "ecommpay": 1},
		Events:     11, Polls: 23, Webhooks: WebhookResult{Events: 12, Delivered: 12, Attempts: 15, Exhausted: 0},
		Outcome: "3f2a", Violations: []string{}, ElapsedS: 12.34,
	}
}

func TestResult_JSONIsAsDocumented(t *testing.T) {
	want, err := os.ReadFile("testdata/result.json")
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(passed())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, bytes.TrimSpace(want)) {
		t.Errorf("the result is\n%s\nwant\n%s", got, want)
	}
}

func TestResult_Passed(t *testing.T) {
	if !passed().Passed() {
		t.Error("a result without a fault did not pass")
	}
	for name, spoil := range map[string]func(*Result){
		"a payment is not done":    func(r *Result) { r.Done-- },
		"a webhook did not arrive": func(r *Result) { r.Webhooks.Delivered-- },
		"an invariant is broken":   func(r *Result) { r.Violations = append(r.Violations, "rule 2") },
	} {
		r := passed()
		spoil(&r)
		if r.Passed() {
			t.Errorf("it passed although %s", name)
		}
	}
}

func TestSummary_TellsWhatFailed(t *testing.T) {
	r := passed()
	if got := r.Summary(); !strings.Contains(got, "PASSED in 12.3 s: 4 of 4") || !strings.Contains(got, "outcome      3f2a: equal for equal seeds\n") || strings.Contains(got, "unfinished") {
		t.Errorf("the summary is %q", got)
	}
	r.Done, r.Violations = 3, []string{"rule 2: p: version 3 follows where 2 was due"}
	r.unfinished, r.report = []string{"p at halyk: published \"pending\""}, "rule 2: versions\n  p: version 3\n"
	got := r.Summary()
	for _, want := range []string{"FAILED in 12.3 s: 3 of 4", "unfinished   p at halyk", "invariants   1 broken", "rule 2: versions\n  p: version 3\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("the summary is %q, want %q in it", got, want)
		}
	}
}

func TestCounts_HighestFirstThenByName(t *testing.T) {
	got := counts(map[string]int{"b": 2, "a": 2, "c": 7, "none": 1})
	if got != "c 7, a 2, b 2, none 1" {
		t.Errorf("the counts are %q", got)
	}
	if got := counts(nil); got != "" {
		t.Errorf("no counts are %q", got)
	}
}
