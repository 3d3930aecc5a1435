package uapay

import (
	"slices"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// The words of the two axes, from the pages of payments/show.
var (
	processingWords = strings.Fields("OPEN PAYED FINISHED REVERSED RETURNED CLOSED PENDING REJECTED HOLDED CANCELED NEEDS_CONFIRMATION")
	invoicerWords   = strings.Fields("NEW PAID FINISHED REVERSED CANCELED")
)

func TestStatusTable_HoldsEveryPairOnce(t *testing.T) {
	seen := map[string]int{}
	for _, row := range statusTable {
		if row.Field != axesField {
			t.Errorf("%+v stands in another field", row)
		}
		seen[row.Raw]++
	}
	seen["CANCELED/CANCELED"]-- // two rows, see the test of its cases
	for _, p := range processingWords {
		for _, i := range invoicerWords {
			if seen[p+"/"+i] != 1 {
				t.Errorf("%s/%s is in the table %d times", p, i, seen[p+"/"+i])
			}
		}
	}
	if len(statusTable) != len(processingWords)*len(invoicerWords)+1 {
		t.Errorf("%d rows", len(statusTable))
	}
}

func TestMapPair_MeansTheSameEitherWayRound_ForSharedWords(t *testing.T) {
	shared := []string{"FINISHED", "REVERSED", "CANCELED"}
	for _, a := range shared {
		for _, b := range shared {
			one, _ := mapPair(a, b, payment.Pending)
			other, _ := mapPair(b, a, payment.Pending)
			if one.Status != other.Status || one.Kind != other.Kind {
				t.Errorf("%s/%s is %v, %s/%s is %v", a, b, one, b, a, other)
			}
		}
	}
}

func TestMapPair_TakesSwappedWords_OnlyWhereTheyFitNoOtherWay(t *testing.T) {
	for _, p := range processingWords {
		for _, i := range invoicerWords {
			straight, swapped := mapPair(p, i, payment.Pending)
			if swapped {
				t.Errorf("%s/%s was swapped", p, i)
			}
			if slices.Contains(processingWords, i) && slices.Contains(invoicerWords, p) {
				continue
			}
			turned, swapped := mapPair(i, p, payment.Pending)
			if !swapped || turned != straight {
				t.Errorf("%s/%s the other way round: %+v, swapped %v", p, i, turned, swapped)
			}
		}
	}
}

func TestMapPair_KnowsNoOtherWords(t *testing.T) {
	for _, pair := range [][2]string{{"finished", "FINISHED"}, {"", ""}, {"FINISHED ", "FINISHED"}, {"ACTIVE", "NEW"}, {"PAID", "NEW"}, {"OPEN", "OPEN"}} {
		if row, _ := mapPair(pair[0], pair[1], payment.Pending); row.Kind != providers.UnknownStatus {
			t.Errorf("%v is %+v", pair, row)
		}
	}
}

func TestProfile_ShowsTheTables(t *testing.T) {
	p := (&Adapter{}).Profile()
	if p.Name != "uapay" || p.Floor != 5e9 || p.Absence != providers.AbsenceUnsettled || p.MappingVersion != "uapay/2" {
		t.Errorf("profile %+v", p)
	}
	if len(p.Table) != len(statusTable)+len(listTable)+len(envelopeTable)+len(errorTable) {
		t.Errorf("%d rows", len(p.Table))
	}
	for _, row := range p.Table {
		// A word with several rows says of each when it holds.
		same := slices.DeleteFunc(slices.Clone(p.Table), func(r providers.Row) bool { return r.Field != row.Field || r.Raw != row.Raw })
		if len(same) > 1 && row.Case == "" {
			t.Errorf("%s %s has %d rows, and one does not say when it holds", row.Field, row.Raw, len(same))
		}
	}
}

// The cells as the provider's facts have them, read as a table: the rows are the
// words of processing, the columns those of the invoicer. p pending, a
// requires_action, w processing, h authorized, s succeeded, r refunded, v voided,
// c canceled, f failed; l lags, ! is a review, ? is unknown.
const cells = `
                     NEW PAID FINISHED REVERSED CANCELED
 OPEN                p   !    !        !        l
 PENDING             w   w    l        l        l
 NEEDS_CONFIRMATION  a   l    !        !        l
 HOLDED              l   h    l        !        l
 PAYED               w   w    s        l        !
 FINISHED            l   s    s        !        !
 REVERSED            l   l    !        r        !
 RETURNED            l   l    !        r        !
 CANCELED            c   v    !        !        c
 REJECTED            f   !    !        !        f
 CLOSED              ?   ?    ?        ?        ?
`

func TestMapPair_GivesEveryCell(t *testing.T) {
	statuses := map[string]payment.Status{
		"p": payment.Pending, "a": payment.RequiresAction, "w": payment.Processing, "h": payment.Authorized, "s": payment.Succeeded,
		"r": payment.Refunded, "v": payment.Voided, "c": payment.Canceled, "f": payment.Failed, "!": payment.Review,
	}
	kinds := map[string]providers.Kind{"l": providers.Inconsistent, "?": providers.UnknownStatus}
	lines := strings.Split(strings.Trim(cells, "\n"), "\n")
	columns := strings.Fields(lines[0])
	for _, line := range lines[1:] {
		marks := strings.Fields(line)
		for i, invoicer := range columns {
			row, swapped := mapPair(marks[0], invoicer, payment.Pending)
			if row.Status != statuses[marks[i+1]] || row.Kind != kinds[marks[i+1]] || swapped {
				t.Errorf("%s/%s is %+v, want %q", marks[0], invoicer, row, marks[i+1])
			}
		}
	}
	if len(lines) != len(processingWords)+1 || len(columns) != len(invoicerWords) {
		t.Errorf("%d lines of %d columns", len(lines), len(columns))
	}
}

func TestMapPair_TellsAReleaseFromACanceling_ByWhatWasSeenBefore(t *testing.T) {
	for _, last := range payment.Statuses() {
		want := payment.Canceled
		if last == payment.Authorized || last == payment.Voided {
			want = payment.Voided
		}
		if row, _ := mapPair("CANCELED", "CANCELED", last); row.Status != want {
			t.Errorf("after %s it is %s, want %s", last, row.Status, want)
		}
	}
}

// The methods' pages put the two axes into opposite fields.
func TestMethods_DeclareTheirOrientation(t *testing.T) {
	rows := []struct {
		method               method
		processing, invoicer string
	}{
		{checkStatus, "status", "paymentStatus"},
		{invoicesShow, "paymentStatus", "status"},
	}
	for _, row := range rows {
		if row.method.axes != (axes{processing: row.processing, invoicer: row.invoicer}) {
			t.Errorf("%s is declared as %+v", row.method.path, row.method.axes)
		}
	}
}
