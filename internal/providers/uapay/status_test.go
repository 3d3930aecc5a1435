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
		seen[row.Raw+" "+row.Field]++
	}
	for _, p := range processingWords {
		for _, i := range invoicerWords {
			if seen[p+"/"+i+" "+axesField] != 1 {
				t.Errorf("%s/%s is in the table %d times", p, i, seen[p+"/"+i+" "+axesField])
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
	if p.Name != "uapay" || p.Floor != 5e9 || p.Absence != providers.AbsenceUnsettled || p.MappingVersion != "uapay/1" {
		t.Errorf("profile %+v", p)
	}
	if len(p.Table) != len(statusTable)+len(errorTable) {
		t.Errorf("%d rows", len(p.Table))
	}
}
