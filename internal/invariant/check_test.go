package invariant_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"reconciler/internal/invariant"
)

func TestCheck_FindsNothing_InAFaultlessHistory(t *testing.T) {
	h := validHistory()
	if found := invariant.Check(h); len(found) > 0 {
		t.Errorf("found\n%s", invariant.Report(h, found))
	}
	h.Quiet = false
	if found := invariant.Check(h); len(found) > 0 {
		t.Errorf("not quiet: found\n%s", invariant.Report(h, found))
	}
}

func TestCheck_FindsNothing_InNothing(t *testing.T) {
	if found := invariant.Check(invariant.History{}); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	if found := invariant.Check(invariant.History{Quiet: true}); len(found) > 0 {
		t.Errorf("quiet: found %v", found)
	}
}

func TestCheck_SortsByRuleThenPayment(t *testing.T) {
	h := validHistory()
	for i := range h.Looks {
		h.Looks[i].TooSoon = true
	}
	edit(&h, "p-wrong", 2, func(d *data) { d.Version = 3 })
	edit(&h, "p-late", 2, func(d *data) { d.Version = 4 })
	found := invariant.Check(h)
	if len(found) < 4 {
		t.Fatalf("found only %v", found)
	}
	if !slices.IsSortedFunc(found, func(a, b invariant.Violation) int {
		return strings.Compare(fmt.Sprint(a.Rule, a.Payment), fmt.Sprint(b.Rule, b.Payment))
	}) {
		t.Errorf("out of order: %v", found)
	}
}

func TestCheck_ChangesNothingInTheHistory(t *testing.T) {
	h := validHistory()
	slices.Reverse(h.Events)
	before := fmt.Sprint(h.Events[0].ID, h.Events[len(h.Events)-1].ID)
	if found := invariant.Check(h); len(found) > 0 {
		t.Errorf("the order of the slice matters: %v", found)
	}
	if after := fmt.Sprint(h.Events[0].ID, h.Events[len(h.Events)-1].ID); after != before {
		t.Error("the events were put in another order")
	}
}

func BenchmarkCheck(b *testing.B) {
	h := manyPayments(5000)
	if found := invariant.Check(h); len(found) > 0 {
		b.Fatalf("found %v", found[:min(3, len(found))])
	}
	b.ReportAllocs()
	for b.Loop() {
		invariant.Check(h)
	}
}
