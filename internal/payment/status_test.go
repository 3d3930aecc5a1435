package payment_test

import (
	"slices"
	"strings"
	"testing"

	"reconciler/internal/payment"
)

// routes says for every pair whether the column's status may follow the row's:
//
//	.  never
//	+  in one step
//	L  in one step, as money that came after the end
//	a  with authorized in between that nobody saw
//	s  with succeeded in between that nobody saw
//
// Columns and rows stand in the same order and are grouped by class: open,
// settled, closed, closed for good, parked.
const routes = `
                    pe ra pr au   pc su pf di   fa ca ex   vo re cb   un rv
pending             .  +  +  +    +  +  s  .    +  +  +    a  s  .    +  +
requires_action     .  .  +  +    +  +  s  .    +  +  +    a  s  .    +  +
processing          .  +  .  +    +  +  s  .    +  +  +    a  s  .    +  +
authorized          .  .  .  .    +  +  s  .    +  +  +    +  s  .    +  +

partially_captured  .  .  .  .    +  +  +  +    .  .  .    +  +  +    .  +
succeeded           .  .  .  .    .  .  +  +    .  .  .    +  +  +    .  +
partially_refunded  .  .  .  .    .  .  +  +    .  .  .    .  +  +    .  +
disputed            .  .  .  .    +  +  +  .    .  .  .    .  +  +    .  +

failed              .  .  .  .    L  L  .  .    .  .  .    .  .  .    .  +
canceled            .  .  .  .    L  L  .  .    .  .  .    .  .  .    .  +
expired             .  .  .  .    L  L  .  .    .  .  .    .  .  .    .  +

voided              .  .  .  .    .  .  .  .    .  .  .    .  .  .    .  .
refunded            .  .  .  .    .  .  .  .    .  .  .    .  .  .    .  .
charged_back        .  .  .  .    .  .  .  .    .  .  .    .  .  .    .  .

unknown             .  .  .  .    +  +  +  +    +  +  +    +  +  +    .  +
review              .  .  .  .    .  .  .  .    .  .  .    .  .  .    .  .
`

func TestRoute_OfEveryPair(t *testing.T) {
	rows := routeRows(t)
	if len(rows) != len(payment.Statuses()) {
		t.Fatalf("the table has %d rows for %d statuses", len(rows), len(payment.Statuses()))
	}
	for _, from := range rows {
		for i, to := range rows {
			want, ok := map[string]payment.Moves{
				".": {},
				"+": {Legal: true},
				"L": {Legal: true, Late: true},
				"a": {Legal: true, Implied: []payment.Status{payment.Authorized}},
				"s": {Legal: true, Implied: []payment.Status{payment.Succeeded}},
			}[from.marks[i]]
			if !ok {
				t.Fatalf("%s, column %d: no such mark: %q", from.status, i, from.marks[i])
			}
			got := payment.Route(from.status, to.status)
			if got.Legal != want.Legal || got.Late != want.Late || !slices.Equal(got.Implied, want.Implied) {
				t.Errorf("%s then %s: got %+v, want %+v", from.status, to.status, got, want)
			}
		}
	}
}

type routeRow struct {
	status payment.Status
	marks  []string
}

// routeRows reads the table; every status must have its row of 16 marks.
func routeRows(t *testing.T) []routeRow {
	t.Helper()
	var rows []routeRow
	for line := range strings.Lines(routes) {
		fields := strings.Fields(line)
		if len(fields) == 0 || len(fields) == len(payment.Statuses()) {
			continue // an empty line, the heads of the columns
		}
		row := routeRow{status: payment.Status(fields[0]), marks: fields[1:]}
		if !row.status.Valid() || len(row.marks) != len(payment.Statuses()) {
			t.Fatalf("a row with %d marks of %q, which must be a status", len(row.marks), row.status)
		}
		if slices.ContainsFunc(rows, func(r routeRow) bool { return r.status == row.status }) {
			t.Fatalf("two rows of %s", row.status)
		}
		rows = append(rows, row)
	}
	return rows
}

func TestStatus_Predicates(t *testing.T) {
	const (
		open = 1 << iota
		final
		paid
		parked
		closed
		forGood
	)
	want := map[payment.Status]int{
		payment.Pending:           open,
		payment.RequiresAction:    open,
		payment.Processing:        open,
		payment.Authorized:        open,
		payment.PartiallyCaptured: final | paid,
		payment.Succeeded:         final | paid,
		payment.PartiallyRefunded: final | paid,
		payment.Disputed:          final | paid,
		payment.Failed:            final | closed,
		payment.Canceled:          final | closed,
		payment.Expired:           final | closed,
		payment.Voided:            final | forGood,
		payment.Refunded:          final | forGood,
		payment.ChargedBack:       final | forGood,
		payment.Unknown:           parked,
		payment.Review:            parked,
		// Not statuses: nothing is true of them.
		"":          0,
		"SUCCEEDED": 0,
		"paid":      0,
	}
	for _, s := range payment.Statuses() {
		if _, ok := want[s]; !ok {
			t.Errorf("%s is not in this test", s)
		}
	}
	for s, bits := range want {
		for _, p := range []struct {
			name string
			bit  int
			got  bool
		}{
			{"Open", open, s.Open()}, {"Final", final, s.Final()}, {"Paid", paid, s.Paid()},
			{"Parked", parked, s.Parked()}, {"Closed", closed, s.Closed()}, {"ClosedForGood", forGood, s.ClosedForGood()},
		} {
			if wanted := bits&p.bit != 0; p.got != wanted {
				t.Errorf("%q: %s is %t, want %t", s, p.name, p.got, wanted)
			}
		}
		if s.Valid() != (bits != 0) {
			t.Errorf("%q: Valid is %t", s, s.Valid())
		}
	}
}

func TestStatuses_AreSixteenDifferentOnes(t *testing.T) {
	all := payment.Statuses()
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != 16 {
		t.Errorf("%d different statuses", n)
	}
	all[0] = "changed"
	if payment.Status("changed").Valid() || slices.Contains(payment.Statuses(), "changed") {
		t.Error("the caller's slice is the table's own")
	}
}

func TestRoute_KnowsNoOtherWords(t *testing.T) {
	for _, s := range payment.Statuses() {
		for _, word := range []payment.Status{"", "SUCCEEDED", "paid"} {
			if payment.Route(s, word).Legal || payment.Route(word, s).Legal {
				t.Errorf("%q may stand before or after %s", word, s)
			}
		}
	}
}

// A status that was skipped must be a step that any poll could have seen, and
// never one that must be told of: else a refund after a failure, which means
// that money was lost somewhere, would pass for a legal history.
func TestRoute_SkipsOnlyOrdinarySteps(t *testing.T) {
	for _, from := range payment.Statuses() {
		for _, to := range payment.Statuses() {
			at := from
			for _, skipped := range payment.Route(from, to).Implied {
				if skipped == payment.Disputed || skipped.Parked() || skipped.Closed() || skipped.ClosedForGood() {
					t.Errorf("%s then %s skips through %s", from, to, skipped)
				}
				wantOrdinaryStep(t, at, skipped)
				at = skipped
			}
			if at != from {
				wantOrdinaryStep(t, at, to)
				if !from.Open() {
					t.Errorf("%s then %s skips %v: only an open status may be left unseen", from, to, payment.Route(from, to).Implied)
				}
			}
		}
	}
}

func wantOrdinaryStep(t *testing.T, from, to payment.Status) {
	t.Helper()
	if step := payment.Route(from, to); !step.Legal || step.Late || len(step.Implied) > 0 {
		t.Errorf("the skipped step %s then %s is itself %+v", from, to, step)
	}
}

func TestRoute_NeverLeadsBackToAnOpenStatus(t *testing.T) {
	for _, from := range payment.Statuses() {
		if from.Open() {
			continue
		}
		for _, to := range everReached(from) {
			if to.Open() {
				t.Errorf("%s can lead to %s", from, to)
			}
		}
	}
}

func TestRoute_EndsWhereNothingFollows(t *testing.T) {
	for _, from := range payment.Statuses() {
		follows := everReached(from)
		// Only a person leaves a review, and that is no look at a provider.
		if end := from.ClosedForGood() || from == payment.Review; end != (len(follows) == 0) {
			t.Errorf("%s can lead to %v", from, follows)
		}
	}
}

func TestRoute_LeavesNoStatusUnreached(t *testing.T) {
	follows := everReached(payment.Pending)
	for _, s := range payment.Statuses() {
		if s != payment.Pending && !slices.Contains(follows, s) {
			t.Errorf("a payment that begins as pending never becomes %s", s)
		}
	}
}

// everReached is what a history may hold after from, however many moves later.
func everReached(from payment.Status) []payment.Status {
	var reached []payment.Status
	for queue := []payment.Status{from}; len(queue) > 0; queue = queue[1:] {
		for _, to := range payment.Statuses() {
			if payment.Route(queue[0], to).Legal && !slices.Contains(reached, to) {
				reached = append(reached, to)
				queue = append(queue, to)
			}
		}
	}
	return reached
}

func TestRoute_MarksAsLateOnlyMoneyAfterTheEnd(t *testing.T) {
	for _, from := range payment.Statuses() {
		for _, to := range payment.Statuses() {
			route := payment.Route(from, to)
			if wanted := route.Legal && from.Closed() && to.Paid(); route.Late != wanted {
				t.Errorf("%s then %s: late is %t", from, to, route.Late)
			}
		}
	}
}
