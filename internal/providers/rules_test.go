package providers

import (
	"strings"
	"testing"

	"reconciler/internal/payment"
)

func testRules() Rules[int] {
	return Rules[int]{
		{Row: Row{Field: "status", Raw: "PAID", Kind: Inconsistent}, When: func(n int) bool { return n < 0 }},
		{Row: Row{Field: "status", Raw: "PAID", Status: payment.Succeeded}},
		{Row: Row{Field: "status", Raw: "DENIED", Status: payment.Failed}, Reason: payment.ReasonDeclined},
		{Row: Row{Field: "code", Raw: "HALF", Status: payment.Review}, When: func(n int) bool { return n == 1 }},
	}
}

func TestRules_GiveTheFirstThatHolds(t *testing.T) {
	rows := []struct {
		name, field, word string
		n                 int
		status            payment.Status
		kind              Kind
		found, knows      bool
	}{
		{"the first in its case", "status", "PAID", -1, "", Inconsistent, true, true},
		{"the next in all others", "status", "PAID", 0, payment.Succeeded, 0, true, true},
		{"without a case", "status", "DENIED", -1, payment.Failed, 0, true, true},
		{"a word of another field", "code", "PAID", 0, "", 0, false, false},
		{"another spelling", "status", "paid", 0, "", 0, false, false},
		{"a known word in no case", "code", "HALF", 2, "", 0, false, true},
		{"nothing", "", "", 0, "", 0, false, false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, ok := testRules().Find(row.field, row.word, row.n)
			if ok != row.found || got.Status != row.status || got.Kind != row.kind {
				t.Errorf("found %t: %+v", ok, got)
			}
			if knows := testRules().Knows(row.field, row.word); knows != row.knows {
				t.Errorf("known: %t", knows)
			}
		})
	}
}

func TestLines_AreACopyInOrder(t *testing.T) {
	rules := testRules()
	lines := Lines(rules)
	if len(lines) != len(rules) || lines[2].Raw != "DENIED" || lines[3].Field != "code" {
		t.Errorf("lines %+v", lines)
	}
	lines[0].Raw = "changed"
	if rules[0].Raw != "PAID" {
		t.Error("who changes the lines changes the table")
	}
}

func TestPlainWord_ChangesASCIIOnly(t *testing.T) {
	rows := map[string]string{
		"Charge": "CHARGE", " charge\r\n": "CHARGE", "": "", "3d": "3D", "partial refund": "PARTIAL REFUND",
		"\u0441reated": "\u0441REATED", "stra\u00dfe": "STRA\u00dfE",
	}
	for raw, want := range rows {
		if got := PlainWord(raw); got != want {
			t.Errorf("%q is %q, want %q", raw, got, want)
		}
	}
	if long := strings.Repeat("a", 1000); PlainWord(long) != strings.ToUpper(long) {
		t.Error("a long word is cut")
	}
}
