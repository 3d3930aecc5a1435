package desk

import (
	"strconv"
	"testing"
	"unsafe"
)

func TestLedger_GivesWhatCameSince_WithoutTouchingTheRest(t *testing.T) {
	l := &Ledger{}
	const all = 2*pageSize + 10
	for n := range all {
		if place := l.open(Ask{Payment: strconv.Itoa(n), Credential: n%2 == 0}); place != n {
			t.Fatalf("ask %d has the place %d", n, place)
		}
	}
	l.change(pageSize, func(a *Ask) { a.HTTPStatus = 200 })
	for _, from := range []int{-1, 0, 1, pageSize - 1, pageSize, pageSize + 1, 2 * pageSize, all - 1, all, all + 1} {
		got, first := l.Since(from), max(from, 0)
		if want := max(all-first, 0); len(got) != want {
			t.Errorf("since %d there are %d, want %d", from, len(got), want)
		}
		for i, a := range got {
			if a.Payment != strconv.Itoa(first+i) || (a.HTTPStatus == 200) != (first+i == pageSize) {
				t.Errorf("since %d, ask %d is %+v", from, i, a)
			}
		}
	}
	if l.Count() != all || l.Polls() != all/2 || len(l.Asks()) != all {
		t.Errorf("%d asks, %d polls, %d given", l.Count(), l.Polls(), len(l.Asks()))
	}
}

func TestAsk_IsSmall(t *testing.T) {
	// 100,000 of them are 25 MB.
	if size := unsafe.Sizeof(Ask{}); size > 256 {
		t.Errorf("an ask takes %d bytes", size)
	}
}
